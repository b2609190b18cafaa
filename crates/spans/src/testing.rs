//! Hand-made spans, for tests.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]

#[cfg(test)]
use crate::Value;
use crate::{Kind, Outcome, Span, SpanId, TraceId};

/// A span of the service `orders` in a trace whose id is all sevens, and nothing else of it; times are in nanoseconds since 1970.
///
/// # Panics
/// With an id of 0, which is none.
pub fn bare(id: u64, parent: Option<u64>, (start, end): (u64, u64)) -> Span {
    let id_of = |id: u64| SpanId::from_bytes(&id.to_be_bytes()).unwrap();
    Span {
        trace_id: TraceId::from_bytes(&[7; 16]).unwrap(),
        span_id: id_of(id),
        parent: parent.map(id_of),
        name: format!("s{id}"),
        kind: Kind::Internal,
        service: "orders".to_owned(),
        instance: String::new(),
        start,
        end,
        outcome: Outcome::Unset,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

#[cfg(test)]
pub(crate) use made::{Made, span, spans};

#[cfg(test)]
mod made {
    //! Times are in microseconds after a fixed one.
    use super::*;

    const BEGIN: u64 = 1_700_000_000_000_000_000;

    /// A span that is made up.
    pub(crate) struct Made(pub(crate) Span);

    /// A span of 0 to 10 in the service `a`.
    pub(crate) fn span(id: u64, parent: Option<u64>) -> Made {
        Made(Span { service: "a".to_owned(), ..bare(id, parent, (BEGIN, BEGIN + 10_000)) })
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
}
