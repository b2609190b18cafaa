use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use super::create::beside;
use crate::OpenError;

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
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(OpenError::Lock { path, source }),
        }
    }
}
