//! Programs that are run where they are the tool: without a shell, for a bounded time, and never longer than `madang` itself.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// How long a program that was told to end may take, before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// Lines of what a program said that an error shows.
const LINES: usize = 20;

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    program: &'static str,
    args: Vec<String>,
    limit: Duration,
}

/// Runs programs.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    /// `madang` itself, by which a program ends when this process does, in whatever way. A test runs programs directly.
    madang: Option<PathBuf>,
}

impl Call {
    /// A program that may take a minute.
    pub(crate) fn new<const N: usize>(program: &'static str, args: [&str; N]) -> Self {
        let args = args.map(ToOwned::to_owned).into();
        Self { program, args, limit: Duration::from_secs(60) }
    }

    /// With more arguments.
    #[must_use]
    pub(crate) fn args<T: Into<String>>(mut self, more: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(more.into_iter().map(Into::into));
        self
    }

    /// The same with another time.
    #[must_use]
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program, self.args.join(" "))
    }
}

impl Tools {
    /// Runs programs that end with this process.
    ///
    /// # Errors
    /// Where the path of `madang` itself is not known.
    pub(crate) fn new() -> Result<Self> {
        let madang = std::env::current_exe().context("cannot find `madang` itself")?;
        Ok(Self { madang: Some(madang) })
    }

    #[cfg(test)]
    pub(crate) fn direct() -> Self {
        Self { madang: None }
    }

    /// Runs a program to its end and answers what it printed on stdout.
    ///
    /// # Errors
    /// With what it said on stderr, where it failed or took too long.
    pub(crate) async fn run(&self, call: &Call) -> Result<String> {
        let mut child =
            self.command(call).spawn().with_context(|| format!("cannot start {}", call.program))?;
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let (mut printed, mut said) = (Vec::new(), Vec::new());
        let reading = async {
            let reads = futures::future::join(read(&mut stdout, &mut printed), read(&mut stderr, &mut said));
            futures::future::join(reads, child.wait()).await.1
        };
        let ended = tokio::time::timeout(call.limit, reading).await;
        let Ok(status) = ended else {
            end(&mut child).await;
            let limit = call.limit.as_secs();
            bail!("`{call}` took longer than {limit} s and was ended{}", last_lines(&said));
        };
        let status = status.with_context(|| format!("cannot wait for {}", call.program))?;
        match status.success() {
            true => Ok(String::from_utf8_lossy(&printed).into_owned()),
            false => bail!("`{call}` failed ({status}){}", last_lines(&said)),
        }
    }

    fn command(&self, call: &Call) -> Command {
        let mut command = match &self.madang {
            Some(madang) => {
                let mut command = Command::new(madang);
                command.args(["launch-service", "--parent", &std::process::id().to_string(), call.program]);
                command
            }
            None => Command::new(call.program),
        };
        command.args(&call.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }
}

/// Whether a program of that name is on PATH.
pub(crate) fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

async fn read<R: AsyncRead + Unpin>(from: &mut Option<R>, into: &mut Vec<u8>) {
    if let Some(from) = from {
        // What cannot be read is not shown; whether the program failed, its exit code says.
        let _read: std::io::Result<usize> = from.read_to_end(into).await;
    }
}

/// Ends a process: it may tidy up first, as Helm does.
async fn end(child: &mut Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let _sent = id.is_some_and(|id| kill_process(id, Signal::TERM).is_ok());
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _killed: std::io::Result<()> = child.kill().await;
    }
}

fn last_lines(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    match last.is_empty() {
        true => String::new(),
        false => format!(":\n{}", last.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_program_prints_is_the_answer() {
        let call = Call::new("printf", ["%s-%s"]).args(["a", "$HOME"]);
        assert_eq!(Tools::direct().run(&call).await.unwrap(), "a-$HOME");
    }

    #[tokio::test]
    async fn what_a_program_said_goes_with_its_failure() {
        let call = Call::new("ls", ["/nowhere-at-all"]);
        let error = Tools::direct().run(&call).await.unwrap_err().to_string();
        assert!(error.starts_with("`ls /nowhere-at-all` failed (exit status: "), "{error}");
        assert!(error.contains(":\nls: ") && error.contains("No such file"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended() {
        let call = Call::new("sleep", ["60"]).within(Duration::from_millis(50));
        let error = Tools::direct().run(&call).await.unwrap_err().to_string();
        assert!(error.starts_with("`sleep 60` took longer than 0 s and was ended"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told() {
        let error = Tools::direct().run(&Call::new("no-such-program", [])).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot start no-such-program");
        assert!(is_on_path("ls") && !is_on_path("no-such-program"));
    }

    #[test]
    fn the_last_lines_are_shown() {
        let said: String = (1..=30).map(|line| format!("line {line}\n\n")).collect();
        let told = last_lines(said.as_bytes());
        assert!(told.starts_with(":\nline 11\n") && told.ends_with("line 30"), "{told}");
    }
}
