//! All that is wrong with flags and variables. clap stops at the first problem: here each one is noted, what it is about is
//! made lenient, and clap is asked again.

use std::error::Error as _;
use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error};

/// Each round mends one thing, so this is more than any command line has.
const MOST: usize = 100;

/// Every problem, one line each.
pub(super) fn problems(command: Command, args: &[OsString]) -> Vec<String> {
    let mut round = Round { command, args: args.to_vec() };
    let mut problems = Vec::new();
    while problems.len() < MOST {
        let Err(error) = round.command.clone().try_get_matches_from(&round.args) else { break };
        let Some(lines) = round.mend(&error) else {
            problems.push(line(&error));
            break;
        };
        problems.extend(lines);
    }
    problems
}

/// What a clap error says, on one line.
pub(super) fn line(error: &Error) -> String {
    let text = error.to_string();
    let told = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let told = told.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    told.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}

struct Round {
    command: Command,
    args: Vec<OsString>,
}

impl Round {
    /// Tells what is wrong and makes it pass; none where that is beyond it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "clap's enum is non-exhaustive")]
    fn mend(&mut self, error: &Error) -> Option<Vec<String>> {
        let about = match error.get(ContextKind::InvalidArg)? {
            ContextValue::String(about) => vec![about.clone()],
            ContextValue::Strings(about) => about.clone(),
            _ => return None,
        };
        match error.kind() {
            ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::NoEquals => {
                let arg = self.named(about.first()?)?;
                self.change(&arg, lenient);
                Some(vec![bad_value(&arg, error, &self.args)])
            }
            ErrorKind::MissingRequiredArgument => {
                let missing: Option<Vec<Arg>> = about.iter().map(|name| self.named(name)).collect();
                let missing = missing?;
                missing.iter().for_each(|arg| self.change(arg, |arg| arg.required(false)));
                Some(missing.iter().map(required).collect())
            }
            ErrorKind::UnknownArgument => {
                self.accept(about.first()?);
                Some(vec![line(error)])
            }
            _ => None,
        }
    }

    /// The argument that clap calls so. Only a command that is built knows, and one that is built cannot be changed.
    fn named(&self, name: &str) -> Option<Arg> {
        let mut built = self.command.clone();
        built.build();
        built.get_arguments().find(|arg| arg.to_string() == name).cloned()
    }

    fn change(&mut self, arg: &Arg, change: impl FnOnce(Arg) -> Arg) {
        self.command = std::mem::take(&mut self.command).mut_arg(arg.get_id(), change);
    }

    /// Takes an unknown flag, with its value, or leaves an unknown word out.
    fn accept(&mut self, name: &str) {
        let taken = Arg::new(format!("unknown {name}")).hide(true).num_args(0..=1).action(ArgAction::Append);
        let short = name.strip_prefix('-').and_then(|short| short.chars().next());
        let taken = match (name.strip_prefix("--"), short) {
            (Some(long), _) => taken.long(long.to_owned()),
            (None, Some(short)) => taken.short(short),
            (None, None) => return self.args.retain(|arg| arg != name),
        };
        self.command = std::mem::take(&mut self.command).arg(taken);
    }
}

fn bad_value(arg: &Arg, error: &Error, args: &[OsString]) -> String {
    let cause = match error.source() {
        Some(cause) => format!("{arg}: {cause}"),
        None => line(error),
    };
    let value = error.get(ContextKind::InvalidValue).map(ToString::to_string);
    // A secret must not reach a log.
    let value = value.filter(|_| !arg.is_hide_env_values_set());
    let value = value.map(|value| format!(", not {value:?}")).unwrap_or_default();
    format!("{cause}{value}{}", variable(arg, args).map(|name| format!(" (from {name})")).unwrap_or_default())
}

fn required(arg: &Arg) -> String {
    let variable = arg.get_env().map(|name| format!(" (or {})", name.to_string_lossy())).unwrap_or_default();
    format!("{arg}{variable} is required")
}

/// The variable that a value came from.
fn variable(arg: &Arg, args: &[OsString]) -> Option<String> {
    let flag = format!("--{}", arg.get_long()?);
    let given = args.iter().filter_map(|given| given.to_str());
    let by_flag = given.into_iter().any(|given| given == flag || given.starts_with(&format!("{flag}=")));
    let name = arg.get_env()?;
    (!by_flag && std::env::var_os(name).is_some()).then(|| name.to_string_lossy().into_owned())
}

fn lenient(arg: Arg) -> Arg {
    arg.value_parser(ValueParser::os_string()).action(ArgAction::Append).num_args(0..)
}
