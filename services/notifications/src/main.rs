//! The process edge of notifications.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang_chassis::main(madang_notifications::SERVICE, madang_notifications::run)
}
