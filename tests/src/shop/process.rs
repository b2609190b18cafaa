use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A service's process. It ends with this value, also when a test panics.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts a binary, under another program where one is named; it knows these settings and nothing else of the environment.
    pub(super) fn start(
        (binary, under): (&Path, &[String]),
        settings: &[(String, String)],
        log: &Path,
    ) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = match under.split_first() {
            None => Command::new(binary),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary);
                command
            }
        };
        let child = command
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

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.0.id().cast_signed()).context("a process has an id")?;
        Ok(kill_process(pid, signal)?)
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
