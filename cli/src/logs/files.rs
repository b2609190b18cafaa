//! Logs that `madang up` keeps.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::line::{About, Line};
use crate::exit::Closed;
use crate::shop::{FindArgs, Folder};

/// Bytes of a line at most; what is beyond counts as a line of its own.
const LINE: u64 = 64 * 1024;

/// The folder of the logs of a shop that runs, or of one that is closed.
pub(super) fn folder(data: Option<&Path>, find: &FindArgs) -> Result<PathBuf> {
    if let Some(data) = data {
        return Ok(data.join("logs"));
    }
    let found = find.find()?.logs;
    Ok(found.unwrap_or_else(|| Folder::usual().logs()))
}

/// The lines of all logs there that are about an order.
pub(super) fn lines(folder: &Path, about: &mut About) -> Result<Vec<Line>> {
    let logs = logs(folder)?;
    for (_, path) in &logs {
        each(path, |line| about.learn(line))?;
    }
    let mut picked = Vec::new();
    for (source, path) in &logs {
        let mut time = None;
        each(path, |line| picked.extend(about.pick(source, line, &mut time)))?;
    }
    Ok(picked)
}

/// Services and their logs, what was set aside first.
fn logs(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Closed { file: folder.to_owned() }.into());
        }
        read => read.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut logs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let service = name.strip_suffix(".log.1").map(|service| (service, 0));
        if let Some((service, age)) = service.or_else(|| name.strip_suffix(".log").map(|it| (it, 1))) {
            logs.push((service.to_owned(), age, path.clone()));
        }
    }
    logs.sort();
    Ok(logs.into_iter().map(|(service, _, path)| (service, path)).collect())
}

fn each(path: &Path, mut tell: impl FnMut(&str)) -> Result<()> {
    let told = || format!("cannot read {}", path.display());
    let file = match File::open(path) {
        // It was set aside in this moment.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.with_context(told)?,
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut reader, LINE).read_until(b'\n', &mut line).with_context(told)?;
        if read == 0 {
            return Ok(());
        }
        tell(String::from_utf8_lossy(&line).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "0198c0de-0000-7000-8000-000000000001";

    fn write(folder: &Path, name: &str, lines: &[&str]) {
        std::fs::write(folder.join(name), lines.join("\n")).unwrap();
    }

    #[test]
    fn all_logs_are_read_those_set_aside_too() {
        let folder = tempfile::tempdir().unwrap();
        let placed =
            format!(r#"{{"madang.order.id":"{ORDER}","trace_id":"t1","timestamp":"2026-11-26T19:00:02Z"}}"#);
        write(folder.path(), "orders.log.1", &[&placed, "{}"]);
        write(folder.path(), "orders.log", &["", r#"{"trace_id":"t1","timestamp":"2026-11-26T19:00:03Z"}"#]);
        write(folder.path(), "gateway.log", &[r#"{"trace_id":"t1","timestamp":"2026-11-26T19:00:01Z"}"#]);
        write(folder.path(), "notes.txt", &[ORDER]);
        std::fs::write(folder.path().join("payments.log"), [vec![b'x'; 200_000], vec![0xff, b'\n']].concat())
            .unwrap();
        let lines = lines(folder.path(), &mut About::order(ORDER).unwrap()).unwrap();
        let sources: Vec<&str> = lines.iter().map(|line| line.source.as_str()).collect();
        assert_eq!(sources, ["gateway", "orders", "orders"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_shop_that_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let error = lines(&folder.path().join("logs"), &mut About::order(ORDER).unwrap()).unwrap_err();
        assert!(error.is::<Closed>());
    }
}
