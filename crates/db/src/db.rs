use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep};

use crate::config::Place;
use crate::job::job;
use crate::observer::{self, Observed, Observer};
use crate::postgres::{Pool, Server};
use crate::sqlite::{Opened, Threads};
use crate::stats::Board;
use crate::{Config, Dialect, Error, Kind, Lead, Meter, Migrations, OpenError, Stats, Tx};

/// A handle on an open database; clones share it.
///
/// When the last handle drops, the queued closures still run, the threads end, and the lease is free
/// once drop returns: it blocks for as long as they take.
#[derive(Clone)]
pub struct Db {
    executor: Arc<Executor>,
    board: Arc<Board>,
}

enum Executor {
    Threads(Threads),
    Pool(Pool, Server),
    #[cfg(feature = "sim")]
    Inline(crate::inline::Inline),
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Db {
    /// Opens the database, brings each schema up to date and starts the threads. On SQLite it takes the
    /// file's lease, and makes a missing folder; on PostgreSQL several replicas migrate one after the
    /// other, and one connection of the pool must stand. A server that cannot be reached, starts, or has no
    /// connection left is tried again for [`Config::wait`]; dropping the future ends that.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(config: &Config, migrations: Vec<Migrations>) -> Result<Self, OpenError> {
        let (limits, synchronous, most) = (config.limits, config.synchronous, config.connections.into());
        let board = Arc::new(Board::default());
        let executor = match config.database.0.clone() {
            Place::Sqlite(path) => {
                let opened = away(move || Opened::open(&path, synchronous, migrations)).await?;
                let threads = Threads::start(opened, limits, &board).map_err(OpenError::Threads)?;
                Executor::Threads(threads)
            }
            Place::Postgres(server) => {
                let server = server.with(synchronous).trusting(config.ca.as_deref())?;
                let start = || {
                    let (at, to_tell) = (server.clone(), Arc::clone(&board));
                    let migrations = migrations.iter().map(Migrations::again).collect();
                    away(move || Pool::start(at, (most, limits.queue), migrations, to_tell))
                };
                let pool = wait::patiently(config.wait, start).await?;
                Executor::Pool(pool, server)
            }
        };
        Ok(Self { executor: Arc::new(executor), board })
    }

    /// Opens the database with an executor that runs closures on the calling task and draws the sizes
    /// of groups from `seed`. The path `:memory:` keeps all in memory.
    ///
    /// # Errors
    /// See [`OpenError`].
    #[cfg(feature = "sim")]
    pub fn inline(config: &Config, migrations: Vec<Migrations>, seed: u64) -> Result<Self, OpenError> {
        let Place::Sqlite(path) = &config.database.0 else { return Err(OpenError::NotInline) };
        let board = Arc::new(Board::default());
        let opened = Opened::open_one(path, config.synchronous, migrations)?;
        let inline = crate::inline::Inline::new(opened, config.limits, Arc::clone(&board), seed);
        Ok(Self { executor: Arc::new(Executor::Inline(inline)), board })
    }

    /// Runs `work` in a transaction that writes; answers after COMMIT. `work` may run more than once, and
    /// on PostgreSQL even after it was committed: when the answer to COMMIT is lost, it runs again on a new
    /// connection. So `work` begins with a look-up of what it would do. When the returned future is
    /// dropped, `work` may still run and be committed.
    ///
    /// # Errors
    /// What `work` gives; [`Error::Overloaded`] at once when the queue is full; [`Error::Unavailable`]
    /// when it is unknown whether the work was committed; [`Error::Panicked`], [`Error::Closed`].
    pub fn write<T, E, F>(&self, kind: Kind, work: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.queue(kind, Duration::ZERO, work)
    }

    /// As [`Db::write`], for what nobody waits for: `work` may stand back until it is due for a commit that others have made, and
    /// shares it. On SQLite a commit of its own, with its sync, is made only where none came; with another executor, always.
    ///
    /// # Errors
    /// Those of [`Db::write`].
    pub async fn write_by<T, E, F>(&self, due: Instant, kind: Kind, work: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let patience = due.saturating_duration_since(Instant::now());
        // Where nothing is shared, it is waited for here: within the future of every write it would make each larger.
        if !patience.is_zero() && !matches!(&*self.executor, Executor::Threads(_)) {
            sleep(patience).await;
        }
        self.queue(kind, patience, work).await
    }

