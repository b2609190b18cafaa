//! All experiments, one file each.

mod backpressure;
mod canary;
mod circuit_breaker;
mod contract;
mod dead_letters;
mod deadlines;
mod drain;
mod event_order;
mod exactly_once_effects;
mod fault_isolation;
mod hop_cost;
mod independent_deploy;
mod private_data;
mod recovery;
mod retries;
mod rolling_restart;
mod rolling_update;
mod saga_atomicity;
mod scale_hot_service;
mod slow_network;
mod trace_complete;
mod zero_trust;

use crate::Experiment;

/// The services that own data: what stands behind the gateway.
pub(crate) const OWNERS: [&str; 6] =
    ["catalog", "inventory", "payments", "shipping", "orders", "notifications"];

/// All of them, in the order in which they are told.
pub const EXPERIMENTS: &[Experiment] = &[
    fault_isolation::EXPERIMENT,
    recovery::EXPERIMENT,
    rolling_restart::EXPERIMENT,
    saga_atomicity::EXPERIMENT,
    exactly_once_effects::EXPERIMENT,
    event_order::EXPERIMENT,
    dead_letters::EXPERIMENT,
    deadlines::EXPERIMENT,
    backpressure::EXPERIMENT,
    contract::EXPERIMENT,
    trace_complete::EXPERIMENT,
    hop_cost::EXPERIMENT,
    rolling_update::EXPERIMENT,
    independent_deploy::EXPERIMENT,
    canary::EXPERIMENT,
    drain::EXPERIMENT,
    scale_hot_service::EXPERIMENT,
    retries::EXPERIMENT,
    slow_network::EXPERIMENT,
    circuit_breaker::EXPERIMENT,
    zero_trust::EXPERIMENT,
    private_data::EXPERIMENT,
];
