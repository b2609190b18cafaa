//! A source whose deliveries are written down beforehand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use madang_events::{Batches, Event, Source, SourceError};
use tokio::time::Instant;
use uuid::Uuid;

/// What a subscription delivers next.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// These positions of the log.
    Batch(Vec<i64>),
    /// An error.
    Break,
    /// A clean end.
    End,
}

/// Keeps a log, which [`Source::read`] reads truthfully, and delivers as scripted; once the script is over, truthfully.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    log: Vec<Event>,
    /// A position that the log does not give away.
    lost: Option<i64>,
    sessions: VecDeque<Vec<Step>>,
    alarm: Option<fn(String) -> SourceError>,
    down: bool,
    /// When each subscription was asked for, and after which position.
    subscribed: Vec<(Instant, i64)>,
    reads: Vec<i64>,
}

impl Script {
    /// A log with one event for each key.
    pub(crate) fn new(keys: &[&str]) -> Self {
        let script = Self::default();
        script.0.lock().unwrap().log =
            keys.iter().zip(1..).map(|(key, position)| event(position, key)).collect();
        script
    }

    /// A log that has lost an event in its middle.
    pub(crate) fn holed(keys: &[&str], lost: i64) -> Self {
        let script = Self::new(keys);
        script.0.lock().unwrap().lost = Some(lost);
        script
    }

    /// Has the other's log from now on.
    pub(crate) fn becomes(&self, other: &Self) {
        let log = other.0.lock().unwrap().log.clone();
        let mut state = self.0.lock().unwrap();
        (state.log, state.lost) = (log, None);
    }

    /// What the next subscription delivers; without an end of its own it stays open.
    pub(crate) fn session(self, steps: &[Step]) -> Self {
        self.0.lock().unwrap().sessions.push_back(steps.to_vec());
        self
    }

    /// Refuses subscriptions, for good or until `None`.
    pub(crate) fn refuse(&self, alarm: Option<fn(String) -> SourceError>) {
        self.0.lock().unwrap().alarm = alarm;
    }

    /// Fails all subscriptions and reads, as a producer does that is not there.
    pub(crate) fn down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    pub(crate) fn subscribed(&self) -> Vec<(Instant, i64)> {
        self.0.lock().unwrap().subscribed.clone()
    }

    /// After which positions the feed was read: to fill a gap, or to know how old what waits is.
    pub(crate) fn reads(&self) -> Vec<i64> {
        self.0.lock().unwrap().reads.clone()
    }
}

impl State {
    fn after(&self, position: i64) -> Vec<Event> {
        let given = |event: &&Event| event.position > position && Some(event.position) != self.lost;
        self.log.iter().filter(given).take(256).cloned().collect()
    }

    fn deliver(&self, steps: &[Step]) -> Vec<Result<Vec<Event>, SourceError>> {
        let batch = |positions: &[i64]| {
            let at = |position: &i64| self.log[usize::try_from(position - 1).unwrap()].clone();
            positions.iter().map(at).collect()
        };
        let step = |step: &Step| match step {
            Step::Batch(positions) => Some(Ok(batch(positions))),
            Step::Break => Some(Err(SourceError::Unavailable("scripted".into()))),
            Step::End => None,
        };
        steps.iter().filter_map(step).collect()
    }
}

impl Source for Script {
    fn subscribe(&self, after: i64) -> BoxFuture<'_, Result<Batches, SourceError>> {
        let mut state = self.0.lock().unwrap();
        state.subscribed.push((Instant::now(), after));
        if let Some(alarm) = state.alarm {
            return Box::pin(async move { Err(alarm("scripted".into())) });
        }
        if state.down {
            return Box::pin(async { Err(SourceError::Unavailable("scripted".into())) });
        }
        let (batches, ends) = match state.sessions.pop_front() {
            Some(steps) => (state.deliver(&steps), matches!(steps.last(), Some(Step::Break | Step::End))),
            None => (vec![Ok(state.after(after))], false),
        };
        let rest = if ends { stream::empty().boxed() } else { stream::pending().boxed() };
        Box::pin(async { Ok(stream::iter(batches).chain(rest).boxed()) })
    }

    fn read(&self, after: i64) -> BoxFuture<'_, Result<Vec<Event>, SourceError>> {
        let mut state = self.0.lock().unwrap();
        if state.down {
            return Box::pin(async { Err(SourceError::Unavailable("scripted".into())) });
        }
        state.reads.push(after);
        let events = state.after(after);
        Box::pin(async { Ok(events) })
    }

    fn last_position(&self) -> BoxFuture<'_, Result<i64, SourceError>> {
        let last = self.0.lock().unwrap().log.last().map_or(0, |event| event.position);
        Box::pin(async move { Ok(last) })
    }
}

pub(crate) fn event(position: i64, key: &str) -> Event {
    let id = Uuid::from_u128(u128::from(position.unsigned_abs()));
    // When a test's clock begins.
    let occur_time = Timestamp::constant(1_767_225_600, 0);
    let (key, kind) = (key.to_owned(), "madang.events.v1.OrderConfirmed".to_owned());
    Event { id, position, key, kind, payload: bytes::Bytes::new(), occur_time, traceparent: String::new() }
}

/// The pauses between subscriptions.
pub(crate) fn pauses(subscribed: &[(Instant, i64)]) -> Vec<Duration> {
    subscribed.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}
