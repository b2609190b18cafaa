//! The client of one connection. It lives on one thread, and waits for no answer without a bound: a server that stands still
//! keeps its sockets open and acknowledges what arrives, so no time-out of the network would end the wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Config, Connection, Notification, Row, Socket, Statement, ToStatement};

use crate::postgres::fault::Failed;
use crate::postgres::tls::{Secured, Tls};

/// What the server's answer may take beyond the time that the server itself gives a statement.
const GRACE: Duration = Duration::from_secs(3);
/// In milliseconds, 0 for none.
const STATEMENT_TIMEOUT: &str =
    "SELECT CAST(setting AS BIGINT) FROM pg_settings WHERE name = 'statement_timeout'";

pub(super) struct Client {
    requests: tokio_postgres::Client,
    wire: Wire,
    /// Begins a transaction, once something is asked in it.
    begins: Option<&'static str>,
    /// For one answer.
    limit: Option<Duration>,
}

/// The connection's other half, which moves while its thread waits for something.
struct Wire {
    runtime: Runtime,
    connection: Connection<Socket, Secured>,
    heard: VecDeque<Notification>,
    end: Option<End>,
}

/// Why nothing is asked any more.
#[derive(Clone, Copy)]
enum End {
    Closed,
    /// An answer did not come: what comes later would be taken for another's.
    Silent(Duration),
}

