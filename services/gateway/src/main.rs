//! The process edge of the gateway.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang_chassis::main(madang_gateway::SERVICE, madang_gateway::run)
}
