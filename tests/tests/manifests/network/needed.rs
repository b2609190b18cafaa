//! The one list of connections that the shop needs. It is written by hand: where it and the charts differ, one of them is wrong.

use std::collections::BTreeSet;

use super::policy::Port;
use super::{Flow, Variant};
use crate::variants::Nats;

/// Who answers calls, with the port; the admin port is 100 above.
const SERVICES: [(&str, u16); 8] = [
    ("catalog", 50051),
    ("inventory", 50052),
    ("payments", 50053),
    ("shipping", 50054),
    ("orders", 50055),
    ("notifications", 50056),
    ("gateway", 8080),
    ("console", 8081),
];
/// Who has a database of its own.
const DATABASES: [&str; 6] = ["catalog", "inventory", "payments", "shipping", "orders", "notifications"];
/// Who publishes or reads events.
const EVENTS: [&str; 5] = ["inventory", "payments", "shipping", "orders", "notifications"];
/// Who calls whom, events' feeds included.
const CALLS: [(&str, &[&str]); 7] = [
    ("edge", &["gateway"]),
    ("gateway", &["catalog", "inventory", "orders", "notifications"]),
    ("orders", &["catalog", "inventory", "payments", "shipping"]),
    // Feeds of orders, payments and shipping.
    ("inventory", &["orders"]),
    ("payments", &["orders"]),
    ("shipping", &["payments"]),
    ("notifications", &["orders", "payments", "shipping"]),
];
/// Who is not of the shop: nothing bounds what they try, and what they reach is what we let them.
const OTHERS: [&str; 8] = [
    "kube-dns",
    "prometheus",
    "elsewhere",
    "istiod",
    "jaeger",
    "world",
    "db.example.com",
    "nats.example.com",
];

/// All connections that a form of the shop needs.
pub(super) fn flows(variant: &Variant) -> BTreeSet<Flow> {
    let mut flows = BTreeSet::new();
    let mut add = |from: &str, to: &str, port: Port| {
        flows.insert(Flow { from: from.to_owned(), to: to.to_owned(), port });
    };
    platform(variant, &mut add);
    shop(&mut add);
    stores(variant, &mut add);
    outside(&mut add);
    match variant.canary {
        Some(name) => with_canary(&flows, name),
        None => flows,
    }
}

/// What every sidecar needs, the servers' spans, and the metrics of all that runs for long.
fn platform(variant: &Variant, add: &mut impl FnMut(&str, &str, Port)) {
    let callers: Vec<&str> = SERVICES.iter().map(|(name, _)| *name).chain(["edge", "tester"]).collect();
    let servers = servers(variant);
    for name in callers.iter().copied().chain(servers.iter().map(String::as_str)) {
        add(name, "kube-dns", Port::udp(53));
        add(name, "kube-dns", Port::tcp(53));
        add(name, "istiod", Port::tcp(15012));
    }
    for name in callers.iter().copied().filter(|name| *name != "tester") {
        add("prometheus", name, Port::tcp(15020));
    }
    servers.iter().for_each(|name| add("prometheus", name, Port::tcp(15020)));
    for name in callers.into_iter().filter(|_| variant.telemetry) {
        add(name, "jaeger", Port::tcp(4317));
    }
}

/// Databases and brokers of the shop's own.
fn servers(variant: &Variant) -> BTreeSet<String> {
    let databases = DATABASES.iter().filter(|name| variant.managed != Some(name));
    let mut servers: BTreeSet<String> = databases.map(|name| database(variant, name)).collect();
    servers.extend((variant.nats == Nats::Own).then(|| "nats".to_owned()));
    servers
}

fn database(variant: &Variant, name: &str) -> String {
    match (variant.joined, variant.managed == Some(name)) {
        (_, true) => "db.example.com".to_owned(),
        (true, false) => "postgres".to_owned(),
        (false, false) => format!("{name}-postgres"),
    }
}

fn shop(add: &mut impl FnMut(&str, &str, Port)) {
    let port = |name: &str| SERVICES.iter().find(|(other, _)| *other == name).unwrap().1;
    for (from, to) in CALLS {
        to.iter().for_each(|to| add(from, to, Port::tcp(port(to))));
    }
    for (name, port) in SERVICES {
        // Its own admin port is not reached over the network.
        if name != "console" {
            add("console", name, Port::tcp(port + 100));
        }
    }
    DATABASES.iter().for_each(|name| add("tester", name, Port::tcp(port(name))));
}

fn stores(variant: &Variant, add: &mut impl FnMut(&str, &str, Port)) {
    for name in DATABASES {
        add(name, &database(variant, name), Port::tcp(5432));
    }
    for name in EVENTS {
        match variant.nats {
            Nats::Own => add(name, "nats", Port::tcp(4222)),
            Nats::Managed => add(name, "nats.example.com", Port::tcp(4222)),
            Nats::None => {}
        }
    }
}

/// The edge is open to all who are not of the shop, and to the tester; the Job speaks to an API server whose address nobody knows.
fn outside(add: &mut impl FnMut(&str, &str, Port)) {
    for other in OTHERS {
        [8080, 9090].into_iter().for_each(|port| add(other, "edge", Port::tcp(port)));
        [443, 6443].into_iter().for_each(|port| add("secrets", other, Port::tcp(port)));
    }
    [8080, 9090].into_iter().for_each(|port| add("tester", "edge", Port::tcp(port)));
}

/// A canary needs what the stable pods need.
fn with_canary(flows: &BTreeSet<Flow>, name: &str) -> BTreeSet<Flow> {
    let canary = format!("{name}-canary");
    let mut all = flows.clone();
    for flow in flows {
        if flow.from == name {
            all.insert(Flow { from: canary.clone(), ..flow.clone() });
        }
        if flow.to == name {
            all.insert(Flow { to: canary.clone(), ..flow.clone() });
        }
    }
    all
}
