//! The platform as its users meet it: a real server and real calls, in memory.

#![expect(clippy::unwrap_used, reason = "a test may; clippy sees tests only where #[test] stands")]

mod deadlines;
mod drain;
mod fake;
mod faults;
mod limits;
#[cfg(feature = "otlp")]
mod otlp_metrics;
mod platform;
mod process;
mod raw;
mod tcp;
mod traces;
mod web;
mod world;
