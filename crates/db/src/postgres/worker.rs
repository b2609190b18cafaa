use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::job::{Job, survive};
use crate::postgres::Server;
use crate::postgres::connect::Conn;
use crate::postgres::fault::{Fault, fault, told};
use crate::postgres::link::{Link, PATIENCE};
use crate::postgres::notices::Ping;
use crate::postgres::session::{Fate, Mode, PgSession};
use crate::stats::Board;
use crate::{Kind, Tx};

/// Times a closure runs when each ends in a conflict.
const CONFLICTS: usize = 4;
/// Times a closure runs when each is undone by the server, or loses its connection.
const LOSSES: usize = 6;

/// A closure that was undone for another's sake lets it go first: at once it could take the same lock
/// again, before the other has woken. Times the number of runs.
const YIELD: Duration = Duration::from_millis(3);

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A closure in the queue: one that writes has a kind.
pub(super) type Task = (Option<Kind>, Box<dyn Job>);

/// What runs closures on one connection.
pub(super) struct Worker {
    link: Link,
    board: Arc<Board>,
    ping: Ping,
}

/// How one run ended.
enum Run {
    Committed {
        wrote: bool,
        raised: bool,
    },
    /// Undone; the closure's answer stands.
    Undone {
        conflicted: bool,
    },
    /// Undone, since something failed that was not waited for: to be run again, waiting for each.
    Late,
    /// Nothing is known to have happened: to be run again.
    Lost(String),
    /// Told as unavailable.
    Failed(String),
}

impl Worker {
    pub(super) fn new(server: Server, conn: Option<Conn>, board: Arc<Board>, ping: Ping) -> Self {
        Self { link: Link::new(server, conn), board, ping }
    }

    /// Connects, for a thread that is not needed unless it can.
    pub(super) fn connected(&mut self) -> bool {
        self.link.ready(Instant::now()).is_ok()
    }

    /// Runs one task; `free` is called before its answer leaves, so that who asks next finds a free thread.
    pub(super) fn run(&mut self, (kind, mut job): Task, free: impl FnOnce()) {
        let mut sound = false;
        survive(|| {
            match kind {
                Some(kind) => self.write(kind, &mut *job),
                None => self.read(&mut *job),
            }
            sound = true;
        });
        if !sound {
            self.link.cut();
        }
        free();
        survive(|| job.answer());
    }

    fn write(&mut self, kind: Kind, job: &mut dyn Job) {
        let run = self.repeat(job, |worker, job, deadline, mode| worker.attempt((kind, mode), job, deadline));
        if let Run::Lost(cause) | Run::Failed(cause) = &run {
            job.fail(cause);
        }
        let mut stats = self.board.stats();
        match run {
            Run::Committed { wrote, .. } => {
                stats.groups += 1;
                self.board.group_sizes.add(1);
                stats.written_groups += u64::from(wrote);
                stats.count_committed(kind);
            }
            Run::Undone { .. } | Run::Late => stats.rolled_back += 1,
            Run::Lost(_) | Run::Failed(_) => stats.failed_groups += 1,
        }
        drop(stats);
        if matches!(run, Run::Committed { raised: true, .. }) {
            self.board.raised.send_modify(|raised| *raised += 1);
            self.ping.send();
        }
    }

    fn read(&mut self, job: &mut dyn Job) {
        if let Run::Lost(cause) | Run::Failed(cause) =
            self.repeat(job, |worker, job, deadline, _| worker.look(job, deadline))
        {
            job.fail(&cause);
        }
        self.board.stats().reads += 1;
    }

    /// Runs the closure again while that may help, each time in a transaction of its own; one that writes waits for nothing that it
    /// need not, until such a thing failed.
    fn repeat(
        &mut self,
        job: &mut dyn Job,
        attempt: impl Fn(&mut Self, &mut dyn Job, Instant, Mode) -> Run,
    ) -> Run {
        let deadline = Instant::now() + PATIENCE;
        let (mut conflicts, mut losses, mut mode) = (1, 1, Mode::Write);
        loop {
            let run = attempt(self, job, deadline, mode);
            let (count, most) = match run {
                Run::Undone { conflicted: true } => (&mut conflicts, CONFLICTS),
                Run::Lost(_) => (&mut losses, LOSSES),
                Run::Late => {
                    mode = Mode::WriteWaiting;
                    self.board.stats().reruns += 1;
                    continue;
                }
                Run::Undone { conflicted: false } | Run::Committed { .. } | Run::Failed(_) => return run,
            };
            if *count == most || (matches!(run, Run::Lost(_)) && Instant::now() > deadline) {
                return run;
            }
            if matches!(run, Run::Lost(_)) {
                thread::sleep(YIELD * u32::try_from(*count).unwrap_or(1));
            }
            *count += 1;
            self.board.stats().reruns += 1;
        }
    }

