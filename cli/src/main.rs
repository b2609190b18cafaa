//! The process edge of `madang`.

use std::process::ExitCode;

use madang_cli::{Cli, exit};

// One thread is enough for a command line, and it must be this one that starts the services: the system ends them with the
// thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::read();
    let format = cli.output;
    match madang_cli::run(cli).await {
        Ok(code) => code,
        Err(error) => exit::report(&error, format),
    }
}
