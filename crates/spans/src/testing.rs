//! Hand-made spans. Times are in microseconds after a fixed one.

use crate::{Kind, Outcome, Span, SpanId, TraceId, Value};

const BEGIN: u64 = 1_700_000_000_000_000_000;

/// A span that is made up.
pub(crate) struct Made(pub(crate) Span);

/// A span of 0 to 10 in the service `a`.
pub(crate) fn span(id: u64, parent: Option<u64>) -> Made {
    let id_of = |id: u64| SpanId::from_bytes(&id.to_be_bytes()).unwrap();
    Made(Span {
        trace_id: TraceId::from_bytes(&[7; 16]).unwrap(),
        span_id: id_of(id),
        parent: parent.map(id_of),
        name: format!("s{id}"),
        kind: Kind::Internal,
        service: "a".to_owned(),
        instance: String::new(),
        start: BEGIN,
        end: BEGIN + 10_000,
        outcome: Outcome::Unset,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
    })
}

impl Made {
    pub(crate) fn at(mut self, start: u64, end: u64) -> Self {
        (self.0.start, self.0.end) = (BEGIN + start * 1_000, BEGIN + end * 1_000);
        self
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.0.name);
        self
    }

    pub(crate) fn of(mut self, service: &str, kind: Kind) -> Self {
        service.clone_into(&mut self.0.service);
        self.0.kind = kind;
        self
    }

    pub(crate) fn failed(mut self) -> Self {
        self.0.outcome = Outcome::Error(String::new());
        self
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.attributes.push((name.to_owned(), Value::from(value)));
        self
    }
}

pub(crate) fn spans<const N: usize>(made: [Made; N]) -> Vec<Span> {
    made.into_iter().map(|made| made.0).collect()
}
