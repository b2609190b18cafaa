//! What a `madang prove` that was killed leaves: its services end with it, the folders of their data do not.

use std::path::{Path, PathBuf};

use crate::output::{Output, WAITS, styled};
use crate::shop::Folder;

/// The beginning of the names of folders that belong to a trial.
pub(super) const PREFIX: &str = "madang-prove-";

/// Removes what trials left that were killed, and says so.
pub(crate) fn clean(output: &Output) {
    for folder in left(&std::env::temp_dir()) {
        let told = match std::fs::remove_dir_all(&folder) {
            Ok(()) => format!("a `madang prove` was killed and left {}: it is removed", folder.display()),
            Err(error) => format!("a `madang prove` was killed and left {}: {error}", folder.display()),
        };
        output.note(&styled(WAITS, &told));
    }
}

/// The folders of trials that nobody has any more. One whose lock is not there yet is being made.
fn left(temporary: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(temporary).into_iter().flatten().flatten();
    let of_trials = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    of_trials.map(|entry| entry.path()).filter(|path| Folder::at(path).was_left()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_trials_that_nobody_has_are_removed() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = |name: &str| Folder::create(&temporary.path().join(name)).unwrap();
        let (other, young, running, killed) = (
            folder("madang-demo-1"),
            folder("madang-prove-1"),
            folder("madang-prove-2"),
            folder("madang-prove-3"),
        );
        let _lock = running.lock().unwrap();
        drop(other.lock().unwrap());
        drop(killed.lock().unwrap());
        assert_eq!(left(temporary.path()), [killed.path()]);
        assert!(young.path().exists());
    }
}
