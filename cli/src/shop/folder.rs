use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Service, Shop};
use crate::exit::Closed;
use crate::system;

/// A shop's data: the databases, logs/, shop.json, and the lock that one running shop holds.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Where `madang up` keeps its data unless told otherwise: `madang` in the folder for the user's data.
    pub fn usual() -> Self {
        Self(system::data_home().join("madang"))
    }

    /// The folder at a path, made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let told = || format!("cannot make the data folder {}", path.display());
        fs::create_dir_all(path.join("logs")).with_context(told)?;
        // Services get absolute paths, whatever their own working folder.
        Ok(Self(path.canonicalize().with_context(told)?))
    }

    /// The folder at a path, as it is.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of the logs.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// A service's log.
    pub fn log(&self, service: Service) -> PathBuf {
        self.logs().join(format!("{service}.log"))
    }

    /// A service's database.
    pub fn database(&self, service: Service) -> PathBuf {
        self.0.join(format!("{service}.db"))
    }

    /// The file that says where the running shop is.
    pub fn shop_file(&self) -> PathBuf {
        self.0.join("shop.json")
    }

    /// Takes the folder for one shop, until the answer is dropped or the process ends in whatever way.
    ///
    /// # Errors
    /// Where another shop has it.
    pub fn lock(&self) -> Result<File> {
        let path = self.lock_file();
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "a shop already runs on {}; stop it, or choose another folder with --data",
                    self.0.display()
                )
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Whether a shop runs on this folder.
    pub fn is_in_use(&self) -> bool {
        let shared = File::open(self.lock_file()).map(|file| file.try_lock_shared());
        matches!(shared, Ok(Err(TryLockError::WouldBlock)))
    }

    /// Whether a shop once ran on this folder, and none does now.
    pub(crate) fn was_left(&self) -> bool {
        self.lock_file().is_file() && !self.is_in_use()
    }

    /// Writes shop.json, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn tell(&self, shop: &Shop) -> Result<()> {
        let path = self.shop_file();
        let told = || format!("cannot write {}", path.display());
        let new = path.with_extension("json.new");
        fs::write(&new, serde_json::to_vec_pretty(shop)?).with_context(told)?;
        fs::rename(&new, &path).with_context(told)
    }

    /// Takes shop.json away: the shop is closed.
    pub fn untell(&self) {
        let _gone: io::Result<()> = fs::remove_file(self.shop_file());
    }

    fn lock_file(&self) -> PathBuf {
        self.0.join("lock")
    }
}

impl Shop {
    /// Reads a shop.json.
    ///
    /// # Errors
    /// [`Closed`] where there is none; or it is something else.
    pub fn read(path: &Path) -> Result<Self> {
        let told = || format!("cannot read {}; `madang up` writes it into its data folder", path.display());
        let json = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Closed { file: path.to_owned() }.into());
            }
            read => read.with_context(told)?,
        };
        serde_json::from_slice(&json).with_context(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Ports;

    #[test]
    fn one_folder_serves_one_shop_at_a_time() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::create(temporary.path()).unwrap();
        assert!(!folder.is_in_use());
        let lock = folder.lock().unwrap();
        assert!(folder.is_in_use());
        assert!(folder.lock().unwrap_err().to_string().contains("a shop already runs on"));
        drop(lock);
        assert!(!folder.is_in_use());
        assert!(folder.lock().is_ok());
    }

    #[test]
    fn a_shop_is_read_as_it_was_told() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::create(temporary.path()).unwrap();
        let shop = Shop::on(&Ports::usual());
        folder.tell(&shop).unwrap();
        assert_eq!(Shop::read(&folder.shop_file()).unwrap(), shop);
    }
}
