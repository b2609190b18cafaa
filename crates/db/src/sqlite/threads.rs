use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::config::Limits;
use crate::job::{Job, survive};
use crate::sqlite::group::Write;
use crate::sqlite::queue::{Queue, Queued};
use crate::sqlite::{Opened, Statements, Writer, read};
use crate::stats::Board;

/// To the writer, and to the readers.
type Queues = (SyncSender<Queued>, SyncSender<Box<dyn Job>>);

/// The threads of an open database; dropping it waits for them to end.
pub(crate) struct Threads {
    queues: Option<Queues>,
    board: Arc<Board>,
    running: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(crate) fn start(opened: Opened, limits: Limits, board: &Arc<Board>) -> io::Result<Self> {
        let (writes, to_write) = sync_channel(limits.queue);
        let (reads, to_read) = sync_channel(limits.queue);
        // Each thread keeps the lease until its own connection is closed.
        let lease = Arc::new(opened.lease);
        let mut threads =
            Self { queues: Some((writes, reads)), board: Arc::clone(board), running: Vec::new() };

        let (conn, held, told) = (opened.writer, Arc::clone(&lease), Arc::clone(board));
        threads.spawn("db-writer", move || {
            let _lease = held;
            let conn = conn;
            let queue = Queue::new(to_write, limits.closures, &told);
            write_all(Writer::new(&conn, Arc::clone(&told)), queue, limits);
        })?;
        let to_read = Arc::new(Mutex::new(to_read));
        for conn in opened.readers {
            let (board, jobs, held) = (Arc::clone(board), Arc::clone(&to_read), Arc::clone(&lease));
            threads.spawn("db-reader", move || {
                let _lease = held;
                let conn = conn;
                let mut statements = Statements::new(&conn);
                while let Some(job) = next(&jobs) {
                    board.queued(false).goes();
                    survive(|| read(&mut statements, &board, job));
                }
            })?;
        }
        Ok(threads)
    }

    /// Queues a closure, which may wait so long for another one's commit.
    pub(crate) fn write(&self, write: Write, patience: Duration) -> Result<(), Error> {
        let (writes, _) = self.queues.as_ref().ok_or(Error::Closed)?;
        self.board.queued(true).comes();
        writes.try_send((write, patience)).map_err(|error| self.refused(true, &error))
    }

    pub(crate) fn read(&self, job: Box<dyn Job>) -> Result<(), Error> {
        let (_, reads) = self.queues.as_ref().ok_or(Error::Closed)?;
        self.board.queued(false).comes();
        reads.try_send(job).map_err(|error| self.refused(false, &error))
    }

    fn refused<T>(&self, writes: bool, error: &TrySendError<T>) -> Error {
        self.board.queued(writes).goes();
        match error {
            TrySendError::Full(_) => Error::Overloaded,
            TrySendError::Disconnected(_) => Error::Closed,
        }
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.running.push(thread::Builder::new().name(name.into()).spawn(work)?);
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queues = None;
        for thread in self.running.drain(..) {
            // A closure may hold the last handle: then this runs on the thread it would wait for.
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

fn write_all(mut writer: Writer<'_>, mut queue: Queue<'_>, limits: Limits) {
    while let Some(first) = queue.first() {
        let started = Instant::now();
        let more = |members| {
            let room = members < limits.closures && started.elapsed() < limits.work;
            room.then(|| queue.more()).flatten()
        };
        survive(|| writer.group(first, more));
    }
}

fn next(jobs: &Mutex<Receiver<Box<dyn Job>>>) -> Option<Box<dyn Job>> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
