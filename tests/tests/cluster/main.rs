//! The shop on a real cluster: who may ask whom, and what customers notice of upgrades, kills and drains.
//!
//! Run by `make test-cluster`, one after the other: each harms what the others would measure.

mod analysis;
mod canary;
mod credentials;
mod deadlines;
mod drain;
mod drops;
mod faults;
mod identities;
mod independence;
mod kills;
mod nodes;
mod outliers;
mod probe;
mod prometheus;
mod pushed;
mod rolling;
mod traces;
