//! The process edge of catalog.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang_chassis::main(madang_catalog::SERVICE, madang_catalog::run)
}
