//! A nats-server of a test's own, which it may kill.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use madang_events::TransportArgs;
use tempfile::TempDir;

/// The server that MADANG_TEST_NATS names by its URL.
pub(crate) fn given() -> Option<String> {
    std::env::var("MADANG_TEST_NATS").ok().filter(|named| named.contains("://"))
}

/// The program for servers of a test's own: what MADANG_TEST_NATS names by its path, or what is found.
pub(crate) fn program() -> Option<PathBuf> {
    // Asked for only: these tests kill servers under load, and take a minute.
    std::env::var_os("MADANG_TEST_NATS")?;
    if let (Some(named), None) = (std::env::var_os("MADANG_TEST_NATS"), given()) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A wrapper script would take the signals meant for the server.
    let binary = |path: &PathBuf| {
        let mut magic = [0; 4];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
        read.is_ok() && magic == *b"\x7fELF"
    };
    let homes = std::env::split_paths(&path).chain(pip_homes());
    homes.map(|folder| folder.join("nats-server")).find(binary)
}

/// Where pip puts programs: below the shims of pyenv, and where tools/backends has it.
fn pip_homes() -> impl Iterator<Item = PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let parents = [home.join(".pyenv/versions"), cache.join("madang"), "/var/cache/madang".into()];
    let folders = parents.into_iter().filter_map(|parent| std::fs::read_dir(parent).ok()).flatten();
    folders.filter_map(Result::ok).map(|folder| folder.path().join("bin"))
}

/// Says that this test is skipped, also where the test's output is kept back.
pub(crate) fn skipped(why: &str) {
    let thread = std::thread::current();
    let line = format!(
        "SKIPPED {}: {why}
",
        thread.name().unwrap_or("a test")
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Ends the test, and says so, where there is no nats-server.
macro_rules! server_or_skip {
    () => {
        match $crate::nats::server::program() {
            Some(program) => $crate::nats::server::Server::new(program),
            None => {
                let test = std::thread::current().name().unwrap_or("a test").to_owned();
                eprintln!("SKIPPED {test}: run `make test-nats`, or set MADANG_TEST_NATS");
                return;
            }
        }
    };
}
pub(crate) use server_or_skip;

/// One below the ports that systems give to outgoing connections: a client that looks for a server which is down would now and
/// then get the server's own port, meet itself there, and keep the server from coming back.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(641);
    let draw = || 10_000 + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 21_900;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..21_900).map(|_| u16::try_from(draw()).unwrap()).find(is_free).expect("a port is free")
}

/// A server, up or down, with its port and its folder.
pub(crate) struct Server {
    program: PathBuf,
    port: u16,
    folder: TempDir,
    options: Vec<&'static str>,
    child: Option<Child>,
}

impl Server {
    /// One that is down.
    pub(crate) fn new(program: PathBuf) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        Self { program, port, folder, options: Vec::new(), child: None }
    }

    pub(crate) fn with(mut self, options: &[&'static str]) -> Self {
        self.options.extend(options);
        self
    }

    pub(crate) fn up(mut self) -> Self {
        self.start();
        self
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]).arg(self.store());
        command.args(&self.options).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() || std::thread::panicking(), "the server ended by itself: {ended:?}");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Has it stand still, with its connections open.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Loses all data. The server is down.
    pub(crate) fn wipe(&self) {
        assert!(self.child.is_none());
        if self.store().exists() {
            std::fs::remove_dir_all(self.store()).unwrap();
        }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn args(&self) -> TransportArgs {
        TransportArgs { nats_url: vec![self.url().parse().unwrap()], ..TransportArgs::default() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
