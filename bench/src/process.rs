//! Processes that are measured, as the kernel tells of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a yardstick may take to tell where it is.
const READY: Duration = Duration::from_secs(10);

/// A process of the yardsticks, until this is dropped.
#[derive(Debug)]
pub struct Process {
    /// Where it serves.
    pub url: String,
    pid: i32,
    _child: Child,
}

impl Process {
    /// Starts `program yard NAME`, and waits until it serves. Of its database this is the path, where it has one.
    ///
    /// # Errors
    /// Where it does not start or does not tell its address.
    pub async fn start(
        program: &Path,
        name: &str,
        data: Option<PathBuf>,
        more: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["yard", name]).stdout(Stdio::piped()).kill_on_drop(true);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        command.args(more.iter().flat_map(|(flag, value)| [flag, value]));
        let mut child = command.spawn().with_context(|| format!("{} does not start", program.display()))?;
        let url = first_line(&mut child, READY).await?;
        anyhow::ensure!(url.starts_with("http://"), "the yardstick {name} has ended");
        let pid = i32::try_from(child.id().with_context(|| format!("{name} has ended"))?)?;
        Ok(Self { url, pid, _child: child })
    }

    /// Its id.
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

/// The first line that a child says, which has its output piped, without blanks around it; empty where it ends before.
pub(crate) async fn first_line(child: &mut Child, patience: Duration) -> Result<String> {
    let said = child.stdout.take().context("it has no output")?;
    let mut line = String::new();
    timeout(patience, BufReader::new(said).read_line(&mut line)).await??;
    Ok(line.trim().to_owned())
}

/// Sends a signal.
pub(crate) fn signal(pid: i32, signal: Signal) -> Result<()> {
    Ok(kill_process(Pid::from_raw(pid).context("no such process")?, signal)?)
}

/// CPU that these processes have used with all their threads, of user and system.
///
/// # Errors
/// Where one of them has ended.
pub fn cpu(pids: &[i32]) -> Result<Duration> {
    let per_second = rustix::param::clock_ticks_per_second();
    let mut ticks = 0;
    for pid in pids {
        let file = format!("/proc/{pid}/stat");
        let text = fs::read_to_string(&file).with_context(|| format!("{file}: has it ended?"))?;
        ticks += ticks_of(&text).with_context(|| format!("{file} is unlike those known"))?;
    }
    Ok(Duration::from_millis(ticks * 1_000 / per_second))
}

/// The processes of this machine whose names are wanted, without this one.
pub(crate) fn named(is_wanted: impl Fn(&str) -> bool) -> Result<Vec<i32>> {
    let own = i32::try_from(std::process::id())?;
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended since.
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if pid != own && is_wanted(name.trim_end()) {
            all.push(pid);
        }
    }
    Ok(all)
}

/// CPU that this process has used.
pub(crate) fn own_cpu() -> Result<Duration> {
    cpu(&[i32::try_from(std::process::id())?])
}

/// The fields utime and stime; the name before them may have blanks and brackets.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All of its pages that are in RAM.
    pub(crate) resident: u64,
    /// The same, where a page that others have too counts in part.
    pub(crate) proportional: u64,
}

pub(crate) fn memory(pid: i32) -> Result<Memory> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&file).with_context(|| format!("{file}: has it ended?"))?;
    memory_of(&text).with_context(|| format!("{file} is unlike those known"))
}

fn memory_of(rollup: &str) -> Option<Memory> {
    let of = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some(Memory { resident: of("Rss:")?, proportional: of("Pss:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_that_of_user_and_system_whatever_the_name() {
        let stat = "7 (a) b) R 1 7 7 0 -1 4194560 100 0 0 0 250 50 1 2 20 0 4 0 100 0 0";
        assert_eq!(ticks_of(stat), Some(300));
        assert_eq!(ticks_of("7 (a) R 1"), None);
    }

    #[test]
    fn a_process_that_works_uses_cpu() {
        let own = [i32::try_from(std::process::id()).unwrap()];
        let before = cpu(&own).unwrap();
        let mut number = 1_u64;
        while cpu(&own).unwrap() == before {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        assert!(cpu(&[i32::MAX]).is_err(), "there is no such process");
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let rollup =
            "5600-7ffe ---p 00000000 00:00 0 [rollup]\nRss:   2048 kB\nPss:   1024 kB\nPss_Dirty: 8 kB\n";
        assert_eq!(memory_of(rollup), Some(Memory { resident: 2 << 20, proportional: 1 << 20 }));
        assert!(memory(i32::try_from(std::process::id()).unwrap()).unwrap().resident > 0);
    }
}
