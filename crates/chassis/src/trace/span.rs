//! Spans as they are recorded. The tracing crate's own would be read by a bridge to OpenTelemetry, at several times the cost
//! (bench/, `telemetry`): here a span that nobody records costs nothing, and one that ends is written to bytes at once.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use madang_types::OrderId;
pub(crate) use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use smallvec::SmallVec;

use super::context::SAMPLED;
use super::queue::Queue;
use super::value::{Text, Value};
use super::{OrderCell, TraceContext, names, wire};
use crate::metrics::spans::Spans;

/// Events of one span; further ones are counted.
const EVENTS: usize = 32;
/// Attributes and words of a name for which there is room in the span itself: most have no more.
const ATTRIBUTES: usize = 8;
const WORDS: usize = 3;

static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// What takes the spans of this process.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) queue: Arc<Queue>,
    pub(crate) counts: Spans,
    /// The share of new traces that are recorded, 0 to 1.
    pub(crate) ratio: f64,
}

impl Recorder {
    /// Has all spans from now on recorded; the first one stays.
    pub(crate) fn start(self) {
        RECORDER.set(self).ok();
    }

    fn records(&self, trace: u128) -> bool {
        // By the lower half of the id, so that all services decide alike.
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a share of all ids"
        )]
        let place = (trace as u64 >> 1) as f64 / (u64::MAX >> 1) as f64;
        place < self.ratio
    }

    fn take(&self, live: &Live) {
        if !self.queue.push(|out| live.write(out)) {
            self.counts.dropped("queue_full", 1);
        }
    }
}

/// A span; it ends when it is dropped. One that is not recorded is none.
#[derive(Debug)]
pub(crate) struct Span {
    live: Option<Arc<Live>>,
}

/// What is recorded of a span while it is under way.
#[derive(Debug)]
pub(crate) struct Live {
    place: TraceContext,
    parent: u64,
    kind: SpanKind,
    start: u64,
    order: OrderCell,
    told: Mutex<Told>,
}

/// What was told of a span.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Words that have spaces between them.
    pub(super) name: SmallVec<[Text; WORDS]>,
    pub(super) attributes: SmallVec<[(&'static str, Value); ATTRIBUTES]>,
    pub(super) events: Vec<Event>,
    pub(super) events_left_out: u32,
    pub(super) links: Vec<TraceContext>,
    pub(super) is_error: bool,
    pub(super) end: Option<u64>,
}

/// What happened in a span.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) name: String,
    /// Nanoseconds since 1970, as all times here.
    pub(super) time: u64,
    pub(super) attributes: Vec<(Text, Value)>,
}

/// All of a span that has ended.
#[derive(Debug)]
pub(super) struct Finished<'a> {
    pub(super) place: TraceContext,
    /// The span that it is a part of, of the same trace; 0 for none.
    pub(super) parent: u64,
    pub(super) kind: SpanKind,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) order: Option<OrderId>,
    pub(super) told: &'a Told,
}

impl Span {
    /// No span at all.
    pub(crate) fn none() -> Self {
        Self { live: None }
    }

    /// Begins a span, as a child of `parent` or of a new trace, for the order that will be known at its end; tells its place,
    /// none where it is not recorded.
    pub(crate) fn begin(
        kind: SpanKind,
        parent: Option<TraceContext>,
        order: &OrderCell,
    ) -> (Self, Option<TraceContext>) {
        let trace = match (RECORDER.get(), parent) {
            (Some(_), Some(parent)) if parent.is_recorded() => Some(parent.trace),
            (Some(recorder), None) => Some(rand::random()).filter(|trace| recorder.records(*trace)),
            _ => None,
        };
        let Some(trace) = trace else { return (Self::none(), None) };
        // 0 is no id.
        let place = TraceContext { trace, span: rand::random::<u64>().max(1), flags: SAMPLED };
        let parent = parent.map_or(0, |parent| parent.span);
        let told = Mutex::new(Told::default());
        let live = Live { place, parent, kind, start: now(), order: order.clone(), told };
        (Self { live: Some(Arc::new(live)) }, Some(place))
    }

    /// What log lines are added to.
    pub(crate) fn live(&self) -> Option<Arc<Live>> {
        self.live.clone()
    }

    /// Fills a span that is recorded.
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Teller<'_>)) {
        if let Some(live) = &self.live {
            live.tell(tell);
        }
    }

    /// Ends it now, however long it is held.
    pub(crate) fn end(&self) {
        if let Some(live) = &self.live {
            live.told().end = Some(now());
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let (Some(live), Some(recorder)) = (self.live.take(), RECORDER.get()) {
            recorder.take(&live);
        }
    }
}

impl Live {
    /// Adds to what is told.
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Teller<'_>)) {
        tell(&mut Teller(&mut self.told()));
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it. What is told later is told to nobody.
    fn write(&self, out: &mut Vec<u8>) {
        let told = self.told();
        let finished = Finished {
            place: self.place,
            parent: self.parent,
            kind: self.kind,
            start: self.start,
            end: told.end.unwrap_or_else(now),
            order: self.order.get(),
            told: &told,
        };
        wire::span(out, &finished);
    }
}

/// Adds to what is told of a span.
#[derive(Debug)]
pub(crate) struct Teller<'a>(&'a mut Told);

impl Teller<'_> {
    /// Names it by words, which are joined by spaces.
    pub(crate) fn name(&mut self, words: impl IntoIterator<Item = Text>) -> &mut Self {
        self.0.name = words.into_iter().collect();
        self
    }

    /// Adds an attribute of a name that is not told yet.
    pub(crate) fn add(&mut self, name: &'static str, value: impl Into<Value>) -> &mut Self {
        debug_assert!(self.0.attributes.iter().all(|(told, _)| *told != name), "{name} is told twice");
        self.0.attributes.push((name, value.into()));
        self
    }

    /// Sets an attribute, instead of one of the same name.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Value>) -> &mut Self {
        match self.0.attributes.iter_mut().find(|(told, _)| *told == name) {
            Some((_, told)) => *told = value.into(),
            None => self.0.attributes.push((name, value.into())),
        }
        self
    }

    /// It failed.
    pub(crate) fn fail(&mut self) -> &mut Self {
        self.0.is_error = true;
        self
    }

    /// It failed, for this reason.
    pub(crate) fn fail_by(&mut self, why: impl Into<Value>) -> &mut Self {
        self.set(names::ERROR, why).fail()
    }

    /// It goes back to another span.
    pub(crate) fn link(&mut self, other: TraceContext) -> &mut Self {
        self.0.links.push(other);
        self
    }

    /// Something happened in it.
    pub(crate) fn event(&mut self, name: String, attributes: Vec<(Text, Value)>) -> &mut Self {
        if self.0.events.len() < EVENTS {
            self.0.events.push(Event { name, time: now(), attributes });
        } else {
            self.0.events_left_out = self.0.events_left_out.saturating_add(1);
        }
        self
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "traces are told in the system's time; the simulation records none"
)]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().try_into().unwrap_or(u64::MAX)
}
