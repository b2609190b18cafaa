//! The process while its database is not there.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// With a database at a port where nobody listens.
    fn start(wait: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(env!("CARGO_BIN_EXE_madang-inventory"))
            .env_clear()
            .env("MADANG_DATABASE", format!("postgres://madang:secret@127.0.0.1:{port}/n"))
            .args(["--listen", "127.0.0.1:0", "--database-wait", wait])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next log line that begins so.
    fn line(&mut self, begin: &str) -> Value {
        let told = self.lines.by_ref().map(Result::unwrap).map(|line| {
            assert!(!line.contains("secret"), "{line}");
            serde_json::from_str::<Value>(&line).unwrap()
        });
        let begins = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with(begin));
        told.into_iter().find(begins).unwrap()
    }

    fn ends(mut self) -> (Option<i32>, Vec<String>) {
        let rest = self.lines.by_ref().map(Result::unwrap).collect();
        (self.child.wait().unwrap().code(), rest)
    }
}

fn get(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: inventory\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_process_whose_database_is_away_is_alive_but_not_ready_and_ends_well_when_told_to() {
    let mut process = Process::start("10m");
    let starts = process.line("starts");
    let admin = starts["admin_address"].as_str().unwrap();
    let warning = process.line("the database cannot be opened");
    assert_eq!(warning["level"], "WARN");
    assert!(warning["error"].as_str().unwrap().starts_with("cannot reach postgres://madang@"), "{warning}");
    assert!(get(admin, "/livez").starts_with("HTTP/1.1 200 "));
    let ready = get(admin, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("waiting for database\n"), "{ready}");

    let id = process.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let (code, rest) = process.ends();
    assert_eq!(code, Some(0), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("cannot be opened")), "told once: {rest:?}");
}

#[test]
fn a_process_that_may_not_wait_fails_at_once_with_the_reason() {
    let mut process = Process::start("0s");
    let error = process.line("inventory ends")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("the database cannot be opened: cannot reach postgres://madang@"), "{error}");
    assert_eq!(process.ends().0, Some(1));
}
