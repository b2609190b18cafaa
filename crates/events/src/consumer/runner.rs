use std::ops::Range;
use std::sync::Arc;

use futures::StreamExt;
use madang_chassis::{Platform, Shutdown, chain, trace};
use madang_db::{Db, Kind};
use madang_types::{Clock, Ids};
use tokio::time::Instant;
use uuid::Uuid;

use super::batch::{self, Batch, Done, Stop};
use super::gather::gather;
use super::{ConsumersConfig, Followed, Shared, store};
use crate::backoff::Backoff;
use crate::pace::Pace;
use crate::traces::Taken;
use crate::{BATCH, Event, Failure, SourceError};

/// Follows one producer.
pub(super) struct Runner {
    shared: Arc<Shared>,
    index: usize,
    producer: &'static str,
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    config: ConsumersConfig,
}

/// Why a subscription ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("the cursor cannot be read")]
    Db(#[from] madang_db::Error),
    #[error("the event after {0} is missing in the feed")]
    Missing(i64),
}

impl Runner {
    pub(super) fn new(
        shared: &Arc<Shared>,
        index: usize,
        platform: &Platform,
        config: &ConsumersConfig,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            index,
            producer: shared.subscriptions[index].subscription.producer,
            ids: Arc::clone(&platform.ids),
            clock: Arc::clone(&platform.clock),
            shutdown: platform.shutdown.clone(),
            config: config.clone(),
        }
    }

    pub(super) async fn run(self) {
        // Dropped wherever it is: what is not committed comes again after the start.
        tokio::select! {
            () = self.shutdown.begun() => {}
            () = self.follow_for_ever() => {}
        }
    }

    async fn follow_for_ever(&self) {
        let mut backoff = Backoff::new(&self.ids, self.config.reconnect);
        // Whether the last subscription ended without an event and without an error: the second such in a row waits.
        let mut fruitless = false;
        loop {
            let mut progress = false;
            let ended = self.follow(&mut progress).await;
            if progress {
                backoff.reset();
            }
            let clean = ended.is_ok();
            match ended {
                Ok(()) if progress || !fruitless => {}
                Ok(()) => backoff.pause().await,
                Err(ended) => self.recover(&ended, &mut backoff).await,
            }
            fruitless = clean && !progress;
        }
    }

    /// Waits until it is worth trying again.
    async fn recover(&self, ended: &Ended, backoff: &mut Backoff) {
        let alarm = if let Ended::Source(error) = ended { error.alarm() } else { None };
        let Some(alarm) = alarm else {
            let (producer, error) = (self.producer, chain(ended));
            // A producer that is away fails every try: the first tells it, the others would only repeat it.
            if backoff.is_fresh() {
                tracing::warn!(producer, error, "the subscription broke; it is made again");
            } else {
                tracing::debug!(producer, error, "the subscription cannot be made yet");
            }
            return backoff.pause().await;
        };
        if self.followed().set_alarm(Some(alarm)) != Some(alarm) {
            tracing::error!(producer = self.producer, alarm, error = chain(ended), "the consumer stopped");
        }
        tokio::time::sleep(self.config.recheck).await;
    }

    /// Reads from the cursor on until the subscription ends.
    async fn follow(&self, progress: &mut bool) -> Result<(), Ended> {
        let producer = self.producer;
        let read = move |tx: &mut madang_db::Tx<'_>| {
            store::make_cursor(tx, producer)?;
            Ok((store::cursor(tx, producer)?, store::last_applied(tx, producer)?))
        };
        let (cursor, last): (i64, _) = self.shared.db.write(Kind::Cursor, read).await.map_err(Ended::Db)?;
        let mut batches = self.followed().subscription.source.subscribe(cursor).await?.fuse();
        if let Some(last) = last {
            self.know_again(cursor, last).await?;
        }
        if self.followed().set_alarm(None).is_some() {
            tracing::info!(producer, cursor, "the consumer goes on");
        }
        let mut pace = Pace::new(self.config.gather);
        while let Some(batch) = batches.next().await {
            let mut events = batch?;
            let gathered = gather(&mut events, &mut batches, pace.ready()).await;
            let due = pace.begin();
            // Enough for a commit waits for nobody.
            let due = if events.len() < BATCH { due } else { Instant::now() };
            while !events.is_empty() {
                let rest = events.split_off(events.len().min(BATCH));
                let batch = Batch { events: std::mem::replace(&mut events, rest).into(), due };
                // Duplicates are no progress: a source that has nothing else must not be asked without a pause.
                *progress |= self.take(batch).await? > cursor;
            }
            pace.end();
            gathered?;
        }
        Ok(())
    }

    /// Makes sure that the producer's log is the one that was read so far. One that went back in time, from a backup say, and
    /// then grew past the cursor has other events at its positions: to go on would skip those before the cursor.
    async fn know_again(&self, cursor: i64, last: Uuid) -> Result<(), Ended> {
        match self.followed().subscription.source.read(cursor - 1).await {
            Ok(events) => match events.first() {
                Some(event) if event.position == cursor && event.id != last => {
                    let text = format!("the event at position {cursor} is not the one that was applied");
                    Err(SourceError::AheadOfProducer(text).into())
                }
                Some(_) | None => Ok(()),
            },
            // Pruned by now: nothing is left to compare.
            Err(SourceError::BehindRetention(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Applies a batch, and first what is missing before it; gives the cursor.
    async fn take(&self, batch: Batch) -> Result<i64, Ended> {
        let mut done = self.apply(&batch).await;
        while done.gap {
            let missing = self.followed().subscription.source.read(done.cursor).await?;
            let filled = self.apply(&Batch { events: missing.into(), due: Instant::now() }).await;
            if filled.gap || filled.cursor <= done.cursor {
                return Err(Ended::Missing(filled.cursor));
            }
            done = self.apply(&batch).await;
        }
        Ok(done.cursor)
    }

    /// Applies what follows the cursor, however long it takes. The events before one that fails are committed first.
    async fn apply(&self, batch: &Batch) -> Done {
        let (mut start, mut end) = (0, batch.events.len());
        let mut failed: Option<(usize, Failure)> = None;
        loop {
            match self.commit(batch, start..end).await {
                Err((index, failure)) => {
                    (end, failed) = (index, Some((index, failure)));
                    if start < end {
                        continue;
                    }
                }
                Ok(done) if done.gap || end == batch.events.len() => return done,
                Ok(_) => {}
            }
            start = end;
            if let Some((index, failure)) = failed.take() {
                let done = self.settle(batch, index, failure).await;
                start = index + 1;
                if done.gap || start == batch.events.len() {
                    return done;
                }
            }
            end = batch.events.len();
        }
    }

    /// Tries one event alone, after its first failure, until it is applied or a dead letter: in the event's own trace.
    async fn settle(&self, batch: &Batch, index: usize, failure: Failure) -> Done {
        let event = &batch.events[index];
        let work = self.try_on(batch, index, failure);
        trace::follow(&*self.ids, &format!("settle {}", event.name()), &event.traceparent, work).await
    }

    async fn try_on(&self, batch: &Batch, index: usize, mut failure: Failure) -> Done {
        let mut backoff = Backoff::new(&self.ids, self.config.retry);
        let mut attempts: u32 = 1;
        loop {
            let event = &batch.events[index];
            let (producer, reason) = (self.producer, failure.reason());
            tracing::warn!(producer, event.id = %event.id, event.position, reason, error = chain(&failure), attempts, "an event failed");
            let hopeless = matches!(failure, Failure::Permanent { .. });
            if hopeless || (failure.is_of_event() && attempts >= self.config.max_attempts) {
                return self.bury(event, failure, attempts).await;
            }
            backoff.pause().await;
            failure = match self.commit(batch, index..index + 1).await {
                Ok(done) => return done,
                Err((_, failure)) => failure,
            };
            // The database's failures are not the event's.
            attempts += u32::from(failure.is_of_event());
        }
    }

    /// Applies a part of a batch in one transaction; an error is that of the event at the index.
    async fn commit(&self, batch: &Batch, part: Range<usize>) -> Result<Done, (usize, Failure)> {
        let (events, producer) = (Arc::clone(&batch.events), self.producer);
        let handler = Arc::clone(&self.followed().subscription.handler);
        let (first, now) = (part.start, self.clock.now());
        // Each in its own trace, for as long as the transaction that they share.
        let take = |event| Taken::new(&*self.ids, producer, event, now);
        let taken: Arc<[Taken]> = events[part.clone()].iter().map(take).collect();
        let spans = Arc::clone(&taken);
        let done = self
            .persist(batch.due, move |tx| {
                batch::apply(tx, producer, (&events[part.clone()], &taken), &*handler)
            })
            .await
            .map_err(|(index, failure)| (first + index, failure));
        for taken in &*spans {
            taken.end(done.as_ref().ok().map(|done| done.from + 1..=done.cursor));
        }
        done
    }

    async fn bury(&self, event: &Event, failure: Failure, attempts: u32) -> Done {
        let (event, producer) = (event.clone(), self.producer);
        let handler = Arc::clone(&self.followed().subscription.handler);
        tracing::error!(producer, event.id = %event.id, event.position, reason = failure.reason(), attempts, "a dead letter blocks its key");
        let position = event.position;
        let bury = move |tx: &mut madang_db::Tx<'_>| {
            batch::bury(tx, producer, (&event, &failure, attempts), &*handler)
        };
        // `bury` fails with errors of the database alone, and those are waited out.
        let moved = Done { from: position, cursor: position, gap: false };
        self.persist(Instant::now(), bury).await.unwrap_or(moved)
    }

    /// Runs a transaction until the database takes it, the first time in a commit that begins when it is due at the latest.
    async fn persist<F>(&self, due: Instant, work: F) -> Result<Done, (usize, Failure)>
    where
        F: Fn(&mut madang_db::Tx<'_>) -> Result<Done, Stop> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let mut backoff = Backoff::new(&self.ids, self.config.retry);
        loop {
            let (again, now) = (Arc::clone(&work), self.clock.now());
            let work = move |tx: &mut madang_db::Tx<'_>| {
                tx.tell_time(now);
                again(tx)
            };
            match self.db().write_by(due, Kind::Cursor, work).await {
                Ok(done) => return Ok(done),
                Err(Stop::Failed(index, failure)) => return Err((index, failure)),
                Err(Stop::Db(error)) => {
                    let (producer, retryable) = (self.producer, error.retryable());
                    let error = chain(&error);
                    if retryable {
                        tracing::warn!(producer, error, "a batch of events waits for the database");
                    } else {
                        tracing::error!(producer, error, "a batch of events cannot be committed: a defect");
                    }
                    backoff.pause().await;
                }
            }
        }
    }

    fn db(&self) -> &Db {
        &self.shared.db
    }

    fn followed(&self) -> &Followed {
        &self.shared.subscriptions[self.index]
    }
}
