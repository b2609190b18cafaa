//! The process edge of shipping.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang_chassis::main(madang_shipping::SERVICE, madang_shipping::run)
}
