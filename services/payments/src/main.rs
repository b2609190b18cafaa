//! The process edge of payments.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang_chassis::main(madang_payments::SERVICE, madang_payments::run)
}
