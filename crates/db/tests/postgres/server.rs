use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use madang_db::testing::ask;
use tempfile::TempDir;

use crate::authority::Identity;

/// A server of the test's own, which it may stop.
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// Besides where it listens.
    settings: &'static str,
}

impl Server {
    pub(crate) fn new() -> Self {
        let told = tools().arg("postgres").output().unwrap();
        let programs = PathBuf::from(String::from_utf8(told.stdout).unwrap().trim());
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        // The server runs as another user where this is root.
        run(Command::new("chmod").arg("0777").arg(folder.path()));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { folder, programs, port, settings: "" };
        let options = ["-U", "madang", "--auth=trust", "--locale=C", "--encoding=UTF8"];
        run(server.program("initdb").args(options));
        server.start();
        server
    }

    /// One that lets nobody in without TLS and a password, which is `secret`.
    pub(crate) fn with(identity: &Identity) -> Self {
        let mut server = Self::new();
        ask(&server.url(), "ALTER ROLE madang PASSWORD 'secret'");
        server.stop();
        server.settings = "-c ssl=on";
        let data = server.folder.path().join("data");
        fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n").unwrap();
        for (name, content) in [("server.crt", &identity.certificate), ("server.key", &identity.key)] {
            let file = server.folder.path().join(name);
            fs::write(&file, content).unwrap();
            // The server's user owns its key, or the server does not start.
            run(tools().args(["as-owner", "install", "-m", "600"]).arg(file).arg(data.join(name)));
        }
        server.start();
        server
    }

    /// Its database by this name of the host.
    pub(crate) fn url_by(&self, host: &str) -> String {
        format!("postgres://madang:secret@{host}:{}/postgres", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://madang@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn start(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories='' {}",
            self.port, self.settings
        );
        let log = self.folder.path().join("log");
        run(self.program("pg_ctl").args(["-w", "-s", "-o", &options, "-l"]).arg(log).arg("start"));
    }

    /// As if it were killed: no session ends well, and the log is replayed at the start.
    pub(crate) fn stop(&self) {
        run(self.program("pg_ctl").args(["-w", "-s", "-m", "immediate", "stop"]));
    }

    /// Stops all its processes where they are. Its sockets stay open, and what is sent to them is still acknowledged.
    pub(crate) fn freeze(&self) {
        let stopped = |id: &String| {
            let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            status.rsplit_once(") ").is_none_or(|(_, status)| status.starts_with('T'))
        };
        // The postmaster is the first of them: once it stands, no process is added.
        while !self.processes().iter().all(stopped) {
            self.signal("-STOP");
        }
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        // A session may end meanwhile: then `kill` says so.
        drop(Command::new("kill").arg(signal).args(self.processes()).output());
    }

    fn processes(&self) -> Vec<String> {
        let file = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap_or_default();
        let Some(postmaster) = file.lines().next() else { return Vec::new() };
        let child = |id: &String| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == postmaster))
        };
        let all = fs::read_dir("/proc").unwrap().flatten().flat_map(|entry| entry.file_name().into_string());
        let children: Vec<_> = all.filter(child).collect();
        [postmaster.to_owned()].into_iter().chain(children).collect()
    }

    fn program(&self, name: &str) -> Command {
        let mut command = tools();
        command.arg("as-owner").arg(self.programs.join(name)).arg("-D").arg(self.folder.path().join("data"));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.thaw();
        drop(self.program("pg_ctl").args(["-s", "-m", "immediate", "stop"]).output());
    }
}

fn tools() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/backends"))
}

fn run(command: &mut Command) {
    // No pipes: the server would keep them.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}
