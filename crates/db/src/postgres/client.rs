//! The client of one connection. It lives on one thread, and waits for no answer without a bound: a server that stands still
//! keeps its sockets open and acknowledges what arrives, so no time-out of the network would end the wait.
//!
//! Each wait is a round trip, through two proxies in a mesh. So what need not be known at once travels with what is asked next:
//!
//! ```text
//!   BEGIN SELECT -->                <-- rows
//!   UPDATE INSERT SELECT -->        <-- 1, 1, rows      an UPDATE that changed none is told by the SELECT
//!   INSERT COMMIT -->               <-- 1, done         an INSERT that fails undoes all
//! ```

use std::future::ready;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Error, Notification, Row, Statement, ToStatement};

use crate::Value;
use crate::postgres::fault::Failed;
use crate::postgres::tls::Tls;
use crate::postgres::wire::{Wire, asked};

/// What the server's answer may take beyond the time that the server itself gives a statement.
const GRACE: Duration = Duration::from_secs(3);
/// In milliseconds, 0 for none.
const STATEMENT_TIMEOUT: &str =
    "SELECT CAST(setting AS BIGINT) FROM pg_settings WHERE name = 'statement_timeout'";
/// Statements that travel with the next one.
const UNSENT: usize = 64;

pub(super) struct Client {
    requests: tokio_postgres::Client,
    wire: Wire,
    /// Begins a transaction, once something is asked in it.
    begins: Option<&'static str>,
    /// Asked together with what is asked next.
    unsent: Vec<Unsent>,
    /// For one answer.
    limit: Option<Duration>,
}

/// A statement that changes one row.
struct Unsent {
    statement: Statement,
    params: Vec<Value>,
    /// It changes one or fails.
    is_certain: bool,
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
        let wire = Wire::new(runtime, connection);
        let mut client = Self { requests, wire, begins: None, unsent: Vec::new(), limit: Some(within) };
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
    pub(super) fn commit(&mut self) -> Result<(), Failed> {
        if self.unsent.is_empty() && self.begins.take().is_some() {
            return Ok(());
        }
        self.batch_execute("COMMIT")
    }

    /// The same for one that is undone.
    pub(super) fn roll_back(&mut self) -> Result<(), Failed> {
        self.unsent.clear();
        if self.begins.take().is_some() { Ok(()) } else { self.batch_execute("ROLLBACK") }
    }

    /// Runs statements that answer nothing.
    pub(super) fn batch_execute(&mut self, sql: &str) -> Result<(), Failed> {
        self.ask(|requests| requests.batch_execute(sql))
    }

    /// Like [`Client::batch_execute`] outside of a transaction, but waits as long as this.
    pub(super) fn batch_execute_within(&mut self, limit: Duration, sql: &str) -> Result<(), Failed> {
        Ok(self.wire.wait(Some(limit), self.requests.batch_execute(sql))??)
    }

    pub(super) fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Statement, Failed> {
        Ok(self.wire.wait(self.limit, self.requests.prepare_typed(sql, types))??)
    }

    /// Runs a statement and tells how many rows it changed.
    pub(super) fn execute(&mut self, statement: &Statement, params: &[Value]) -> Result<u64, Failed> {
        let params = erased(params);
        self.ask(|requests| requests.execute(statement, &params))
    }

    /// Has a statement that changes one row run before what is asked next; one that `is_certain` to change one, or to fail, may run
    /// with the COMMIT.
    ///
    /// # Errors
    /// Where too much waits already, those of what waited. What becomes of this one is told by what is asked next, as
    /// [`Failed::Late`] or [`Failed::NotOne`].
    pub(super) fn send(
        &mut self,
        statement: Statement,
        params: &[Value],
        is_certain: bool,
    ) -> Result<(), Failed> {
        if self.unsent.len() >= UNSENT {
            self.send_all()?;
        }
        self.unsent.push(Unsent { statement, params: params.to_vec(), is_certain });
        Ok(())
    }

    /// Runs what must be known before the COMMIT.
    pub(super) fn settle(&mut self) -> Result<(), Failed> {
        if self.unsent.iter().all(|one| one.is_certain) { Ok(()) } else { self.send_all() }
    }

    fn send_all(&mut self) -> Result<(), Failed> {
        self.ask(|_| ready(Ok(())))
    }

    /// Runs a statement that answers rows.
    pub(super) fn query(
        &mut self,
        statement: &(impl ToStatement + ?Sized),
        params: &[Value],
    ) -> Result<Vec<Row>, Failed> {
        let params = erased(params);
        self.ask(|requests| requests.query(statement, &params))
    }

    /// Asks all that waits to be asked and then this, in one round trip. Nothing is written should the transaction not begin:
    /// outside of one the session only reads.
    fn ask<'a, T, F>(&'a mut self, last: impl FnOnce(&'a tokio_postgres::Client) -> F) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (requests, wire, limit) = (&self.requests, &mut self.wire, self.limit);
        let unsent = std::mem::take(&mut self.unsent);
        let params: Vec<_> = unsent.iter().map(|one| erased(&one.params)).collect();
        // In this order on the wire.
        let begun = self.begins.take().map(|begins| asked(requests.batch_execute(begins)));
        let sent = unsent.iter().zip(&params);
        let sent: Vec<_> =
            sent.map(|(one, params)| asked(requests.execute(&one.statement, params))).collect();
        let last = asked(last(requests));
        if let Some(begun) = begun {
            let begun = wire.answer(limit, begun)?;
            wire.sound(begun)?;
        }
        for one in sent {
            match wire.answer(limit, one)? {
                Ok(1) => {}
                Ok(_) => return Err(Failed::NotOne),
                Err(error) => return Err(Failed::Late(error)),
            }
        }
        Ok(wire.answer(limit, last)??)
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
        self.wire.is_closed() || self.requests.is_closed()
    }

    /// How long an answer was waited for in vain, if that ended the connection.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.wire.silence()
    }
}

fn erased(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}
