use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::time::timeout;

use super::Block;
use crate::{Shop, tidy};

/// How long a block may take; `madang demo` takes longest.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs a block in a shell of its own, against a shop.
///
/// # Errors
/// Where a command fails, with what it printed.
pub async fn run(block: &Block, shop: &Shop) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let block = block.on(shop);
    let mut shell = Command::new("sh");
    shell
        .args(["-eu", "-c", &block.text])
        .env("PATH", path()?)
        .env("MADANG_SHOP", shop.shop_file())
        .current_dir(&folder);
    finish(&mut shell, &block).await
}

/// Asks make what the block's targets would do.
///
/// # Errors
/// Where there is no such target.
pub async fn dry_run(block: &Block) -> Result<()> {
    for command in block.commands().iter().filter(|command| command.starts_with("make")) {
        let dry = command.replacen("make", "make -n", 1);
        let mut shell = Command::new("sh");
        // This may be run by make itself.
        shell
            .args(["-eu", "-c", &dry])
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .current_dir(tidy::root());
        finish(&mut shell, block).await?;
    }
    Ok(())
}

/// Whether a tool is on this machine.
pub async fn is_installed(tool: &str) -> bool {
    let Ok(path) = path() else { return false };
    let found =
        Command::new("sh").args(["-c", &format!("command -v {tool}")]).env("PATH", path).output().await;
    found.is_ok_and(|found| found.status.success())
}

/// Where commands are: first the binaries of this build, last the folder of what a user installs.
fn path() -> Result<String> {
    let madang = Shop::madang()?;
    let built = madang.parent().context("`madang` lies nowhere")?.display().to_string();
    let usual = std::env::var("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    Ok(format!("{built}:{usual}:{}", home.join(".local/bin").display()))
}

async fn finish(shell: &mut Command, block: &Block) -> Result<()> {
    // A group of its own, so that what the shell has started ends with it.
    shell
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let child = shell.spawn()?;
    let group = child.id();
    let Ok(ended) = timeout(LIMIT, child.wait_with_output()).await else {
        if let Some(group) = group {
            let kill = ["-c".to_owned(), format!("kill -KILL -- -{group}")];
            Command::new("sh").args(kill).status().await?;
        }
        bail!("the block of line {} did not end within {} s:\n{}", block.line, LIMIT.as_secs(), block.text);
    };
    let output = ended?;
    match output.status.success() {
        true => Ok(()),
        false => bail!("the block of line {} failed:\n{}\n{}", block.line, block.text, told(&output)),
    }
}

fn told(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\nstdout: {}\nstderr: {}", output.status, text(&output.stdout), text(&output.stderr))
}
