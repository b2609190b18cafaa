use std::fmt;
use std::future::pending;
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::sync::watch;

use crate::Error;
use crate::postgres::{Server, campaign};

/// This replica's part in a race: [`Lead::won`] waits until it leads. Dropping it leaves the race, and
/// within a quarter of a second another may lead.
///
/// On PostgreSQL a session holds an advisory lock for as long as the term lasts. When its connection breaks,
/// the server may give the lock to another replica before this one has noticed, so what a leader writes
/// is guarded: a row's update with what the leader read, or a unique position.
pub struct Lead {
    term: watch::Receiver<Option<u64>>,
    _running: Running,
}

/// What ends with the [`Lead`].
#[expect(dead_code, reason = "held, and its drop is seen at the other end")]
enum Running {
    /// Nothing runs: this side alone keeps the term.
    Always(watch::Sender<Option<u64>>),
    /// The thread ends when this is gone.
    Campaign(SyncSender<()>),
}

/// A time in which this replica leads.
pub struct Term {
    number: u64,
    current: watch::Receiver<Option<u64>>,
}

impl Lead {
    pub(crate) fn always() -> Self {
        let (keep, term) = watch::channel(Some(1));
        Self { term, _running: Running::Always(keep) }
    }

    pub(crate) fn campaign(server: Server, name: &'static str) -> Result<Self, Error> {
        let (set, term) = watch::channel(None);
        let (keep, left) = sync_channel(0);
        let work = move || campaign(&server, name, &left, &set);
        let thread = std::thread::Builder::new().name("db-lead".into()).spawn(work);
        drop(thread.map_err(|error| Error::Unavailable(Box::new(error)))?);
        Ok(Self { term, _running: Running::Campaign(keep) })
    }

    /// Waits until this replica leads, and gives the term. May be dropped and called again.
    pub async fn won(&mut self) -> Term {
        let number = match self.term.wait_for(Option::is_some).await {
            Ok(number) => *number,
            Err(_) => None,
        };
        match number {
            Some(number) => Term { number, current: self.term.clone() },
            // The thread panicked: it will not lead again.
            None => pending().await,
        }
    }
}

impl Term {
    /// Whether the term lasts, as far as this replica knows.
    pub fn lasts(&self) -> bool {
        self.current.has_changed().is_ok() && *self.current.borrow() == Some(self.number)
    }

    /// Waits until the term has ended: the connection that held it broke, or the [`Lead`] was dropped.
    pub async fn ended(&mut self) {
        let number = self.number;
        // An error says that nobody keeps the term any more.
        drop(self.current.wait_for(|current| *current != Some(number)).await);
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("term", &*self.term.borrow()).finish()
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Term").field("number", &self.number).field("lasts", &self.lasts()).finish()
    }
}
