//! The control of durability: what orders has answered is lost, as where COMMIT returns before the disk has it and the machine
//! loses its power.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use madang_tests::{Service, Shop};
use tempfile::TempDir;

use super::PATIENCE;
use crate::books;
use crate::scenario::Cast;

/// Plays the scenario, takes orders' disk back to what it had before, and checks what is left.
///
/// # Errors
/// What does not hold.
pub(crate) async fn lose_commits(shop: &mut Shop) -> Result<()> {
    let cast = Cast::new(shop, PATIENCE);
    let file = shop.file(Service::Orders).context("it is on SQLite")?;
    let before = TempDir::new()?;
    shop.kill_nine(Service::Orders)?;
    copy(&file, &before.path().join("orders.db"))?;
    shop.start(Service::Orders).await?;
    let played = cast.play().await?;
    shop.kill_nine(Service::Orders)?;
    copy(&before.path().join("orders.db"), &file)?;
    shop.start(Service::Orders).await?;
    books::check(shop, &[(cast, played)], PATIENCE).await.map(drop)
}

/// Copies a database that nobody has open, with its log.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let beside = |file: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", file.display()));
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(from, suffix), beside(to, suffix));
        match from.exists() {
            true => drop(fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?),
            false if to.exists() => fs::remove_file(&to)?,
            false => {}
        }
    }
    Ok(())
}
