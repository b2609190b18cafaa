//! Settings: flags and `MADANG_*` variables, typed, and all bad ones reported at once.

use std::ffi::OsString;
use std::io::Write;
use std::process;
use std::time::Duration;

use clap::{Command, CommandFactory, FromArgMatches};
use jiff::SignedDuration;

use crate::Service;

mod args;
mod gather;

pub use args::{LogFormat, ServerArgs, TelemetryArgs};

/// The exit code of a process whose settings are bad: EX_USAGE.
pub const EXIT_BAD_CONFIG: u8 = 64;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asked for the help or the version; this is it.
    #[error("{0}")]
    Shown(clap::Error),
    /// All that is wrong, one line each.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
}

/// Reads the process's flags and `MADANG_*` variables. Where some are bad it prints every one and exits 64; where help or
/// version are asked for it prints them and exits 0.
pub fn parse<A: CommandFactory + FromArgMatches>(service: &Service) -> A {
    match try_parse_from(service, std::env::args_os()) {
        Ok(args) => args,
        Err(Error::Shown(shown)) => shown.exit(),
        Err(Error::Invalid(problems)) => {
            let mut stderr = std::io::stderr().lock();
            // There is nobody left to tell where stderr is closed.
            let _written = writeln!(stderr, "{}: bad configuration", service.name).is_ok();
            for problem in problems {
                let _written = writeln!(stderr, "  {problem}").is_ok();
            }
            process::exit(EXIT_BAD_CONFIG.into())
        }
    }
}

/// The same from given flags; the first is the program's name.
///
/// # Errors
/// [`Error::Invalid`] with all that is wrong, [`Error::Shown`] with the help or the version.
pub fn try_parse_from<A, I, T>(service: &Service, args: I) -> Result<A, Error>
where
    A: CommandFactory + FromArgMatches,
    I: IntoIterator<Item = T>,
    T: Into<OsString>,
{
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let command = command::<A>(service);
    let matches = match command.clone().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => return Err(Error::Shown(error)),
        Err(_) => return Err(Error::Invalid(gather::problems(command, &args))),
    };
    A::from_arg_matches(&matches).map_err(|error| Error::Invalid(vec![gather::line(&error)]))
}

fn command<A: CommandFactory>(service: &Service) -> Command {
    let command = A::command().name(service.name).version(service.version);
    let listens = command.get_arguments().any(|arg| arg.get_id() == "listen");
    if !listens {
        return command;
    }
    let address = format!("127.0.0.1:{}", service.port);
    command.mut_arg("listen", |arg| arg.default_value(address).required(false))
}

/// Reads a duration such as `500ms`, `10s`, `5m` or `1h`, for clap:
/// `#[arg(value_parser = madang_chassis::config::duration)]`.
///
/// # Errors
/// Says how a duration must look.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<SignedDuration>().ok().and_then(|it| Duration::try_from(it).ok());
    duration.ok_or_else(|| "write a duration as 500ms, 10s, 5m or 1h".to_owned())
}

#[cfg(test)]
mod tests;
