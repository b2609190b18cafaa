//! Stubs in place of the services: this very test binary, started by a script with a service's name.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const SERVICES: [&str; 8] =
    ["catalog", "inventory", "payments", "shipping", "orders", "notifications", "gateway", "console"];

/// A folder with `madang` and a stub for each service, and one for data.
pub(crate) struct Installation {
    folder: TempDir,
    pub(crate) data: TempDir,
}

/// A `madang up` that runs.
pub(crate) struct Up {
    pub(crate) child: Child,
    pub(crate) stderr: BufReader<std::process::ChildStderr>,
    /// What it printed when all were ready.
    pub(crate) shop: Value,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let this = Self { folder, data };
        let madang = Path::new(env!("CARGO_BIN_EXE_madang"));
        // A link costs nothing, but reaches no other file system.
        fs::hard_link(madang, this.madang()).or_else(|_| fs::copy(madang, this.madang()).map(drop)).unwrap();
        let serve =
            format!("exec {} stub::serves --exact --ignored", std::env::current_exe().unwrap().display());
        SERVICES.iter().for_each(|service| this.script(service, &serve));
        this
    }

    /// Puts these commands before what the service's stub does; `exec` or `exit` in place of it.
    pub(crate) fn before(self, service: &str, commands: &str) -> Self {
        let path = self.folder.path().join(format!("madang-{service}"));
        let script = fs::read_to_string(path).unwrap();
        let serve = script.trim_start_matches("#!/bin/sh\n");
        self.script(service, &format!("{commands}\n{serve}"));
        self
    }

    pub(crate) fn remove(&self, service: &str) {
        fs::remove_file(self.folder.path().join(format!("madang-{service}"))).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.madang());
        command
            .args(["up", "--output", "json", "--ports", "free", "--data"])
            .arg(self.data.path())
            .args(args);
        command
    }

    /// Starts the shop and waits until it says where it is.
    pub(crate) fn up(&self, args: &[&str]) -> Up {
        let mut command = self.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut json = String::new();
        for line in told {
            json += &line;
            if line == "}" {
                return Up { child, stderr, shop: serde_json::from_str(&json).unwrap() };
            }
        }
        let mut error = String::new();
        stderr.read_to_string(&mut error).unwrap();
        panic!("the shop did not open ({}): {error}", child.wait().unwrap());
    }

    fn madang(&self) -> PathBuf {
        self.folder.path().join("madang")
    }

    fn script(&self, service: &str, commands: &str) {
        let path = self.folder.path().join(format!("madang-{service}"));
        fs::write(&path, format!("#!/bin/sh\n{commands}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Up {
    pub(crate) fn service(&self, name: &str) -> &Value {
        let services = self.shop["services"].as_array().unwrap();
        services.iter().find(|service| service["service"] == name).unwrap()
    }

    pub(crate) fn pid(&self, name: &str) -> i32 {
        i32::try_from(self.service(name)["pid"].as_i64().unwrap()).unwrap()
    }

    /// Something that ends when the service's process does.
    pub(crate) fn life(&self, name: &str) -> Life {
        let address =
            self.service(name)["admin_url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Life(TcpStream::connect(address).unwrap())
    }

    /// Reads stderr up to a line that has this text.
    pub(crate) fn hear(&mut self, text: &str) -> String {
        let mut lines = self.stderr.by_ref().lines().map(Result::unwrap);
        lines.find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text} was not said"))
    }

    pub(crate) fn end(&mut self, signal: Signal) -> ExitStatus {
        kill(i32::try_from(self.child.id()).unwrap(), signal);
        self.child.wait().unwrap()
    }
}

/// A failed test leaves no shop behind.
impl Drop for Up {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.end(Signal::TERM);
        }
    }
}

/// A connection to a process.
pub(crate) struct Life(TcpStream);

impl Life {
    /// Waits for the end of the process.
    pub(crate) fn end(mut self) {
        // Closed or reset: gone in any case.
        let _read = self.0.read(&mut [0]);
    }
}

pub(crate) fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
#[ignore = "it is what `madang up` starts in place of a service"]
fn serves() {
    let Ok(address) = std::env::var("MADANG_ADMIN_LISTEN") else { return };
    let listener = match TcpListener::bind(&address) {
        Ok(listener) => listener,
        Err(error) => panic!("cannot listen on {address}: {error}"),
    };
    for connection in listener.incoming() {
        thread::spawn(move || answer(connection.unwrap()));
    }
}

fn answer(connection: TcpStream) -> Option<()> {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
    loop {
        let head = lines.next()?.ok()?;
        lines.by_ref().map_while(Result::ok).find(String::is_empty)?;
        let body = if head.contains("/info") { r#"{"version":"0.0.7","uptime_seconds":1}"# } else { "{}" };
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        (&connection).write_all(answer.as_bytes()).ok()?;
    }
}
