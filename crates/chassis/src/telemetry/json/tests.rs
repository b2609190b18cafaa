use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::testing::SeededIds;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The one line that is written.
fn line(work: impl FnOnce()) -> Value {
    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = tracing_subscriber::registry().with(Lines::new("orders", move || writer.clone()));
    tracing::subscriber::with_default(subscriber, work);
    let written = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.lines().count(), 1);
    serde_json::from_str(&written).unwrap()
}

#[test]
fn a_line_holds_what_its_spans_say() {
    let line = line(|| {
        let _rpc = trace::spans::rpc("/orders/Get", "r-7", None, false).entered();
        let work = tracing::info_span!("work", { names::ORDER } = tracing::field::Empty);
        work.record(names::ORDER, "o-1");
        work.record(names::ORDER, "o-2");
        work.in_scope(|| tracing::warn!(tries = 2, "no answer\n\"yet\""));
    });
    assert_eq!(line["service"], "orders");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["madang.request.id"], "r-7");
    assert_eq!(line["madang.order.id"], "o-2");
    assert_eq!(line["tries"], 2);
    assert_eq!(line["message"], "no answer\n\"yet\"");
    assert_eq!((line.get("otel.kind"), line.get("rpc.system.name")), (None, None));
}

#[test]
fn a_line_holds_its_trace() {
    let given = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let here = trace::Here::adopt(&tracing::Span::none(), given, &SeededIds::new(1));
    let line = line(|| here.enter(|| tracing::info!("here")));
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(line["span_id"], "00f067aa0ba902b7");
}
