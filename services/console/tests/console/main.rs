//! The console before admin ports in memory, and before a client that sends it traces.

#![expect(clippy::unwrap_used, reason = "what a test sets up fails the test")]

mod made;
mod page;
mod shop;
mod traces;
