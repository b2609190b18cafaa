use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Lines of a log that an error shows.
const LINES: usize = 12;
/// Bytes read for them; lines longer than that are cut.
const BYTES: u64 = 16 * 1024;

/// How long a log may grow before it is set aside. What was set aside before goes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// A service's log, from where its present process began to write.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    start: u64,
}

impl Log {
    /// Opens the log at its end, and answers the file to write to.
    pub(super) fn open(path: PathBuf) -> io::Result<(Self, File)> {
        if std::fs::metadata(&path).is_ok_and(|log| log.len() > LONGEST) {
            std::fs::rename(&path, aside(&path))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let start = file.metadata()?.len();
        Ok((Self { path, start }, file))
    }

    /// Sets it aside, where it is long, while its process writes on: a line that is written in this very moment may be lost.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        if file.metadata()?.len() > LONGEST {
            std::fs::copy(&self.path, aside(&self.path))?;
            // Its process writes at the end, wherever that is.
            file.set_len(0)?;
            self.start = 0;
        }
        Ok(())
    }

    /// Its last lines, under its path.
    pub(super) fn tail(&self) -> String {
        let text = self.read().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
        match last.is_empty() {
            true => format!("{} is empty", self.path.display()),
            false => format!("the last lines of {}:\n{}", self.path.display(), last.join("\n")),
        }
    }

    fn read(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(self.start.max(end.saturating_sub(BYTES))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// `orders.log.1`
fn aside(log: &Path) -> PathBuf {
    log.with_added_extension("1")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_tail_has_the_last_lines_of_this_process_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.log");
        std::fs::write(&path, "of the process before\n").unwrap();
        let (log, mut file) = Log::open(path).unwrap();
        assert!(log.tail().ends_with("is empty"));
        for line in 1..=20 {
            writeln!(file, "line {line}").unwrap();
        }
        let tail = log.tail();
        assert!(tail.contains("line 9\n") && tail.ends_with("line 20"), "{tail}");
        assert!(!tail.contains("before") && !tail.contains("line 8\n"), "{tail}");
    }

    #[test]
    fn a_long_log_is_set_aside_while_its_process_writes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.log");
        let (mut log, mut file) = Log::open(path.clone()).unwrap();
        writeln!(file, "short").unwrap();
        log.trim().unwrap();
        assert!(!aside(&path).exists());
        file.set_len(LONGEST + 1).unwrap();
        log.trim().unwrap();
        writeln!(file, "after").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after\n");
        assert_eq!(std::fs::metadata(aside(&path)).unwrap().len(), LONGEST + 1);
        assert!(log.tail().ends_with("after"));
    }

    #[test]
    fn a_long_log_of_the_process_before_is_set_aside_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.log");
        File::create(&path).unwrap().set_len(LONGEST + 1).unwrap();
        Log::open(path.clone()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        assert!(folder.path().join("orders.log.1").exists());
    }
}
