//! The rules of CONSISTENCY.md, "Events", each as a test: on SQLite files, and on PostgreSQL what needs no paused clock. Through
//! the real feed over a network in memory where the border matters, and with a scripted source where the order of things must
//! be forced.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod alarms;
mod consuming;
mod dead_letters;
mod discard;
mod exactly_once;
mod feed;
mod nats;
mod outbox;
mod reconnecting;
mod recorder;
mod redrive;
mod replicas;
mod requests;
mod script;
mod services;
mod world;
