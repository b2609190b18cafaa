//! An open-loop load generator for the shop: it sends when the schedule says so, not when the shop has answered.
//!
//! ```text
//! Schedule ─> pacer, a thread ─bounded queue─> one task for each call ─> gateway, over N connections
//!                  │ lateness                       │ latency, from the intended time
//!                  └────────────> Recorder <────────┘          Book: every order that was asked for
//!                                     │                          │ after the load: followed to its end
//!                  Snapshot, live <───┴────────> Report <────────┘
//! ```
//!
//! - A latency begins at the time at which the call was meant to be sent. A shop that stands still for a second therefore shows
//!   in the latency of every call that was meant for that second, and so does a generator that is late.
//! - Nothing is dropped in silence: intended = sent + not sent, where the bound on calls in flight is the only reason not to send;
//!   sent = done + unanswered.
//! - The same seed gives the same times, kinds and products, on every machine.
//! - Every order that was asked for has an end in the report: an answer that was lost is asked for again by its request_id.

mod arrivals;
mod book;
mod catalogue;
mod engine;
mod failure;
mod histogram;
mod intent;
mod load;
mod mix;
mod pacer;
mod random;
mod record;
mod report;
mod settings;
mod shop;
mod threads;

pub use arrivals::{Arrivals, Phase, Schedule, ScheduleError};
pub use catalogue::Choice;
pub use failure::Failure;
pub use histogram::Histogram;
pub use load::{Error, Load};
pub use mix::{Kind, Mix, MixError};
pub use record::{Bucket, Snapshot, Totals, Window};
pub use report::{Errors, Generator, KindReport, Orders, Quantile, Report, Series, Told};
pub use settings::{Settings, SettingsError};
