use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::trace::Here;

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
fn line(format: LogFormat, work: impl FnOnce()) -> String {
    let sink = Sink::default();
    let writer = sink.clone();
    let lines = Lines { service: "orders", format, writer: move || writer.clone() };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), work);
    let written = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.lines().count(), 1);
    written
}

fn somewhere() -> Here {
    let given = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    Here::at(given.unwrap())
}

#[test]
fn a_line_tells_its_fields_and_where_it_belongs() {
    let line = line(LogFormat::Json, || {
        somewhere().enter(|| {
            trace::order("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap());
            trace::request("r-7");
            tracing::warn!(tries = 2, "no answer\n\"yet\"");
        });
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["service"], "orders");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(line["span_id"], "00f067aa0ba902b7");
    assert_eq!(line["madang.request.id"], "r-7");
    assert_eq!(line["madang.order.id"], "01890a5d-ac96-774b-bcce-b302099a8057");
    assert_eq!(line["tries"], 2);
    assert_eq!(line["message"], "no answer\n\"yet\"");
}

#[test]
fn a_line_for_people_tells_the_same() {
    let line = line(LogFormat::Pretty, || somewhere().enter(|| tracing::info!(tries = 2, "no answer")));
    assert!(line.contains("  INFO madang_chassis::telemetry::lines::tests: no answer "), "{line}");
    assert!(
        line.contains(" tries=2") && line.contains(" trace_id=4bf92f3577b34da6a3ce929d0e0e4736"),
        "{line}"
    );
}
