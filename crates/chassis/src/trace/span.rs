//! Spans as they are recorded. The tracing crate's own would be read by a bridge to OpenTelemetry, at several times the cost
//! (bench/, `telemetry`): here a span that nobody records costs nothing, and what is told of one is written to bytes at once.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::context::SAMPLED;
use super::queue::Queue;
use super::value::Value;
use super::{OrderCell, TraceContext, wire};
use crate::metrics::spans::Spans;

/// Events of one span; further ones are counted.
pub(super) const EVENTS: usize = 32;
/// Most spans have no more bytes.
const USUAL: usize = 384;

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
    order: OrderCell,
    told: Mutex<Told>,
}

/// What was told of a span. Most of it is written at once; the rest may be told anew until the end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Fields of OTLP's `Span`.
    pub(super) written: Vec<u8>,
    pub(super) events: usize,
    pub(super) request: Option<Arc<str>>,
    pub(super) is_error: bool,
    /// Nanoseconds since 1970, as all times here.
    pub(super) end: Option<u64>,
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
        let mut written = Vec::with_capacity(USUAL);
        wire::begin(&mut written, &place, parent.map(|parent| parent.span), (kind, now()));
        let told = Mutex::new(Told { written, ..Told::default() });
        let live = Live { order: order.clone(), told };
        (Self { live: Some(Arc::new(live)) }, Some(place))
    }

    /// What log lines are added to.
    pub(crate) fn live(&self) -> Option<Arc<Live>> {
        self.live.clone()
    }

    /// Fills a span that is recorded.
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Told)) {
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
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.told());
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it. What is told later is told to nobody.
    fn write(&self, out: &mut Vec<u8>) {
        let told = self.told();
        wire::span(out, &told, told.end.unwrap_or_else(now), self.order.get());
    }
}

/// What spans of one kind have in common, written once; see [`Told::add_known`].
pub(crate) fn known(tell: impl FnOnce(&mut Told)) -> Box<[u8]> {
    let mut told = Told::default();
    tell(&mut told);
    told.written.into_boxed_slice()
}

impl Told {
    /// Names it by words, which are joined by spaces.
    pub(crate) fn name(&mut self, words: &[&str]) -> &mut Self {
        wire::name(&mut self.written, words);
        self
    }

    /// Adds an attribute of a name that is not told yet.
    pub(crate) fn add<'a>(&mut self, name: &'static str, value: impl Into<Value<'a>>) -> &mut Self {
        debug_assert!(!wire::tells(&self.written, name), "{name} is told twice");
        wire::add(&mut self.written, name, value.into());
        self
    }

    /// Adds what was written once for all such spans.
    pub(crate) fn add_known(&mut self, known: &[u8]) -> &mut Self {
        self.written.extend_from_slice(known);
        self
    }

    /// The id of the request that is answered, instead of the one told before.
    pub(crate) fn request(&mut self, id: &Arc<str>) -> &mut Self {
        self.request = Some(Arc::clone(id));
        self
    }

    /// It failed.
    pub(crate) fn fail(&mut self) -> &mut Self {
        self.is_error = true;
        self
    }

    /// It goes back to another span.
    pub(crate) fn link(&mut self, other: TraceContext) -> &mut Self {
        wire::link(&mut self.written, &other);
        self
    }

    /// Something happened in it.
    pub(crate) fn event<'a>(
        &mut self,
        name: &str,
        attributes: impl IntoIterator<Item = (&'a str, Value<'a>)>,
    ) -> &mut Self {
        self.events = self.events.saturating_add(1);
        if self.events <= EVENTS {
            wire::event(&mut self.written, (name, now()), attributes);
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
