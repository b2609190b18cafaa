use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postgres::{Client, NoTls, SimpleQueryMessage};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{told, tool};
use crate::wait;

const VARIABLE: &str = "MADANG_TEST_POSTGRES";
const GONE: Duration = Duration::from_secs(30);

/// A PostgreSQL server: that of the run, or one of the test's own, which it may kill.
#[derive(Debug)]
pub struct Postgres {
    /// With a user, and the database from which others are made.
    url: String,
    own: Option<Own>,
}

impl Postgres {
    /// The server of this run, at MADANG_TEST_POSTGRES.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of_this_run() -> Result<Self> {
        let url = std::env::var(VARIABLE);
        let url =
            url.with_context(|| format!("{VARIABLE} is not set: tools/backends run COMMAND sets it"))?;
        Ok(Self { url, own: None })
    }

    /// A new server on this port. It ends with this value, and its data goes.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_own(port: u16) -> Result<Self> {
        let own = Own::new(port)?;
        own.start()?;
        Ok(Self { url: format!("postgres://madang@127.0.0.1:{port}/postgres"), own: Some(own) })
    }

    /// The URL of a database of this name.
    pub fn url(&self, database: &str) -> String {
        let server = self.url.rsplit_once('/').map_or(self.url.as_str(), |(server, _)| server);
        format!("{server}/{database}")
    }

    /// Makes an empty database that sorts by bytes, as SQLite does.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn create(&self, database: &str) -> Result<()> {
        ask(&self.url, &format!("CREATE DATABASE {database} LC_COLLATE 'C' TEMPLATE template0")).map(drop)
    }

    /// Drops a database, whoever uses it.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn drop(&self, database: &str) -> Result<()> {
        ask(&self.url, &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).map(drop)
    }

    /// Runs SQL in a database, and gives the first column of each row as text.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn ask(&self, database: &str, sql: &str) -> Result<Vec<String>> {
        ask(&self.url(database), sql)
    }

    /// SIGKILL to each of its processes, and waits until all are gone. Only a server of the test's own is killed.
    ///
    /// # Errors
    /// Where it is not the test's own, or does not run.
    pub async fn kill_nine(&mut self) -> Result<()> {
        let own = self.own.as_ref().context("the server of the run is not ours to kill")?;
        let pids = own.kill()?;
        let gone = async || Ok((!pids.iter().any(|pid| is_alive(*pid))).then_some(()));
        wait::until("PostgreSQL's processes to be gone", GONE, gone).await?;
        // Nobody may have waited for them yet, so that PostgreSQL would take its postmaster for one that runs.
        Ok(fs::remove_file(own.pid_file())?)
    }

    /// Starts a server of the test's own again, on its data, and waits until it takes connections.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start(&mut self) -> Result<()> {
        self.own.as_ref().context("the server of the run is not ours to start")?.start()
    }
}

#[derive(Debug)]
struct Own {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Own {
    fn new(port: u16) -> Result<Self> {
        let folder = TempDir::with_prefix("madang-tests-postgres-")?;
        // The server runs as another user where this is root.
        run(Command::new("chmod").arg("0777").arg(folder.path()))?;
        let own = Self { folder, programs: told("postgres")?, port };
        let options = ["-U", "madang", "--auth=trust", "--locale=C", "--encoding=UTF8"];
        run(own.program("initdb").args(options))?;
        Ok(own)
    }

    fn start(&self) -> Result<()> {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories='' -c max_connections=200",
            self.port
        );
        let log = self.folder.path().join("log");
        let started =
            run(self.program("pg_ctl").args(["-w", "-s", "-o", &options, "-l"]).arg(&log).arg("start"));
        started.with_context(|| format!("its log: {}", fs::read_to_string(&log).unwrap_or_default()))
    }

    /// Gives the processes that were killed.
    fn kill(&self) -> Result<Vec<Pid>> {
        let file = fs::read_to_string(self.pid_file()).context("PostgreSQL does not run")?;
        let postmaster =
            file.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
        let postmaster = postmaster.context("postmaster.pid names no process")?;
        // It is stopped first, so that it starts no child that is not seen here.
        kill_process(postmaster, Signal::STOP)?;
        let pids = [children(postmaster)?, vec![postmaster]].concat();
        for pid in &pids {
            // A child may have ended meanwhile.
            let _sent = kill_process(*pid, Signal::KILL).is_ok();
        }
        Ok(pids)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = tool();
        command.arg("as-owner").arg(self.programs.join(name)).arg("-D").arg(self.data());
        command
    }

    fn pid_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It may be down. The folder goes after this, so its processes must have ended.
        let _stopped = run(self.program("pg_ctl").args(["-w", "-s", "-m", "immediate", "stop"])).is_ok();
    }
}

fn run(command: &mut Command) -> Result<()> {
    // No pipes: the server would keep them.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

fn children(of: Pid) -> Result<Vec<Pid>> {
    let processes = fs::read_dir("/proc")?.filter_map(Result::ok).map(|entry| entry.path());
    Ok(processes
        .filter(|process| stat(process).is_some_and(|(_, parent)| parent == of))
        .filter_map(pid)
        .collect())
}

fn pid(process: PathBuf) -> Option<Pid> {
    Pid::from_raw(process.file_name()?.to_str()?.parse().ok()?)
}

/// The state and the parent of a process.
fn stat(process: &Path) -> Option<(char, Pid)> {
    let text = fs::read_to_string(process.join("stat")).ok()?;
    // The name before it may have spaces and brackets.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, Pid::from_raw(fields.next()?.parse().ok()?)?))
}

fn is_alive(pid: Pid) -> bool {
    // One that nobody has waited for is gone as well.
    stat(Path::new(&format!("/proc/{pid}"))).is_some_and(|(state, _)| state != 'Z')
}

/// On a thread of its own: the client panics inside tokio.
fn ask(url: &str, sql: &str) -> Result<Vec<String>> {
    let answers = || -> Result<Vec<String>> {
        let mut client = Client::connect(url, NoTls).context("PostgreSQL does not take the connection")?;
        let messages = client.simple_query(sql).with_context(|| sql.to_owned())?;
        let text = |message: &SimpleQueryMessage| {
            let SimpleQueryMessage::Row(row) = message else { return None };
            Some(row.get(0).unwrap_or_default().to_owned())
        };
        Ok(messages.iter().filter_map(text).collect())
    };
    let asked = std::thread::scope(|scope| scope.spawn(answers).join());
    asked.unwrap_or_else(|_| anyhow::bail!("the client of PostgreSQL panicked"))
}
