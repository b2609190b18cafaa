//! The process edge of the console.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang_chassis::main(madang_console::SERVICE, madang_console::run)
}
