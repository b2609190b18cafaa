use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use madang_spans::{Span, SpanId, TraceId};

/// Orders that one trace is found by, at most: what a trace of an order has is one.
const ORDERS: usize = 16;
/// An order's id is shorter.
const ORDER_BYTES: usize = 64;
/// Of the memory for all traces, one may have this part.
const PART: usize = 4;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) traces: usize,
    pub(crate) bytes: usize,
    pub(crate) spans_per_trace: usize,
}

/// The traces that are kept. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Traces(Arc<Mutex<Store>>);

/// A trace as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) id: TraceId,
    pub(crate) spans: Vec<Span>,
    /// Spans that were beyond the bounds of a trace.
    pub(crate) cut: usize,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) traces: usize,
    pub(crate) bytes: usize,
    /// Traces that had to leave for younger ones.
    pub(crate) left: u64,
}

#[derive(Debug)]
struct Store {
    limits: Limits,
    entries: HashMap<TraceId, Entry>,
    /// By their first span, the oldest first.
    ages: VecDeque<TraceId>,
    orders: HashMap<String, BTreeSet<TraceId>>,
    bytes: usize,
    left: u64,
}

#[derive(Debug)]
struct Entry {
    trace: Trace,
    ids: HashSet<SpanId>,
    orders: BTreeSet<String>,
    bytes: usize,
}

