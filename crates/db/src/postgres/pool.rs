use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

use crate::job::{Job, survive};
use crate::postgres::Server;
use crate::postgres::connect::Conn;
use crate::postgres::notices::{Notices, Ping, slot};
use crate::postgres::worker::{Task, Worker};
use crate::stats::Board;
use crate::{Error, Kind, Migrations, OpenError};

/// After a thread could not connect, the pool grows no further for this time.
const GROW_AGAIN: Duration = Duration::from_secs(1);

/// The name of the threads with a connection that runs closures.
const CONNECTION: &str = "db-connection";

/// The threads of an open database, one connection each; dropping it waits for them to end.
///
/// It begins with one and grows when a closure finds none idle, to the number that is set.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    closed: Arc<AtomicBool>,
    ping: Ping,
    running: Mutex<Vec<JoinHandle<()>>>,
    most: usize,
    queue: usize,
}

struct Shared {
    server: Server,
    board: Arc<Board>,
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    /// Each with the time since which it waits.
    tasks: VecDeque<(Instant, Task)>,
    /// Threads that run no closure, or connect in order to run one.
    free: usize,
    threads: usize,
    closed: bool,
    grow: Instant,
}

impl Pool {
    /// Connects, migrates and listens, on threads that then stay; waits for them.
    pub(crate) fn start(
        server: Server,
        (most, queue): (usize, usize),
        migrations: Vec<Migrations>,
        board: Arc<Board>,
    ) -> Result<Self, OpenError> {
        let state =
            State { tasks: VecDeque::new(), free: 1, threads: 1, closed: false, grow: Instant::now() };
        let notices = Notices {
            server: server.clone(),
            board: Arc::clone(&board),
            closed: Arc::default(),
            sender: Arc::default(),
        };
        let (ping, pings) = slot();
        let pool = Self {
            shared: Arc::new(Shared { server, board, state: Mutex::new(state), wake: Condvar::new() }),
            closed: Arc::clone(&notices.closed),
            ping: ping.clone(),
            running: Mutex::default(),
            most,
            queue,
        };
        let shared = Arc::clone(&pool.shared);
        pool.started(
            CONNECTION,
            move || shared.open(migrations),
            |conn, shared| {
                shared.work(Worker::new(shared.server.clone(), Some(conn), Arc::clone(&shared.board), ping));
            },
        )?;
        let (sender, listener) = (notices.clone(), notices);
        let hear = listener.clone();
        pool.started("db-listen", move || listener.listen(), move |client, _| hear.hear_all(client))?;
        pool.spawn("db-notify", move || sender.send_all(&pings)).map_err(OpenError::Threads)?;
        Ok(pool)
    }

    pub(crate) fn write(&self, kind: Kind, job: Box<dyn Job>) -> Result<(), Error> {
        self.push((Some(kind), job))
    }

    pub(crate) fn read(&self, job: Box<dyn Job>) -> Result<(), Error> {
        self.push((None, job))
    }

    /// How long the one that has waited longest for a connection has waited.
    pub(crate) fn waits(&self) -> Duration {
        let state = self.shared.state();
        // What goes first stands before those that came sooner.
        let longest = state.tasks.iter().map(|(since, _)| *since).min();
        longest.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn push(&self, task: Task) -> Result<(), Error> {
        let mut state = self.shared.state();
        if state.closed {
            return Err(Error::Closed);
        }
        let first = task.0.is_some_and(Kind::goes_first);
        if !first && state.tasks.len() >= self.queue {
            return Err(Error::Overloaded);
        }
        self.shared.board.queued(task.0.is_some()).comes();
        let task = (Instant::now(), task);
        if first {
            state.tasks.push_front(task);
        } else {
            state.tasks.push_back(task);
        }
        let more = state.tasks.len() > state.free && state.threads < self.most;
        let grow = more && state.grow <= Instant::now();
        state.threads += usize::from(grow);
        state.free += usize::from(grow);
        drop(state);
        self.shared.wake.notify_one();
        if grow {
            self.grow();
        }
        Ok(())
    }

    fn grow(&self) {
        let (shared, ping) = (Arc::clone(&self.shared), self.ping.clone());
        let grown = self.spawn(CONNECTION, move || {
            let mut worker = Worker::new(shared.server.clone(), None, Arc::clone(&shared.board), ping);
            if worker.connected() { shared.work(worker) } else { shared.give_up() }
        });
        if grown.is_err() {
            self.shared.give_up();
        }
    }

    /// Starts a thread, and waits for what it must do first.
    fn started<T: 'static>(
        &self,
        name: &str,
        first: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
        then: impl FnOnce(T, &Shared) + Send + 'static,
    ) -> Result<(), OpenError> {
        let (tell, told) = sync_channel(1);
        let shared = Arc::clone(&self.shared);
        let work = move || match first() {
            Ok(made) => {
                drop(tell.send(Ok(())));
                then(made, &shared);
            }
            Err(error) => drop(tell.send(Err(error))),
        };
        self.spawn(name, work).map_err(OpenError::Threads)?;
        told.recv().unwrap_or_else(|_| Err(OpenError::Threads(io::Error::other("it panicked"))))
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.into()).spawn(|| survive(work))?;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|thread| !thread.is_finished());
        running.push(thread);
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, migrations: Vec<Migrations>) -> Result<Conn, OpenError> {
        let mut conn = Conn::open(&self.server)?;
        conn.check(&self.server)?;
        conn.migrate(&self.server, migrations)?;
        Ok(conn)
    }

    /// Runs tasks until the pool is closed and none is left.
    fn work(&self, mut worker: Worker) {
        while let Some(task) = self.next() {
            worker.run(task, || self.state().free += 1);
        }
    }

    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if let Some((_, task)) = state.tasks.pop_front() {
                self.board.queued(task.0.is_some()).goes();
                state.free -= 1;
                return Some(task);
            }
            if state.closed {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_up(&self) {
        let mut state = self.state();
        state.threads -= 1;
        state.free -= 1;
        state.grow = Instant::now() + GROW_AGAIN;
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        let connections = |thread: &JoinHandle<()>| thread.thread().name() == Some(CONNECTION);
        let (connections, notices) = running.drain(..).partition::<Vec<_>, _>(connections);
        self.shared.state().closed = true;
        self.shared.wake.notify_all();
        connections.into_iter().for_each(ended);
        // What was raised last is still told, if the others are reachable.
        self.closed.store(true, Ordering::SeqCst);
        self.ping.send();
        notices.into_iter().for_each(ended);
    }
}

fn ended(thread: JoinHandle<()>) {
    // A closure may hold the last handle: then this runs on the thread it would wait for.
    if thread.thread().id() != thread::current().id() {
        drop(thread.join());
    }
}
