//! How a service or a tool is started so that it does not outlive `madang`, even one that was killed.
//!
//! The system can end a process with its parent, but only the process itself may ask for that, between fork and exec, which
//! Rust allows in unsafe code only. So `madang` starts itself once more; that process asks, and becomes the service.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Error, anyhow};

use crate::args::LaunchArgs;

/// Becomes the program; answers only where that failed.
pub(crate) fn exec(args: &LaunchArgs) -> Error {
    if let Err(error) = end_with(args.parent) {
        return error;
    }
    let error = Command::new(&args.binary).args(&args.args).exec();
    Error::new(error).context(format!("cannot start {}", args.binary.display()))
}

#[cfg(target_os = "linux")]
fn end_with(parent: i32) -> Result<(), Error> {
    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::TERM))?;
    // The parent may have died before the line above.
    match getppid().map(Pid::as_raw_pid) == Some(parent) {
        true => Ok(()),
        false => Err(anyhow!("the `madang` that started this is gone")),
    }
}

/// Other systems have no such signal: there, services of a killed shop must be ended by hand.
#[cfg(not(target_os = "linux"))]
fn end_with(_parent: i32) -> Result<(), Error> {
    Ok(())
}
