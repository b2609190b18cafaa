use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::Server;
use crate::postgres::connect::Conn;
use crate::postgres::fault::{Failed, told};

/// How long a task waits for the server to come back.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Between attempts to connect: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A connection that is made anew when it is lost.
pub(super) struct Link {
    server: Server,
    conn: Option<Conn>,
    down: Option<Down>,
}

/// Somebody waited in vain: until `retry` others are refused at once, so that a queue drains.
struct Down {
    retry: Instant,
    cause: String,
}

impl Down {
    fn now(cause: String) -> Self {
        Self { retry: Instant::now() + PAUSE.1, cause }
    }
}

impl Link {
    pub(super) fn new(server: Server, conn: Option<Conn>) -> Self {
        Self { server, conn, down: None }
    }

    /// The connection, made anew if need be, until the deadline.
    pub(super) fn ready(&mut self, deadline: Instant) -> Result<&mut Conn, String> {
        let standing = self.conn.take().filter(|conn| !conn.client.is_closed());
        let conn = match standing {
            Some(conn) => conn,
            None => self.connect(deadline)?,
        };
        Ok(self.conn.insert(conn))
    }

    /// The connection as it is.
    pub(super) fn conn(&mut self) -> Option<&mut Conn> {
        self.conn.as_mut()
    }

    /// Gives up the connection, whose state is unknown. What a silent server let one task wait for, the next need not.
    pub(super) fn cut(&mut self) {
        let silence = self.conn.take().and_then(|conn| conn.client.silence());
        if let Some(waited) = silence {
            self.down = Some(Down::now(told(&Failed::Silent(waited))));
        }
    }

    fn connect(&mut self, deadline: Instant) -> Result<Conn, String> {
        let deadline = match &self.down {
            Some(down) if Instant::now() < down.retry => return Err(down.cause.clone()),
            // One attempt: the first that waited has waited for all.
            Some(_) => Instant::now(),
            None => deadline,
        };
        let mut pause = PAUSE.0;
        loop {
            let error = match Conn::open(&self.server) {
                Ok(conn) => {
                    self.down = None;
                    return Ok(conn);
                }
                Err(error) => told(&error),
            };
            if Instant::now() + pause > deadline {
                self.down = Some(Down::now(error.clone()));
                return Err(error);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}
