//! A server that goes and comes back: one of the test's own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use madang_db::{Db, Error};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use crate::server::config;
use crate::{count, database, inserted, opened, until};

struct Server {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Server {
    fn new() -> Self {
        let told = tools().arg("postgres").output().unwrap();
        let programs = PathBuf::from(String::from_utf8(told.stdout).unwrap().trim());
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        // The server runs as another user where this is root.
        run(Command::new("chmod").arg("0777").arg(folder.path()));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { folder, programs, port };
        let options = ["-U", "madang", "--auth=trust", "--locale=C", "--encoding=UTF8"];
        run(server.program("initdb").args(options));
        server.start();
        server
    }

    fn url(&self) -> String {
        format!("postgres://madang@127.0.0.1:{}/postgres", self.port)
    }

    fn start(&self) {
        let options =
            format!("-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories=''", self.port);
        let log = self.folder.path().join("log");
        run(self.program("pg_ctl").args(["-w", "-s", "-o", &options, "-l"]).arg(log).arg("start"));
    }

    /// As if it were killed: no session ends well, and the log is replayed at the start.
    fn stop(&self) {
        run(self.program("pg_ctl").args(["-w", "-s", "-m", "immediate", "stop"]));
    }

    fn program(&self, name: &str) -> Command {
        let mut command = tools();
        command.arg("as-owner").arg(self.programs.join(name)).arg("-D").arg(self.folder.path().join("data"));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
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

async fn unavailable(db: &Db, within: Duration) {
    let began = Instant::now();
    let (write, read) = tokio::join!(inserted(db, 99), db.read(count));
    assert!(matches!(write, Err(Error::Unavailable(_))), "{write:?}");
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(began.elapsed() < within, "{:?}", began.elapsed());
}

#[tokio::test]
async fn work_waits_for_a_server_that_restarts_is_refused_by_one_that_is_gone_and_goes_on_with_it() {
    drop(database!("work_waits_for_a_server_that_restarts_is_refused_by_one_that_is_gone"));
    let server = Server::new();
    let db = opened(&config(&server.url())).await;
    inserted(&db, 1).await.unwrap();

    server.stop();
    let waiting = db.clone();
    let waiting = async move { timeout(Duration::from_secs(10), inserted(&waiting, 2)).await.unwrap() };
    let (waited, ()) = tokio::join!(waiting, async { server.start() });
    waited.expect("a short restart is waited for");

    server.stop();
    unavailable(&db, Duration::from_secs(8)).await;
    for _ in 0..3 {
        unavailable(&db, Duration::from_secs(2)).await;
    }
    server.start();
    until("work goes on", async || inserted(&db, 3).await.is_ok()).await;
    assert_eq!(db.read(count).await.unwrap(), 3, "what was answered is there, and what was refused is not");
}
