//! The experiments of `madang prove`: each claim of the architecture as a hypothesis, tried on a running shop.
//!
//! ```text
//! Experiment: claim, hypothesis, setup, run
//!     │ run(experiment, variant)                 Lab ─opens─> World: a shop that may be harmed
//!     └─> Trial: harms the World, notes Marks, Plots and Measures ──> Outcome: PASS or FAIL, with all numbers
//! ```
//!
//! - A hypothesis is a list of measures with limits. It holds if all are within; nothing else makes a verdict.
//! - Each experiment has a control, in which the mechanism that the claim rests on is taken away. There a measure must be beyond
//!   its limit: else the experiment could not fail, and proves nothing.
//! - Whatever happens, a world is closed after its trial, and with it goes what was done to it.

pub mod all;
mod carrier;
mod events;
mod experiment;
mod kubernetes;
mod nodes;
mod outcome;
mod policies;
mod releases;
mod replica;
mod routes;
mod run;
mod shop;
mod trial;
mod trust;
mod world;

pub use experiment::{Experiment, Needs, Running, Setup, Variant};
pub use kubernetes::{Kind, Kubernetes, Object};
pub use nodes::{Nodes, Pod};
pub use outcome::{Limit, Mark, Measure, Outcome, Phase, Plot, Unit};
pub use releases::Releases;
pub use run::run;
pub use trial::{Teller, Trial};
pub use trust::{Answer, Cell, Databases, Login};
pub use world::{Audit, Lab, Machine, World};
