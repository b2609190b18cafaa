//! The process edge of inventory.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang_chassis::main(madang_inventory::SERVICE, madang_inventory::run)
}
