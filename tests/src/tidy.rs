//! The rules of DESIGN.md, section 4, as functions from what is there to what is wrong with it.
//!
//! Each rule takes plain values, so that its own test can hand it something made up that breaks it.

pub mod code;
pub mod crates;
pub mod named;
pub mod proto;
pub mod rooms;
pub mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The domain services: those with a domain, a store and a gRPC border of their own.
pub const DOMAIN_SERVICES: [&str; 6] =
    ["catalog", "inventory", "payments", "shipping", "orders", "notifications"];

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path from the root of the repository, with slashes.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/")).to_owned()
}

/// The text files with this extension below these folders of a root; a folder that does not exist has none.
///
/// # Errors
/// Where one cannot be read.
pub fn files(root: &Path, folders: &[&str], extension: &str) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths(root, folders)?.into_iter().filter(|path| path.ends_with(&format!(".{extension}"))) {
        let text = fs::read_to_string(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        files.push(File { path, text });
    }
    Ok(files)
}

/// The paths of all files below these folders of a root, sorted.
///
/// # Errors
/// Where a folder cannot be read.
pub fn paths(root: &Path, folders: &[&str]) -> Result<Vec<String>> {
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            match path.is_dir() {
                true => open.push(path),
                false => found.extend(path.strip_prefix(root).ok().map(|path| path.display().to_string())),
            }
        }
    }
    found.sort();
    Ok(found)
}
