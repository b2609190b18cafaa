//! One order is one trace: every hop of it, the asynchronous ones too, by a real OTLP receiver.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]

mod collector;
mod orders;
