use std::sync::Arc;
use std::time::Duration;

use madang_db::Db;

use super::watchers::Watchers;
use crate::store;

/// How often it looks for what another replica wrote.
const POLL: Duration = Duration::from_millis(500);
/// Rows read at once.
const ROWS: i64 = 256;

/// Reads each new notification once, for all watchers of this process; where there are none, only how far they go.
pub(super) struct Teller {
    db: Db,
    watchers: Watchers,
    /// The place of the last one told.
    last: i64,
}

impl Teller {
    pub(super) fn new(db: Db, watchers: Watchers, last: i64) -> Self {
        Self { db, watchers, last }
    }

    pub(super) async fn run(mut self) {
        let mut raised = self.db.raised();
        loop {
            // Seen before the rows are read: what is raised in the meantime makes it look again.
            raised.mark_unchanged();
            match self.tell().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "new notifications cannot be read; the next look tries again")
                }
            }
            self.watchers.sweep();
            tokio::select! {
                Ok(()) = raised.changed() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Tells what is new; says whether there may be more.
    async fn tell(&mut self) -> Result<bool, madang_db::Error> {
        if self.watchers.is_empty() {
            let last = self.db.read(store::last_place).await?;
            // Whoever came meanwhile is told what was written meanwhile.
            if self.watchers.is_empty() {
                self.last = last;
                return Ok(false);
            }
        }
        let last = self.last;
        let rows = self.db.read(move |tx| store::after(tx, last, ROWS)).await?;
        let full = i64::try_from(rows.len()).is_ok_and(|read| read == ROWS);
        for told in rows {
            self.last = told.place;
            self.watchers.tell(&Arc::new(told.notification));
        }
        Ok(full)
    }
}
