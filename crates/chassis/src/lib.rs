//! What every service of Madang stands on: settings, telemetry, server, client, health, deadlines, limits, faults, shutdown.
//! A service is its domain and one call to this.
//!
//! ```text
//! main ── settings ── telemetry ── bind ── run(args, listener, platform) ── drain ── exit code
//!                                            │
//!                          Platform: clock, ids, connector, metrics, tasks, shutdown, readiness
//!                                            │
//!                Server ── layers ── the service's own code ── Client ── other services
//! ```
//!
//! Invariant: everything from outside comes through [`Platform`] and [`Listener`], so that a test and the simulation run the
//! same server on their own clock, ids and network.
//!
//! Invariant: no call outlives its deadline, here or in what it calls; see [`deadline`].
//!
//! Invariant: every queue and every wait is bounded.

pub mod admin;
pub mod client;
pub mod config;
pub mod deadline;
mod fault;
pub mod metrics;
mod panics;
mod places;
mod platform;
mod process;
mod readiness;
pub mod server;
mod service;
mod shutdown;
mod system;
mod tasks;
pub mod telemetry;
pub mod testing;
pub mod trace;
mod transport;
pub mod web;

pub use client::{Client, NoDeadline};
pub use config::{ServerArgs, TelemetryArgs};
pub use metrics::Metrics;
pub use places::{Place, Places};
pub use platform::Platform;
pub use process::main;
pub use readiness::{Readiness, ReadyGuard};
pub use server::Server;
pub use service::Service;
pub use shutdown::Shutdown;
pub use system::{SystemClock, SystemIds};
pub use tasks::Tasks;
pub use transport::{Carried, Carrier, Connector, Io, Listener, Network};

/// An error and all its causes, on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
