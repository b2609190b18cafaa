//! Spans as they are recorded. The tracing crate's own would be read by a bridge to OpenTelemetry, at several times the cost
//! (bench/, `telemetry`): here a span that nobody records costs the drawing of an id.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor};

use super::{OrderCell, TraceContext, names};

/// Events of one span; further ones are counted.
const EVENTS: usize = 32;

static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// What takes the spans of this process.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) processor: Box<dyn SpanProcessor>,
    /// The share of new traces that are recorded, 0 to 1.
    pub(crate) ratio: f64,
}

impl Recorder {
    /// Has all spans from now on recorded; the first one stays.
    pub(crate) fn start(self) {
        RECORDER.set(self).ok();
    }

    /// Sends what waits, and records no more.
    pub(crate) fn stop(limit: std::time::Duration) {
        let stopped = RECORDER.get().map(|recorder| recorder.processor.shutdown_with_timeout(limit));
        if let Some(Err(error)) = stopped {
            tracing::debug!(%error, "the last traces were not exported");
        }
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
}

/// A span; it ends when it is dropped. Of one that is not recorded only the place is kept.
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
    start: SystemTime,
    order: OrderCell,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    name: Cow<'static, str>,
    attributes: Vec<KeyValue>,
    events: Vec<Event>,
    events_left_out: u32,
    links: Vec<Link>,
    is_error: bool,
    end: Option<SystemTime>,
}

impl Span {
    /// No span at all.
    pub(crate) fn none() -> Self {
        Self { live: None }
    }

    /// Begins a span, as a child of `parent` or of a new trace, for the order that will be known at its end; tells its place,
    /// none where this process records nothing.
    pub(crate) fn begin(
        kind: SpanKind,
        parent: Option<TraceContext>,
        order: &OrderCell,
    ) -> (Self, Option<TraceContext>) {
        let Some(recorder) = RECORDER.get() else { return (Self::none(), None) };
        let trace = parent.map_or_else(rand::random::<u128>, |parent| parent.trace);
        let is_recorded = parent.map_or_else(|| recorder.records(trace), |parent| parent.is_recorded());
        let flags = u8::from(is_recorded);
        // 0 is no id.
        let place = TraceContext { trace, span: rand::random::<u64>().max(1), flags };
        let live = is_recorded.then(|| {
            let told = Told {
                name: Cow::Borrowed(""),
                attributes: Vec::with_capacity(12),
                events: Vec::new(),
                events_left_out: 0,
                links: Vec::new(),
                is_error: false,
                end: None,
            };
            let parent = parent.map_or(0, |parent| parent.span);
            Arc::new(Live { place, parent, kind, start: now(), order: order.clone(), told: Mutex::new(told) })
        });
        (Self { live }, Some(place))
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
            recorder.processor.on_end(live.data());
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
    fn data(&self) -> SpanData {
        let mut told = self.told();
        if let Some(order) = self.order.get() {
            told.attributes.push(KeyValue::new(names::ORDER, order.to_string()));
        }
        let mut events = SpanEvents::default();
        (events.events, events.dropped_count) = (std::mem::take(&mut told.events), told.events_left_out);
        let mut links = SpanLinks::default();
        links.links = std::mem::take(&mut told.links);
        SpanData {
            span_context: context(self.place, false),
            parent_span_id: SpanId::from(self.parent),
            parent_span_is_remote: false,
            span_kind: self.kind.clone(),
            name: std::mem::take(&mut told.name),
            start_time: self.start,
            end_time: told.end.unwrap_or_else(now),
            attributes: std::mem::take(&mut told.attributes),
            dropped_attributes_count: 0,
            events,
            links,
            status: if told.is_error { Status::error("") } else { Status::Unset },
            instrumentation_scope: scope().clone(),
        }
    }
}

/// Adds to what is told of a span.
#[derive(Debug)]
pub(crate) struct Teller<'a>(&'a mut Told);

impl Teller<'_> {
    pub(crate) fn name(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.0.name = name.into();
        self
    }

    /// Sets an attribute, instead of one of the same name.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Value>) -> &mut Self {
        let attribute = KeyValue::new(name, value);
        match self.0.attributes.iter_mut().find(|told| told.key == attribute.key) {
            Some(told) => *told = attribute,
            None => self.0.attributes.push(attribute),
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
        self.0.links.push(Link::new(context(other, true), Vec::new(), 0));
        self
    }

    /// Something happened in it.
    pub(crate) fn event(&mut self, name: String, attributes: Vec<KeyValue>) -> &mut Self {
        if self.0.events.len() < EVENTS {
            self.0.events.push(Event::new(name, now(), attributes, 0));
        } else {
            self.0.events_left_out = self.0.events_left_out.saturating_add(1);
        }
        self
    }
}

fn context(place: TraceContext, is_remote: bool) -> SpanContext {
    let (trace, span) = (TraceId::from(place.trace), SpanId::from(place.span));
    SpanContext::new(trace, span, TraceFlags::new(place.flags), is_remote, TraceState::NONE)
}

fn scope() -> &'static InstrumentationScope {
    static SCOPE: OnceLock<InstrumentationScope> = OnceLock::new();
    SCOPE.get_or_init(|| InstrumentationScope::builder("madang").build())
}

#[expect(
    clippy::disallowed_methods,
    reason = "traces are told in the system's time; the simulation records none"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
