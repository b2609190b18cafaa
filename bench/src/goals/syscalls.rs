//! Syncs to disk, counted by the kernel.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::process::{Child, Command};

use crate::process::signal;
use crate::stats::float;

/// Counts, until it is asked or dropped. `perf` needs root.
#[derive(Debug)]
pub(crate) struct Syncs(Child);

const EVENTS: &str = "syscalls:sys_enter_fdatasync,syscalls:sys_enter_fsync";

impl Syncs {
    /// Begins to count those of some processes.
    pub(crate) async fn count(pids: &[i32]) -> Result<Self> {
        let pids: Vec<String> = pids.iter().map(i32::to_string).collect();
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-e", EVENTS, "-p", &pids.join(",")]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("perf, which counts syncs, does not start")?;
        attached(&mut child).await?;
        Ok(Self(child))
    }

    /// How many there were.
    pub(crate) async fn end(self) -> Result<f64> {
        let pid = i32::try_from(self.0.id().context("perf has ended by itself")?)?;
        signal(pid, Signal::INT)?;
        let output = self.0.wait_with_output().await?;
        let told = String::from_utf8_lossy(&output.stderr);
        counted(&told).map(float).with_context(|| format!("perf cannot count syncs: {told}"))
    }
}

/// Waits until perf has opened its counters: then it sleeps until it is ended.
async fn attached(child: &mut Child) -> Result<()> {
    let pid = child.id().context("perf has ended by itself")?;
    let file = format!("/proc/{pid}/fd");
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        ensure!(child.try_wait()?.is_none(), "perf cannot count syncs here");
        let counters =
            std::fs::read_dir(&file)?.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        if counters.filter(|link| link.to_string_lossy().contains("perf_event")).count() > 0 {
            // It opens them one by one; the load that comes waits for its target's rest before it begins.
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < end, "perf does not begin to count");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// The sum of all lines; None where one of them has no count.
fn counted(told: &str) -> Option<u64> {
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("syscalls:")).collect();
    let sum = lines.iter().map(|line| line.split(',').next()?.parse::<u64>().ok()).sum::<Option<u64>>();
    sum.filter(|_| !lines.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_and_what_was_not_counted_is_told() {
        let told =
            "12,,syscalls:sys_enter_fdatasync,100,100.00,,\n3,,syscalls:sys_enter_fsync,100,100.00,,\n";
        assert_eq!(counted(told), Some(15));
        assert_eq!(counted("<not supported>,,syscalls:sys_enter_fsync,0,0.00,,\n"), None);
        assert_eq!(counted("Error: no access\n"), None);
    }
}