    fn queue<T, E, F>(
        &self,
        kind: Kind,
        patience: Duration,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (observed, called) = (self.observed(Some(kind)), Instant::now());
        let watch = observed.clone();
        // Not within the future, which would be as large as the closure, and be moved with it.
        let (job, answer) = job(move |tx| observer::run(watch.as_ref(), tx, &work));
        async move {
            match &*self.executor {
                Executor::Threads(threads) => self.refuse(threads.write((kind, job), patience))?,
                Executor::Pool(pool, _) => self.refuse(pool.write(kind, job))?,
                #[cfg(feature = "sim")]
                Executor::Inline(inline) => {
                    inline.write(kind, job).await.or_else(|error| self.refuse(Err(error)))?
                }
            }
            let answer = ended(observed, received(answer).await);
            self.board.time(Some(kind), called.elapsed());
            answer
        }
    }

    /// Runs `work` on a reader: all its queries see one snapshot, at least as new as every write that
    /// was answered before. A statement that writes fails. On PostgreSQL the first query is asked without a transaction, as it
    /// alone has a snapshot; for a second one `work` runs again, in one.
    ///
    /// # Errors
    /// Those of [`Db::write`].
    pub fn read<T, E, F>(&self, work: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (observed, called) = (self.observed(None), Instant::now());
        let watch = observed.clone();
        let (job, answer) = job(move |tx| observer::run(watch.as_ref(), tx, &work));
        async move {
            match &*self.executor {
                Executor::Threads(threads) => self.refuse(threads.read(job))?,
                Executor::Pool(pool, _) => self.refuse(pool.read(job))?,
                #[cfg(feature = "sim")]
                Executor::Inline(inline) => inline.read(job),
            }
            let answer = ended(observed, received(answer).await);
            self.board.time(None, called.elapsed());
            answer
        }
    }

    /// Has all transactions from now on seen by `observer`; the first one stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.board.observer.set(observer).ok();
    }

    fn observed(&self, kind: Option<Kind>) -> Option<Arc<dyn Observed>> {
        let dialect = if self.is_shared() { Dialect::Postgres } else { Dialect::Sqlite };
        self.board.observer.get()?.begin(dialect, kind)
    }

    /// Changes after each COMMIT of a group in which a closure called [`Tx::raise`]; on PostgreSQL also when
    /// another replica's did, soon after, as a hint: who relies on it polls besides.
    pub fn raised(&self) -> watch::Receiver<u64> {
        self.board.raised.subscribe()
    }

    /// Enters the race for `name` among the replicas that use this database: one at most leads. On SQLite,
    /// where one process has the file, it is the one that leads.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no thread could be started.
    pub fn lead(&self, name: &'static str) -> Result<Lead, Error> {
        match &*self.executor {
            Executor::Pool(_, server) => Lead::campaign(server.clone(), name),
            Executor::Threads(_) => Ok(Lead::always()),
            #[cfg(feature = "sim")]
            Executor::Inline(_) => Ok(Lead::always()),
        }
    }

    /// Whether several replicas may use this database at once. A SQLite file has one process at a time.
    pub fn is_shared(&self) -> bool {
        matches!(&*self.executor, Executor::Pool(..))
    }

    /// For work of many closures, before its first: refuses it where a closure has waited for a connection longer than `most`, so
    /// that what was begun comes to its end. On SQLite, whose one writer takes hundreds at once, it refuses none.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub fn admit(&self, most: Duration) -> Result<(), Error> {
        let waits_long = matches!(&*self.executor, Executor::Pool(pool, _) if pool.waits() > most);
        if waits_long { self.refuse(Err(Error::Overloaded)) } else { Ok(()) }
    }

    /// The counts so far. A closure is counted before its answer leaves.
    pub fn stats(&self) -> Stats {
        *self.board.stats()
    }

    /// Reads the counts, also when this and every other handle is gone.
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.board))
    }

    fn refuse(&self, queued: Result<(), Error>) -> Result<(), Error> {
        if matches!(queued, Err(Error::Overloaded)) {
            self.board.stats().overloaded += 1;
        }
        queued
    }
}

fn ended<T, E>(observed: Option<Arc<dyn Observed>>, answer: Result<T, E>) -> Result<T, E> {
    if let Some(observed) = observed {
        observed.end(answer.is_err());
    }
    answer
}

/// Runs what may take long on a thread of its own, and waits without one.
async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let (send, done) = oneshot::channel();
    let work = move || drop(send.send(work()));
    drop(std::thread::Builder::new().name("db-open".into()).spawn(work).map_err(OpenError::Threads)?);
    done.await.map_err(|_| OpenError::Threads(std::io::Error::other("it panicked")))?
}

async fn received<T, E: From<Error>>(answer: oneshot::Receiver<Result<T, E>>) -> Result<T, E> {
    // Only a panic outside every closure, say in `E::from`, loses an answer.
    let lost = || Err(Error::Unavailable("the executor lost the answer".into()).into());
    answer.await.unwrap_or_else(|_| lost())
}

mod wait;

#[cfg(test)]
mod tests;
