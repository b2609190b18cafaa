//! The simulation's program, under callgrind and without it.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use crate::counts::Work;

/// Runs so many calls under callgrind, and gives what it wrote.
pub(in crate::counts) async fn counted(sim: &Path, work: Work, calls: u64) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind"]);
    command.arg(format!("--callgrind-out-file={}", file.display())).arg(sim).args(told(work, calls));
    ended(command).await?;
    std::fs::read_to_string(&file).context("callgrind wrote nothing")
}

/// Runs the longer form without a counter, and has the shop audited.
pub(in crate::counts) async fn audited(sim: &Path, work: Work) -> Result<()> {
    let mut command = Command::new(sim);
    command.args(told(work, 2 * work.calls())).arg("--audit");
    ended(command).await
}

fn told(work: Work, calls: u64) -> [String; 3] {
    ["count".to_owned(), work.name().to_owned(), calls.to_string()]
}

async fn ended(mut command: Command) -> Result<()> {
    // Flags of services come from variables too: none of ours may meet them.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).kill_on_drop(true);
    let program = command.as_std().get_program().to_owned();
    let output = match command.output().await {
        Err(error) if error.kind() == ErrorKind::NotFound && program == OsStr::new("valgrind") => {
            bail!("valgrind, which counts instructions, is missing: install Debian's package valgrind")
        }
        output => output.with_context(|| format!("{} does not start", program.display()))?,
    };
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{} ended with {}: {told}{errors}", program.display(), output.status);
    Ok(())
}
