use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{MaybeDone, maybe_done};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Connection, Notification, Socket};

use crate::postgres::fault::Failed;
use crate::postgres::tls::Secured;

/// The connection's half that moves while its thread waits for something.
pub(super) struct Wire {
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

/// What was asked, and is on its way with all that was asked before it.
pub(super) type Asked<F> = Pin<Box<MaybeDone<F>>>;

/// Asks now; the answer is for [`Wire::answer`].
pub(super) fn asked<F: Future>(answer: F) -> Asked<F> {
    let mut asked = Box::pin(maybe_done(answer));
    // The first poll gives it to the connection, behind what was given before.
    let _: Poll<()> = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    asked
}

impl Wire {
    pub(super) fn new(runtime: Runtime, connection: Connection<Socket, Secured>) -> Self {
        Self { runtime, connection, heard: VecDeque::new(), end: None }
    }

    /// Waits for the answer to what was asked.
    pub(super) fn answer<F: Future>(
        &mut self,
        limit: Option<Duration>,
        mut asked: Asked<F>,
    ) -> Result<F::Output, Failed> {
        self.wait(limit, asked.as_mut())?;
        asked.as_mut().take_output().ok_or(Failed::Closed)
    }

    /// Waits for what was asked.
    pub(super) fn wait<T>(
        &mut self,
        limit: Option<Duration>,
        answer: impl Future<Output = T>,
    ) -> Result<T, Failed> {
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
    pub(super) fn sound<T>(
        &mut self,
        begun: Result<T, tokio_postgres::Error>,
    ) -> Result<T, tokio_postgres::Error> {
        if begun.is_err() {
            self.end = Some(End::Closed);
        }
        begun
    }

    pub(super) fn listen(&mut self, within: Duration) -> Option<Notification> {
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

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.end.is_some()
    }

    /// How long an answer was waited for in vain, if that was its end.
    pub(super) fn silence(&self) -> Option<Duration> {
        if let Some(End::Silent(waited)) = self.end { Some(waited) } else { None }
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