impl Traces {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Store {
            limits,
            entries: HashMap::new(),
            ages: VecDeque::new(),
            orders: HashMap::new(),
            bytes: 0,
            left: 0,
        })))
    }

    /// Keeps a span. One that is there already, since its sender sends again what was not acknowledged, is not kept twice.
    pub(crate) fn add(&self, span: Span) {
        self.store().add(span);
    }

    pub(crate) fn get(&self, id: TraceId) -> Option<Trace> {
        self.store().entries.get(&id).map(|entry| entry.trace.clone())
    }

    /// All traces of an order, the oldest first.
    pub(crate) fn of_order(&self, order_id: &str) -> Vec<Trace> {
        let store = self.store();
        let ids = store.orders.get(order_id).into_iter().flatten();
        let mut traces: Vec<Trace> =
            ids.filter_map(|id| Some(store.entries.get(id)?.trace.clone())).collect();
        traces.sort_by_key(|trace| trace.spans.iter().map(|span| span.start).min());
        traces
    }

    /// The youngest traces, the youngest first, of those that `tell` makes something of.
    pub(crate) fn recent<T>(&self, most: usize, tell: impl FnMut(&Trace) -> Option<T>) -> Vec<T> {
        let store = self.store();
        let youngest = store.ages.iter().rev().filter_map(|id| store.entries.get(id));
        youngest.map(|entry| &entry.trace).filter_map(tell).take(most).collect()
    }

    pub(crate) fn kept(&self) -> Kept {
        let store = self.store();
        Kept { traces: store.entries.len(), bytes: store.bytes, left: store.left }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    fn add(&mut self, span: Span) {
        let (id, bytes) = (span.trace_id, span.bytes());
        let (limits, ages) = (self.limits, &mut self.ages);
        let entry = self.entries.entry(id).or_insert_with(|| {
            ages.push_back(id);
            Entry::new(id)
        });
        if entry.ids.contains(&span.span_id) {
            return;
        }
        if entry.ids.len() >= limits.spans_per_trace || entry.bytes + bytes > limits.bytes / PART {
            entry.trace.cut += 1;
        } else {
            let order = span.order_id().filter(|order| order.len() <= ORDER_BYTES);
            if let Some(order) = order.filter(|order| entry.learns(order)) {
                self.orders.entry(order.to_owned()).or_default().insert(id);
            }
            entry.ids.insert(span.span_id);
            entry.trace.spans.push(span);
            entry.bytes += bytes;
            self.bytes += bytes;
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.entries.len() > self.limits.traces || self.bytes > self.limits.bytes {
            let Some(oldest) = self.ages.pop_front() else { return };
            let Some(entry) = self.entries.remove(&oldest) else { continue };
            self.bytes -= entry.bytes;
            self.left += 1;
            for order in entry.orders {
                if let Some(traces) = self.orders.get_mut(&order) {
                    traces.remove(&oldest);
                    if traces.is_empty() {
                        self.orders.remove(&order);
                    }
                }
            }
        }
    }
}

impl Entry {
    fn new(id: TraceId) -> Self {
        let trace = Trace { id, spans: Vec::new(), cut: 0 };
        Self { trace, ids: HashSet::new(), orders: BTreeSet::new(), bytes: 0 }
    }

    /// Notes an order; answers whether it is a new one of this trace.
    fn learns(&mut self, order: &str) -> bool {
        self.orders.len() < ORDERS && !self.orders.contains(order) && self.orders.insert(order.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use madang_spans::{Kind, ORDER_ID, Outcome};

    use super::*;

    fn span(trace: u8, id: u64, order: Option<&str>) -> Span {
        Span {
            trace_id: TraceId::from_bytes(&[trace; 16]).unwrap(),
            span_id: SpanId::from_bytes(&id.to_be_bytes()).unwrap(),
            parent: None,
            name: "x".repeat(100),
            kind: Kind::Internal,
            service: "orders".to_owned(),
            instance: String::new(),
            start: u64::from(trace),
            end: u64::from(trace),
            outcome: Outcome::Unset,
            attributes: order.map(|order| (ORDER_ID.to_owned(), order.into())).into_iter().collect(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    fn limits(traces: usize, bytes: usize, spans_per_trace: usize) -> Traces {
        Traces::new(Limits { traces, bytes, spans_per_trace })
    }

    fn ids(traces: &Traces) -> Vec<u64> {
        traces.recent(9, |trace| trace.spans.first().map(|span| span.start))
    }

    #[test]
    fn the_oldest_trace_leaves_first_and_its_order_with_it() {
        let traces = limits(2, 1 << 20, 10);
        traces.add(span(1, 1, Some("a")));
        traces.add(span(2, 1, Some("a")));
        traces.add(span(1, 2, Some("b")));
        assert_eq!((ids(&traces), traces.of_order("a").len()), (vec![2, 1], 2));
        traces.add(span(3, 1, None));
        assert_eq!((ids(&traces), traces.of_order("a").len()), (vec![3, 2], 1));
        assert!(traces.of_order("b").is_empty());
        assert_eq!(traces.kept().left, 1);
    }

    #[test]
    fn memory_is_bounded_and_counted_down_again() {
        let one = span(1, 1, None).bytes();
        let traces = limits(1000, one * 40, 1000);
        (1..=100).for_each(|trace| traces.add(span(trace, 1, None)));
        let kept = traces.kept();
        assert_eq!((kept.traces, kept.bytes, kept.left), (40, one * 40, 60));
    }

    #[test]
    fn a_trace_with_very_many_spans_is_cut_and_says_so() {
        let traces = limits(10, 1 << 30, 100);
        (1..=10_000).for_each(|id| traces.add(span(1, id, None)));
        let trace = traces.get(TraceId::from_bytes(&[1; 16]).unwrap()).unwrap();
        assert_eq!((trace.spans.len(), trace.cut), (100, 9_900));
    }

    #[test]
    fn one_trace_does_not_take_all_memory() {
        let one = span(1, 1, None).bytes();
        let traces = limits(10, one * 40, 1000);
        traces.add(span(1, 1, None));
        (1..=1000).for_each(|id| traces.add(span(2, id, None)));
        assert_eq!(ids(&traces), [2, 1]);
        assert!(traces.kept().bytes <= one * 11);
    }

    #[test]
    fn a_span_that_is_sent_again_is_kept_once() {
        let traces = limits(10, 1 << 20, 10);
        (0..3).for_each(|_| traces.add(span(1, 1, None)));
        assert_eq!(traces.get(TraceId::from_bytes(&[1; 16]).unwrap()).unwrap().spans.len(), 1);
    }

    #[test]
    fn orders_of_one_trace_are_bounded() {
        let traces = limits(10, 1 << 20, 1000);
        (1..=100).for_each(|id| traces.add(span(1, id, Some(&id.to_string()))));
        traces.add(span(1, 101, Some(&"x".repeat(65))));
        let found = (1..=100).filter(|id| !traces.of_order(&id.to_string()).is_empty()).count();
        assert_eq!(found, ORDERS);
        assert!(traces.of_order(&"x".repeat(65)).is_empty());
    }
}
