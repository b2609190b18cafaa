//! Whose turn it is: of several replicas on one database, one stamps and publishes.

use std::time::Duration;

use madang_chassis::{Platform, chain};
use madang_db::{Db, Lead};
use tokio::sync::watch;

/// Between tries to enter the race.
const AGAIN: Duration = Duration::from_secs(1);

/// Whether it is this process's turn. It is a hint, by which replicas keep out of each other's way: what is written in one's
/// turn is guarded all the same.
#[derive(Debug, Clone)]
pub(crate) struct Turn(watch::Receiver<bool>);

impl Turn {
    /// Races for the turn until the shutdown. Where there can be no other replica, it is always this one's.
    pub(crate) fn race(db: &Db, platform: &Platform) -> Self {
        let (sender, turn) = watch::channel(!db.is_shared());
        if db.is_shared() {
            let (db, shutdown) = (db.clone(), platform.shutdown.clone());
            platform.tasks.spawn("outbox-turn", async move {
                tokio::select! {
                    () = shutdown.begun() => {}
                    () = race(&db, &sender) => {}
                }
            });
        }
        Self(turn)
    }

    /// Whether it is this process's turn now.
    pub(crate) fn is_mine(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is.
    pub(crate) async fn begun(&self) {
        self.reaches(true).await;
    }

    /// Waits until it is not.
    pub(crate) async fn ended(&self) {
        self.reaches(false).await;
    }

    async fn reaches(&self, wanted: bool) {
        let mut turn = self.0.clone();
        if turn.wait_for(|mine| *mine == wanted).await.is_err() {
            // Nobody races any more: it stays as it is.
            std::future::pending::<()>().await;
        }
    }
}

async fn race(db: &Db, turn: &watch::Sender<bool>) {
    let mut lead = enter(db).await;
    loop {
        let mut term = lead.won().await;
        tracing::info!("this replica stamps and publishes the events");
        turn.send_replace(true);
        term.ended().await;
        turn.send_replace(false);
        tracing::warn!("this replica does not stamp events any more");
    }
}

async fn enter(db: &Db) -> Lead {
    loop {
        match db.lead("outbox") {
            Ok(lead) => return lead,
            Err(error) => {
                tracing::warn!(error = chain(&error), "the race for the outbox cannot be entered yet")
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
