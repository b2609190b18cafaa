//! A real OTLP receiver within the test, and what it was told, as trees.

/// What the Jaeger of a cluster has.
pub mod jaeger;
mod receiver;
mod tree;
/// What orders look like.
pub mod trees;

use std::collections::BTreeMap;

pub use receiver::Receiver;
pub use tree::{orphans, resumed, tree, without};

/// A span as a service told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The trace, in hexadecimal digits.
    pub trace: String,
    /// The span.
    pub id: String,
    /// The span that it is a child of; empty where there is none.
    pub parent: String,
    /// Which service.
    pub service: String,
    /// Its name.
    pub name: String,
    /// When it began, in nanoseconds since 1970.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// Whether it failed.
    pub is_error: bool,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The traces that it links to.
    pub links: Vec<String>,
    /// The messages of its events.
    pub events: Vec<String>,
}

impl Span {
    /// The order that it is for; empty where it says none.
    pub fn order(&self) -> &str {
        self.attributes.get("madang.order.id").map_or("", String::as_str)
    }
}
