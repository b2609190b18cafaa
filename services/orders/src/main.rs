//! The process edge of orders.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang_chassis::main(madang_orders::SERVICE, madang_orders::run)
}
