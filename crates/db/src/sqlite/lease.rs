use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::create::beside;
use crate::OpenError;

/// Another process is given two seconds to let go: one that was killed keeps its locks until the last of its threads has ended,
/// which one in the middle of a sync does when the disk has answered.
const TRIES: u32 = 1_000;
const BETWEEN: Duration = Duration::from_millis(2);

/// The lock on `<file>.lock`. The system frees it when the process ends, however it ends. The file
/// itself stays: removing it would let two processes lock two files of one name.
#[derive(Debug)]
pub(crate) struct Lease(#[expect(dead_code, reason = "held open, never read")] File);

impl Lease {
    pub(crate) fn take(database: &Path) -> Result<Self, OpenError> {
        let path = beside(database, ".lock");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|source| {
            if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
                return OpenError::ReadOnly { path: database.into() };
            }
            OpenError::Lock { path: path.clone(), source }
        })?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) => sleep(BETWEEN),
                Err(TryLockError::Error(source)) => return Err(OpenError::Lock { path, source }),
            }
        }
        Err(OpenError::Locked { path })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::thread;

    use super::*;

    #[test]
    fn who_comes_while_the_last_one_is_still_ending_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let ending = Lease::take(&path).unwrap();
        let (told, taken) = channel();
        let next = thread::spawn(move || told.send(Lease::take(&path)));
        let early = taken.recv_timeout(Duration::from_millis(20));
        assert_eq!(early.unwrap_err(), RecvTimeoutError::Timeout, "it did not wait");
        drop(ending);
        taken.recv().unwrap().unwrap();
        next.join().unwrap().unwrap();
    }
}
