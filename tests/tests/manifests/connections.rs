//! What all replicas may open at once fits what a PostgreSQL server takes.

use std::fs;

use madang_tests::tidy;
use serde_json::json;

use crate::object::{Object, broken, list, of_kind, one, text, texts};
use crate::of_charts;
use crate::table::Table;
use crate::variants::{self, PLAIN, Variant};

/// Beside those that run transactions: one listens, one notifies, one leads. The help of --database-connections says so.
const EXTRA: u64 = 3;
/// What PostgreSQL keeps for its administrator.
const RESERVED: u64 = 3;
/// A canary of one pod, whether there is one now or not.
const CANARY: u64 = 1;

/// The most pods of a service at once: all that the autoscaler may make, the one more of an update, a canary.
fn pods(objects: &[Object], name: &str) -> u64 {
    let scaler = of_kind(objects, "HorizontalPodAutoscaler").find(|scaler| scaler.name() == name);
    let deployment = one(objects, "Deployment", name);
    let most = scaler.map_or(deployment.at("/spec/replicas"), |scaler| scaler.at("/spec/maxReplicas"));
    let surge = deployment.at("/spec/strategy/rollingUpdate/maxSurge");
    most.as_u64().unwrap() + surge.as_u64().unwrap() + CANARY
}

/// The most connections that a service may have at once.
fn connections(objects: &[Object], name: &str) -> u64 {
    let deployment = one(objects, "Deployment", name);
    let variables = list(&deployment.0, "/spec/template/spec/containers/0/env");
    let setting = variables.iter().find(|variable| variable["name"] == "MADANG_DATABASE_CONNECTIONS");
    let each: u64 = text(setting.unwrap(), "/value").parse().unwrap();
    (each + EXTRA) * pods(objects, name)
}

/// Servers that would refuse a connection.
fn wrong(objects: &[Object], table: &Table, variant: &Variant) -> Vec<String> {
    let mut wrong = Vec::new();
    let servers = of_kind(objects, "StatefulSet").filter(|server| server.name() != "nats");
    for server in servers {
        let users = table
            .table
            .iter()
            .filter(|(name, entry)| variant.postgres(name, entry).as_deref() == Some(server.name()));
        let wanted: u64 = users.map(|(name, _)| connections(objects, name)).sum();
        let arguments = texts(&server.0, "/spec/template/spec/containers/0/args");
        let setting = arguments.iter().find_map(|argument| argument.strip_prefix("max_connections="));
        let taken = setting.map_or(100, |number| number.parse().unwrap());
        if wanted == 0 || wanted + RESERVED > taken {
            wrong.push(format!(
                "{} takes {taken} connections, of {wanted} and {RESERVED} for its administrator",
                server.name()
            ));
        }
    }
    wrong
}

#[test]
fn every_replica_at_once_gets_its_connections_in_every_form_of_the_shop() {
    crate::none(&variants::wrong(of_charts!(), wrong));
}

#[test]
fn a_server_that_takes_too_few_connections_is_told() {
    let charts = of_charts!();
    let (table, shop) = (charts.table(), charts.shop(&[]));
    let more = broken(&shop, ("HorizontalPodAutoscaler", "orders"), "/spec/maxReplicas", json!(9));
    crate::told(&wrong(&more, &table, &PLAIN), "orders-postgres takes 100 connections, of 121");
}

#[test]
fn the_connections_beside_the_pool_are_three() {
    let help = fs::read_to_string(tidy::root().join("crates/db/src/config/flags.rs")).unwrap();
    assert!(help.contains("up to three more listen, notify and lead"), "EXTRA is no more what the help says");
}
