use anyhow::{Context, Result};
use futures::stream::SelectAll;
use futures::{Stream, StreamExt};
use std::pin::Pin;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

type Signals = SelectAll<Pin<Box<dyn Stream<Item = ()>>>>;

/// Ctrl-C, SIGTERM, or the end of the terminal. From its making on none of them ends the process.
pub(crate) struct Stop(Mutex<Signals>);

impl Stop {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let mut signals = Signals::new();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let signal = signal(kind).context("cannot listen to signals")?;
            signals.push(Box::pin(futures::stream::unfold(signal, async |mut signal| {
                signal.recv().await.map(|()| ((), signal))
            })));
        }
        Ok(Self(Mutex::new(signals)))
    }

    /// Waits for the next of them.
    pub(crate) async fn heard(&self) {
        self.0.lock().await.next().await;
    }
}
