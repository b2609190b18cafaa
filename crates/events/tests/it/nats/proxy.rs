//! A wire to a nats-server that loses answers when it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use madang_events::TransportArgs;

use super::server::Server;

/// Stands between clients and the server.
pub(crate) struct Proxy {
    port: u16,
    mute: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Its threads end with their connections, the first with the process.
    pub(crate) fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mute, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (muted, opened, target) = (Arc::clone(&mute), Arc::clone(&open), server.port());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", target)).unwrap());
                opened.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                let (to, from, muted) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&muted));
                thread::spawn(move || carry(client, server, &AtomicBool::new(false)));
                thread::spawn(move || carry(from, to, &muted));
            }
        });
        Self { port, mute, open }
    }

    pub(crate) fn args(&self) -> TransportArgs {
        let url = format!("nats://127.0.0.1:{}", self.port);
        TransportArgs { nats_url: vec![url.parse().unwrap()], ..TransportArgs::default() }
    }

    /// From now on what the server says is lost; what it is told arrives.
    pub(crate) fn lose_answers(&self) {
        self.mute.store(true, Ordering::SeqCst);
    }

    /// Ends all connections; those that follow lose nothing.
    pub(crate) fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
        self.mute.store(false, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, mute: &AtomicBool) {
    let mut bytes = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if !mute.load(Ordering::SeqCst) && to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}
