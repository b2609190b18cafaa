//! All that is printed: results on stdout, as a table or as JSON; progress and remarks on stderr.
//!
//! Colours are written always and taken away by anstream where there is no terminal or NO_COLOR is set.

mod progress;
mod table;

use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ValueEnum;
use prost::{Message, Name};
use serde_json::Value;

pub use progress::Progress;
pub(crate) use table::line as table_line;
pub use table::{Cell, Table};

/// For what is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// For what is not.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// For what is under way.
pub const WAITS: Style = AnsiColor::Yellow.on_default();
/// For titles.
pub const STRONG: Style = Style::new().bold();
/// For what is seldom read.
pub const FAINT: Style = Style::new().dimmed();
/// For all else.
pub const PLAIN: Style = Style::new();

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For programs: one JSON value; for what is followed, one a line
    Json,
}

/// Where a command prints.
#[derive(Debug)]
pub struct Output {
    format: Format,
}

impl Output {
    /// Prints in this format.
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether results are to be JSON.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints a text with its own line ends on stdout.
    ///
    /// # Errors
    /// Where stdout is closed.
    pub fn text(&self, text: &str) -> io::Result<()> {
        let mut stdout = anstream::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Prints a line on stdout.
    ///
    /// # Errors
    /// Where stdout is closed.
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.text(&format!("{text}\n"))
    }

    /// Prints a JSON value, indented.
    ///
    /// # Errors
    /// Where stdout is closed.
    pub fn json(&self, value: &Value) -> io::Result<()> {
        self.line(&format!("{value:#}"))
    }

    /// Prints a JSON value on one line, for results that come one by one.
    ///
    /// # Errors
    /// Where stdout is closed.
    pub fn json_line(&self, value: &Value) -> io::Result<()> {
        self.line(&value.to_string())
    }

    /// Writes a report to a file, and says so.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, file: &Path, text: &str) -> anyhow::Result<()> {
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
        self.note(&styled(GOOD, &format!("written: {}", file.display())));
        Ok(())
    }

    /// Prints a remark on stderr. Nobody is left to tell where stderr is closed.
    pub fn note(&self, text: &str) {
        note(text);
    }

    /// Shows what is waited for.
    pub fn progress(&self) -> Progress {
        Progress::new()
    }
}

/// Prints a line on stderr. Nobody is left to tell where stderr is closed.
pub(crate) fn note(text: &str) {
    let _written = writeln!(anstream::stderr().lock(), "{text}").is_ok();
}

/// A text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The beginning of a text of others, of so many characters at most, on one line.
pub(crate) fn excerpt(text: &str, most: usize) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(most).collect()
}

/// A message in the Protobuf JSON mapping.
pub(crate) fn message<M: Message + Name>(message: &M) -> anyhow::Result<Value> {
    Ok(madang_api::json::to_value(message)?)
}

/// Whether a file can be there. What else may go wrong is seen when it is written.
pub(crate) fn writable(text: &str) -> Result<(), String> {
    let path = Path::new(text);
    if path.is_dir() {
        return Err("it is a folder".to_owned());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.is_none_or(Path::is_dir) {
        true => Ok(()),
        false => Err("its folder does not exist".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_could_not_be_written_is_told_before_the_work() {
        assert!(writable("load.json").is_ok());
        assert!(writable("/no/such/folder/load.json").is_err());
        assert!(writable("/tmp").is_err());
    }
}