impl Client {
    pub(super) fn connect(config: &Config, tls: &Tls, within: Duration) -> Result<Self, Failed> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Failed::Runtime)?;
        let connected = runtime.block_on(async { timeout(within, config.connect(tls.clone())).await });
        let Ok(connected) = connected else {
            // Not waiting for the look-up of the host's name, should that be what takes so long.
            runtime.shutdown_background();
            return Err(Failed::Silent(within));
        };
        let (requests, connection) = connected.map_err(|error| Failed::at_connect(error, tls))?;
        let wire = Wire { runtime, connection, heard: VecDeque::new(), end: None };
        let mut client = Self { requests, wire, begins: None, limit: Some(within) };
        let rows = client.query(STATEMENT_TIMEOUT, &[])?;
        let millis: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        let set = u64::try_from(millis).ok().filter(|millis| *millis > 0);
        client.limit = set.map(|millis| Duration::from_millis(millis).saturating_add(GRACE));
        Ok(client)
    }

    /// Has what is asked next run in a transaction that this begins.
    pub(super) fn begin(&mut self, sql: &'static str) {
        self.begins = Some(sql);
    }

    /// Ends a transaction. One in which nothing was asked was never begun.
    pub(super) fn end(&mut self, sql: &str) -> Result<(), Failed> {
        if self.begins.take().is_some() { Ok(()) } else { self.batch_execute(sql) }
    }

    /// Runs statements that answer nothing.
    pub(super) fn batch_execute(&mut self, sql: &str) -> Result<(), Failed> {
        Ok(self.wire.wait(self.limit, self.requests.batch_execute(sql))??)
    }

    /// Like [`Client::batch_execute`], but waits as long as this.
    pub(super) fn batch_execute_within(&mut self, limit: Duration, sql: &str) -> Result<(), Failed> {
        Ok(self.wire.wait(Some(limit), self.requests.batch_execute(sql))??)
    }

    pub(super) fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Statement, Failed> {
        self.begun()?;
        Ok(self.wire.wait(self.limit, self.requests.prepare_typed(sql, types))??)
    }

    /// Runs a statement that may write.
    pub(super) fn execute(
        &mut self,
        statement: &Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Failed> {
        self.begun()?;
        Ok(self.wire.wait(self.limit, self.requests.execute(statement, params))??)
    }

    /// Runs a statement that answers rows, and may write.
    pub(super) fn query(
        &mut self,
        statement: &(impl ToStatement + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failed> {
        self.begun()?;
        Ok(self.wire.wait(self.limit, self.requests.query(statement, params))??)
    }

    /// Runs a statement that only reads: together with what begins the transaction, which saves a round trip. Should that fail,
    /// the statement did no harm outside of one.
    pub(super) fn look(
        &mut self,
        statement: &Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failed> {
        let Some(begins) = self.begins.take() else { return self.query(statement, params) };
        let requests = &self.requests;
        let both = async {
            let rows = async { Ok(requests.query(statement, params).await) };
            // In this order: the first to be asked is the first on the wire.
            tokio::try_join!(biased; requests.batch_execute(begins), rows)
        };
        let both = self.wire.wait(self.limit, both)?;
        Ok(self.wire.sound(both)?.1?)
    }

    fn begun(&mut self) -> Result<(), Failed> {
        let Some(begins) = self.begins.take() else { return Ok(()) };
        let begun = self.wire.wait(self.limit, self.requests.batch_execute(begins))?;
        Ok(self.wire.sound(begun)?)
    }

    /// Brings a schema up to date, which may take as long as this.
    pub(super) fn migrate(
        &mut self,
        limit: Duration,
        runner: &refinery::Runner,
    ) -> Result<Result<refinery::Report, refinery::Error>, Failed> {
        self.wire.wait(Some(limit), runner.run_async(&mut self.requests))
    }

    /// The next notification, if one comes within this time and the connection stands.
    pub(super) fn heard(&mut self, within: Duration) -> Option<Notification> {
        self.wire.listen(within)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.wire.end.is_some() || self.requests.is_closed()
    }

    /// How long an answer was waited for in vain, if that ended the connection.
    pub(super) fn silence(&self) -> Option<Duration> {
        if let Some(End::Silent(waited)) = self.wire.end { Some(waited) } else { None }
    }
}

impl Wire {
    /// Waits for what was asked.
    fn wait<T>(&mut self, limit: Option<Duration>, answer: impl Future<Output = T>) -> Result<T, Failed> {
        match self.end {
            Some(End::Silent(waited)) => return Err(Failed::Silent(waited)),
            Some(End::Closed) => return Err(Failed::Closed),
            None => {}
        }
        let Self { runtime, connection, heard, end } = self;
        let answered = async {
            let mut answer = pin!(answer);
            poll_fn(|cx| {
                if let Err(error) = advance(connection, heard, end, cx) {
                    return Poll::Ready(Err(Failed::Postgres(error)));
                }
                answer.as_mut().poll(cx).map(Ok)
            })
            .await
        };
        let Some(limit) = limit else { return runtime.block_on(answered) };
        let answered = runtime.block_on(async { timeout(limit, answered).await });
        answered.unwrap_or_else(|_| {
            *end = Some(End::Silent(limit));
            Err(Failed::Silent(limit))
        })
    }

    /// Ends a connection on which a transaction could not be begun: what is asked next must not run outside of one.
    fn sound<T>(&mut self, begun: Result<T, tokio_postgres::Error>) -> Result<T, tokio_postgres::Error> {
        if begun.is_err() {
            self.end = Some(End::Closed);
        }
        begun
    }

    fn listen(&mut self, within: Duration) -> Option<Notification> {
        let Self { runtime, connection, heard, end } = self;
        let next = poll_fn(|cx| {
            // An error ends the connection, which is seen by that.
            if end.is_none() {
                drop(advance(connection, heard, end, cx));
            }
            match heard.pop_front() {
                Some(one) => Poll::Ready(Some(one)),
                None if end.is_some() => Poll::Ready(None),
                None => Poll::Pending,
            }
        });
        runtime.block_on(async { timeout(within, next).await }).ok().flatten()
    }
}

/// Writes what was asked and reads what has come.
fn advance(
    connection: &mut Connection<Socket, Secured>,
    heard: &mut VecDeque<Notification>,
    end: &mut Option<End>,
    cx: &mut Context<'_>,
) -> Result<(), tokio_postgres::Error> {
    while end.is_none() {
        match connection.poll_message(cx) {
            Poll::Ready(Some(Ok(AsyncMessage::Notification(one)))) => heard.push_back(one),
            // A notice: nobody is there to read it.
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => {
                *end = Some(End::Closed);
                return Err(error);
            }
            Poll::Ready(None) => *end = Some(End::Closed),
            Poll::Pending => return Ok(()),
        }
    }
    Ok(())
}
