//! The binary `madang`, run as users run it: against stubs that it starts as if they were services, and against a fake shop
//! that answers its calls.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

mod audit;
mod cluster;
mod dead_letters;
mod fake;
mod load;
mod logs;
mod order;
mod sagas;
mod status;
mod stub;
mod trace;
mod up;
mod usage;
