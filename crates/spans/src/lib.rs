//! Spans of a trace as people read them: the model, OTLP's JSON, the tree of a trace, and its critical path. The console's page
//! and `madang trace` tell the same by it.
//!
//! ```text
//! JSON of the console or of Jaeger ──> Vec<Span> ──> Tree: depth first, clocks corrected, repeats counted ──> Path
//! ```
//!
//! Everything here is synchronous, without I/O and without time of its own. Spans come from anywhere, so nothing is assumed of
//! them: parents may be missing or in a circle, times may contradict each other, a trace may be as deep as it has spans.

pub mod json;
mod path;
mod span;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod told;
mod tree;
mod value;

pub use path::{Critical, Path, Segment};
pub use span::{Event, Kind, Link, Outcome, Span, SpanId, TraceId};
pub use told::duration;
pub use tree::{Node, Place, Tree};
pub use value::Value;

/// The attribute that all spans of an order have: its id, a UUID as text.
pub const ORDER_ID: &str = "madang.order.id";
