use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread;

const BEGIN: &[u8] = b"BEGIN ISOLATION";
const COMMIT: &[u8] = b"COMMIT\0";

/// What becomes of the next COMMIT, or BEGIN.
#[derive(Clone, Copy)]
pub(crate) enum Loss {
    /// It arrives; its answer is dropped, and the connection ends.
    Answer = 1,
    /// It is dropped itself, and the connection ends.
    Commit = 2,
    /// It arrives as one that the server refuses, with all that is sent behind it.
    Begin = 3,
}

/// Stands between db and the server.
pub(crate) struct Proxy {
    port: u16,
    next: Arc<AtomicU8>,
    trips: Arc<AtomicUsize>,
}

/// One connection by way of it.
struct Link {
    next: Arc<AtomicU8>,
    trips: Arc<AtomicUsize>,
    mute: AtomicBool,
    /// Whether something was asked that has no answer yet.
    waits: AtomicBool,
}

impl Proxy {
    /// Its threads end with their connections, the first with the process.
    pub(crate) fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (next, trips) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicUsize::new(0)));
        let proxy = Self { port, next: Arc::clone(&next), trips: Arc::clone(&trips) };
        let server = server.to_owned();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let (to, from) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (next, trips) = (Arc::clone(&next), Arc::clone(&trips));
                let asks = Arc::new(Link { next, trips, mute: false.into(), waits: false.into() });
                let answers = Arc::clone(&asks);
                thread::spawn(move || ask(client, server, &asks));
                thread::spawn(move || answer(from, to, &answers));
            }
        });
        proxy
    }

    /// The same database by way of the proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let (head, rest) = url.split_once('@').unwrap();
        let (_, path) = rest.split_once('/').unwrap();
        format!("{head}@127.0.0.1:{}/{path}", self.port)
    }

    pub(crate) fn lose(&self, loss: Loss) {
        self.next.store(loss as u8, Ordering::SeqCst);
    }

    /// Times that something was asked, each after the answer to what was asked before; on all connections together.
    pub(crate) fn trips(&self) -> usize {
        self.trips.load(Ordering::SeqCst)
    }
}

fn ask(mut client: TcpStream, mut server: TcpStream, link: &Link) {
    let mut bytes = [0; 8192];
    while let Ok(length @ 1..) = client.read(&mut bytes) {
        if !link.waits.swap(true, Ordering::SeqCst) {
            link.trips.fetch_add(1, Ordering::SeqCst);
        }
        if link.next.load(Ordering::SeqCst) == Loss::Begin as u8
            && let Some(at) = bytes[..length].windows(BEGIN.len()).position(|window| window == BEGIN)
        {
            link.next.store(0, Ordering::SeqCst);
            bytes[at] = b'X';
        }
        if bytes[..length].windows(COMMIT.len()).any(|window| window == COMMIT) {
            let loss = link.next.swap(0, Ordering::SeqCst);
            if loss == Loss::Commit as u8 {
                break;
            }
            link.mute.store(loss == Loss::Answer as u8, Ordering::SeqCst);
        }
        if server.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    end(&client, &server);
}

fn answer(mut server: TcpStream, mut client: TcpStream, link: &Link) {
    let mut bytes = [0; 8192];
    while let Ok(length @ 1..) = server.read(&mut bytes) {
        link.waits.store(false, Ordering::SeqCst);
        if link.mute.load(Ordering::SeqCst) || client.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    end(&client, &server);
}

fn end(client: &TcpStream, server: &TcpStream) {
    drop(client.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}
