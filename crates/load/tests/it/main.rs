//! The load generator against a shop made for the test, over real connections.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

mod calls;
mod fake;
mod orders;
mod stall;
