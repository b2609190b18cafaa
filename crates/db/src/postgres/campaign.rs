use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use tokio::sync::watch;

use crate::params;
use crate::postgres::Server;
use crate::postgres::client::Client;
use crate::postgres::connect::Conn;

/// Between attempts to take the lock, and between looks whether it is still held.
const TICK: Duration = Duration::from_millis(250);
/// For the server's answer to a look.
const ANSWER: Duration = Duration::from_secs(1);

/// The server ends the session of a process that stands still, and frees its lock: a living one asks every tick. A server
/// before version 14 knows no such limit, and waits for the process.
const STANDING_STILL: &str = "SET idle_session_timeout = '3s'";

const TAKE: &str = "SELECT pg_try_advisory_lock(hashtextextended('madang lead ' || $1, 0))";

/// Takes the lock and holds it, again and again, until `left` has no other end.
pub(crate) fn campaign(server: &Server, name: &str, left: &Receiver<()>, term: &watch::Sender<Option<u64>>) {
    let mut number = 0;
    let mut standing = None;
    loop {
        let connected = standing.take().or_else(|| connect(server));
        if let Some(mut client) = connected {
            let taken = client.query(TAKE, &params![name]).ok();
            let taken = taken.and_then(|rows| rows.first()?.try_get::<_, bool>(0).ok());
            if taken == Some(true) {
                number += 1;
                term.send_replace(Some(number));
                hold(&mut client, left);
                // Before the connection is closed: that frees the lock.
                term.send_replace(None);
            } else if taken == Some(false) {
                standing = Some(client);
            }
        }
        if let Err(RecvTimeoutError::Disconnected) = left.recv_timeout(TICK) {
            return;
        }
    }
}

fn connect(server: &Server) -> Option<Client> {
    let mut client = Conn::open(server).ok()?.client;
    if let Err(error) = client.batch_execute(STANDING_STILL)
        && error.answer().is_none()
    {
        return None;
    }
    Some(client)
}

/// Returns when the connection is lost, or does not answer, or the race was left.
fn hold(client: &mut Client, left: &Receiver<()>) {
    while !matches!(left.try_recv(), Err(TryRecvError::Disconnected)) {
        // Nothing is heard on it: this waits for the tick, or for the connection's end.
        drop(client.heard(TICK));
        if client.batch_execute_within(ANSWER, "").is_err() {
            return;
        }
    }
}