    fn attempt(&mut self, (kind, mode): (Kind, Mode), job: &mut dyn Job, deadline: Instant) -> Run {
        let conn = match self.begin(BEGIN, deadline) {
            Ok(conn) => conn,
            Err(run) => return run,
        };
        let mut session = PgSession::new(conn, mode);
        let mut tx = Tx::new(&mut session);
        let succeeded = job.run(&mut tx);
        let (raised, conflicted) = (tx.raised, tx.conflicted && !succeeded);
        let settled = if succeeded { session.settle() } else { Ok(()) };
        let (wrote, fate) = (session.wrote, session.fate);
        let run = match (ended(fate), settled) {
            (Some(run), _) => run,
            (None, Err(error)) => Run::Failed(told(&error)),
            (None, Ok(())) if succeeded => {
                return self.commit(wrote.then_some(kind), Run::Committed { wrote, raised });
            }
            (None, Ok(())) => Run::Undone { conflicted },
        };
        self.roll_back();
        run
    }

    /// One run of a closure that reads: without a transaction, unless it asks for more than one statement.
    fn look(&mut self, job: &mut dyn Job, deadline: Instant) -> Run {
        let conn = match self.link.ready(deadline) {
            Ok(conn) => conn,
            Err(cause) => return Run::Failed(cause),
        };
        let mut session = PgSession::new(conn, Mode::Alone);
        job.run(&mut Tx::new(&mut session));
        let fate = session.fate;
        if matches!(fate, Fate::Alone) {
            return self.look_twice(job, deadline);
        }
        if matches!(fate, Fate::Lost(_)) {
            self.link.cut();
        }
        ended(fate).unwrap_or(Run::Undone { conflicted: false })
    }

    /// The same on one snapshot.
    fn look_twice(&mut self, job: &mut dyn Job, deadline: Instant) -> Run {
        let conn = match self.begin(BEGIN_READ, deadline) {
            Ok(conn) => conn,
            Err(run) => return run,
        };
        let mut session = PgSession::new(conn, Mode::Read);
        job.run(&mut Tx::new(&mut session));
        let fate = session.fate;
        self.roll_back();
        ended(fate).unwrap_or(Run::Undone { conflicted: false })
    }

    /// The connection, on which the first statement begins a transaction.
    fn begin(&mut self, sql: &'static str, deadline: Instant) -> Result<&mut Conn, Run> {
        let conn = self.link.ready(deadline).map_err(Run::Failed)?;
        conn.client.begin(sql);
        Ok(conn)
    }

    /// An error that the server reports as such undid the transaction. Without an answer, or with one
    /// that ends the connection, it may have been committed: the closure's look-up finds out. A closure that
    /// wrote has a kind here.
    fn commit(&mut self, wrote: Option<Kind>, committed: Run) -> Run {
        let Some(conn) = self.link.conn() else { return Run::Lost("no connection".into()) };
        let point = |side| wrote.into_iter().for_each(|kind: Kind| kind.crash_point(side));
        point("before");
        let begun = Instant::now();
        let Err(error) = conn.client.commit() else {
            if wrote.is_some() {
                self.board.commits.add(begun.elapsed());
            }
            point("after");
            return committed;
        };
        let (fault, cause) = (fault(&error), told(&error));
        let lost = fault == Fault::Lost || conn.client.is_closed();
        self.link.cut();
        if lost {
            self.board.stats().lost_commits += 1;
        }
        match fault {
            _ if lost => Run::Lost(cause),
            Fault::Again | Fault::Stale | Fault::ReadOnly => Run::Lost(cause),
            Fault::Late => Run::Late,
            Fault::Lost | Fault::Passing | Fault::Wrong => Run::Failed(cause),
        }
    }

    fn roll_back(&mut self) {
        let undone = self.link.conn().is_some_and(|conn| conn.client.roll_back().is_ok());
        if !undone {
            self.link.cut();
        }
    }
}

/// What a closure's run comes to, whatever it answers; none where the transaction stands.
fn ended(fate: Fate) -> Option<Run> {
    match fate {
        Fate::Sound => None,
        Fate::Again(cause) | Fate::Lost(cause) => Some(Run::Lost(cause)),
        Fate::Late => Some(Run::Late),
        Fate::Ended(cause) => Some(Run::Failed(cause)),
        // Only a session of its mode ends so, and that is run again.
        Fate::Alone => Some(Run::Failed("a statement needs a transaction".into())),
    }
}
