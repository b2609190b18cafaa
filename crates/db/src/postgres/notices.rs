//! What replicas tell each other: that something was raised. It only saves them a poll.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::postgres::Server;
use crate::postgres::client::Client;
use crate::postgres::connect::{Conn, refused};
use crate::stats::Board;
use crate::{Error, OpenError};

/// At most one NOTIFY in this time: as often as who hears it commits at most.
const APART: Duration = Duration::from_millis(50);
/// How often a waiting thread looks whether the database was closed.
const TICK: Duration = Duration::from_millis(100);
/// Between attempts to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// Tells the other replicas, soon; more than one before then are one.
#[derive(Clone)]
pub(super) struct Ping(SyncSender<()>);

impl Ping {
    pub(super) fn send(&self) {
        // A full slot holds one already.
        let _full = self.0.try_send(());
    }
}

/// What the two threads share.
#[derive(Clone)]
pub(super) struct Notices {
    pub(super) server: Server,
    pub(super) board: Arc<Board>,
    pub(super) closed: Arc<AtomicBool>,
    /// The server's process that sends ours: the listener passes over those.
    pub(super) sender: Arc<AtomicI32>,
}

pub(super) fn slot() -> (Ping, Receiver<()>) {
    let (ping, pings) = sync_channel(1);
    (Ping(ping), pings)
}

impl Notices {
    /// Sends until the database is closed. It connects with the first [`Ping`].
    pub(super) fn send_all(&self, pings: &Receiver<()>) {
        let mut client = None;
        while pings.recv().is_ok() {
            while (client.is_some() || !self.closed()) && self.send(&mut client).is_err() {
                client = None;
                thread::sleep(PAUSE);
            }
            if self.closed() {
                return;
            }
            thread::sleep(APART);
        }
    }

    fn send(&self, client: &mut Option<Client>) -> Result<(), Error> {
        let unavailable = |error| Error::Unavailable(Box::new(error));
        if client.is_none() {
            let conn = Conn::open(&self.server).map_err(|error| Error::Unavailable(Box::new(error)))?;
            let connected = client.insert(conn.client);
            let rows = connected.query("SELECT pg_backend_pid()", &[]).map_err(unavailable)?;
            let sender = rows.first().and_then(|row| row.try_get(0).ok());
            self.sender.store(sender.unwrap_or_default(), Ordering::SeqCst);
        }
        let Some(client) = client else { return Ok(()) };
        client.batch_execute("NOTIFY madang_raised").map_err(unavailable)
    }

    /// A connection that hears the other replicas.
    pub(super) fn listen(&self) -> Result<Client, OpenError> {
        let mut client = Conn::open(&self.server)?.client;
        let listening = client.batch_execute("LISTEN madang_raised");
        listening.map_err(|error| refused(&self.server, error))?;
        Ok(client)
    }

    /// Hears until the database is closed. After a connection was lost something may have been missed:
    /// that counts as heard.
    pub(super) fn hear_all(&self, mut client: Client) {
        while !self.closed() {
            if self.hear(&mut client) {
                self.board.raised.send_modify(|raised| *raised += 1);
            }
            while client.is_closed() && !self.closed() {
                match self.listen() {
                    Ok(anew) => {
                        client = anew;
                        self.board.raised.send_modify(|raised| *raised += 1);
                    }
                    Err(_) => thread::sleep(TICK),
                }
            }
        }
    }

    /// Waits for a tick, and says whether another replica raised something.
    fn hear(&self, client: &mut Client) -> bool {
        let first = client.heard(TICK);
        let more = std::iter::from_fn(|| client.heard(Duration::ZERO));
        let sender = self.sender.load(Ordering::SeqCst);
        // All of them are taken, whatever the first says.
        first.into_iter().chain(more).filter(|one| one.process_id() != sender).count() > 0
    }

    fn closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}
