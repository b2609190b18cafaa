//! A service's transactions and events as spans.

use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::Timestamp;
use madang_chassis::trace::{self, Applied, Part, Transaction};
use madang_db::{Db, Dialect, Kind, Observed, Observer};
use madang_types::Ids;

use crate::Event;

/// Traces the transactions of a database that are asked for within a trace.
pub(crate) fn trace(db: &Db) {
    db.observe(Arc::new(Traces::new()));
}

/// Each kind of transaction there is.
#[derive(Debug)]
struct Traces(Vec<((Dialect, Option<Kind>), Transaction)>);

impl Traces {
    fn new() -> Self {
        let kinds = || Kind::ALL.into_iter().map(Some).chain([None]);
        let of = |(dialect, system)| {
            kinds().map(move |kind| ((dialect, kind), Transaction::new(system, kind.map(Kind::as_str))))
        };
        let systems = [(Dialect::Sqlite, "sqlite"), (Dialect::Postgres, "postgresql")];
        Self(systems.into_iter().flat_map(of).collect())
    }
}

impl Observer for Traces {
    fn begin(&self, dialect: Dialect, kind: Option<Kind>) -> Option<Arc<dyn Observed>> {
        let (_, transaction) = self.0.iter().find(|(of, _)| *of == (dialect, kind))?;
        Some(Arc::new(Traced(trace::transaction(transaction)?)))
    }
}

#[derive(Debug)]
struct Traced(Part);

impl Observed for Traced {
    fn run(&self, work: &mut dyn FnMut()) {
        self.0.enter(work);
    }

    fn end(&self, is_error: bool) {
        self.0.end(is_error);
    }
}

/// An event with its span, while it is applied.
#[derive(Debug)]
pub(crate) struct Taken {
    event: Event,
    part: Option<Part>,
}

impl Taken {
    /// A span in the event's own trace; it ends when this is dropped. What the event causes is a child of that span.
    pub(crate) fn new(ids: &dyn Ids, producer: &str, event: &Event, now: Timestamp) -> Self {
        let part = trace::event(
            ids,
            &Applied {
                id: event.id,
                kind: event.name(),
                producer,
                position: event.position,
                key: &event.key,
                lag_ms: now.as_millisecond() - event.occur_time.as_millisecond(),
                traceparent: &event.traceparent,
            },
        );
        let mut event = event.clone();
        if let Some(part) = &part {
            event.traceparent = part.traceparent();
        }
        Self { event, part }
    }

    /// Does the work of a handler with the event.
    pub(crate) fn enter<T>(&self, work: impl FnOnce(&Event) -> T) -> T {
        match &self.part {
            Some(part) => part.enter(|| work(&self.event)),
            None => work(&self.event),
        }
    }

    /// The transaction is over: it moved the cursor over these positions, or failed.
    pub(crate) fn end(&self, passed: Option<RangeInclusive<i64>>) {
        let Event { id, position, .. } = self.event;
        match (&passed, &self.part) {
            (Some(passed), _) if passed.contains(&position) => {
                self.enter(
                    |_| tracing::debug!(event.id = %id, event.position = position, "an event is taken"),
                );
            }
            (Some(passed), Some(part)) if *passed.end() >= position => part.note_duplicate(),
            _ => {}
        }
        self.part.iter().for_each(|part| part.end(passed.is_none()));
    }
}
