//! A real PostgreSQL or nats-server for as long as a goal needs it, by `tools/backends`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::process::first_line;

/// How long a server may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Postgres,
    Nats,
}

/// It is not installed here, and nobody installs for a measurement.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Missing(String);

/// A server, until this is dropped or its process dies: its guard reads an input that ends then.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Its address, with a password where it has one.
    pub(crate) url: String,
    /// The folder of PostgreSQL's programs, or nats-server itself.
    pub(crate) program: PathBuf,
    guard: Child,
    input: ChildStdin,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Nats => "nats",
        }
    }
}

impl Backend {
    /// Starts one with a store of its own; [`Missing`] where it is not installed.
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/backends");
        let program = found(&script, kind.name()).await?;
        let mut command = Command::new("sh");
        let wait = "echo \"${MADANG_TEST_POSTGRES-}${MADANG_TEST_NATS-}\"; cat >/dev/null";
        command.arg(script).arg(format!("run-{}", kind.name())).args(["sh", "-c", wait]);
        // One that is there for tests is not to be told here.
        command.env_remove("MADANG_TEST_POSTGRES").env_remove("MADANG_TEST_NATS");
        // PostgreSQL runs as a user who may not be let in here.
        command.current_dir("/");
        // What ends this process by its group is not to end the guard before it has stopped the server.
        command.process_group(0);
        let mut guard = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = guard.stdin.take().context("it has no input")?;
        let url = first_line(&mut guard, PATIENCE).await.context("the server does not start")?;
        ensure!(!url.is_empty(), "the server does not start");
        Ok(Self { url, program, guard, input })
    }

    /// Stops it and waits for that.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.input);
        timeout(PATIENCE, self.guard.wait()).await.context("the server does not stop")??;
        Ok(())
    }
}

/// Where a program is, as the script knows it; [`Missing`] where there is none, with the reason.
async fn found(script: &Path, name: &str) -> Result<PathBuf> {
    let mut command = Command::new("sh");
    let output = command.arg(script).args(["found", name]).stdin(Stdio::null()).output().await?;
    let told = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(told.trim().into());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let why = told.trim().lines().last().unwrap_or("it is not installed");
    Err(Missing(why.trim_start_matches("tools/backends: ").to_owned()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_installed_is_missing_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("backends");
        let error = found(&script, "nats").await.unwrap_err();
        assert!(error.is::<Missing>(), "there is no script: {error:?}");
        let text =
            "[ $2 != nats ] || exec echo /bin/nats\necho 'tools/backends: no PostgreSQL' >&2\nexit 69\n";
        std::fs::write(&script, text).unwrap();
        assert_eq!(found(&script, "nats").await.unwrap(), Path::new("/bin/nats"));
        let error = found(&script, "postgres").await.unwrap_err();
        assert_eq!(error.downcast_ref::<Missing>().unwrap().to_string(), "no PostgreSQL");
    }
}
