use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// A service's process. It ends with this value, also when a test panics.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts a binary that knows these settings and nothing else of the environment.
    pub(super) fn start(binary: &Path, settings: &[(String, String)], log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(binary)
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        Ok(Self(child.with_context(|| format!("cannot start {}", binary.display()))?))
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, where it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// SIGKILL, and waits until it is gone.
    pub(super) fn kill(&mut self) -> Result<ExitStatus> {
        self.0.kill()?;
        Ok(self.0.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.kill().is_ok();
    }
}

/// Where the binaries of this build are: beside the folder of the test's own executable.
pub(super) fn folder() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("the test's executable lies nowhere")?;
    Ok(folder.to_owned())
}

/// The path of a binary of this build.
pub(super) fn binary(name: &str) -> Result<PathBuf> {
    let path = folder()?.join(name);
    if !path.is_file() {
        bail!("{} is not built: run `make test`, or `cargo build --workspace` first", path.display());
    }
    Ok(path)
}
