//! docs/policies.md, which is the policy table for people.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use madang_tests::tidy;

use crate::object::text;
use crate::of_charts;
use crate::routes::{READ_AGAIN, WRITE_AGAIN};
use crate::table::{Entry, Kind, Table, rows};

/// Where it lies.
const PATH: &str = "docs/policies.md";
/// Has the document written instead of compared: `make render`.
const VARIABLE: &str = "MADANG_WRITE_POLICIES";
const HEAD: &str = "\
# Who may call what

Written by `make render` from the [policy table](../helm/library/templates/_table.tpl), as a test demands: do not edit. From the same
table come the AuthorizationPolicies, the routes with their retries, the Sidecars' scopes and the NetworkPolicies. An identity is a
ServiceAccount of the shop's namespace, which mTLS proves. What has no `yes` here is refused by the callee's sidecar.

";
const OPERATORS: &str = "An RPC of kind operator is called by no identity of the mesh: it is reached by a port-forward, which the rights of Kubernetes guard.";

/// The document that a table makes.
fn document(table: &Table) -> String {
    let mut out = HEAD.to_owned();
    kinds(&mut out, table).unwrap();
    for (name, entry) in table.entries.iter().filter(|(_, entry)| !entry.rpcs.is_empty()) {
        matrix(&mut out, name, entry).unwrap();
    }
    others(&mut out, table).unwrap();
    out
}

/// What is done with a call of each kind.
fn kinds(out: &mut String, table: &Table) -> std::fmt::Result {
    let mesh = |path: &str| match &table.defaults["mesh"].pointer(path) {
        Some(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        None => String::new(),
    };
    writeln!(out, "| kind | what it is | tried again | on | time-out |\n|---|---|---|---|---|")?;
    let read = (mesh("/read/retries"), mesh("/read/timeout"), mesh("/read/perTryTimeout"));
    let on = READ_AGAIN.join(", ");
    writeln!(
        out,
        "| read | changes nothing | {} | {on} | {}, each try {} |",
        times(&read.0),
        read.1,
        read.2
    )?;
    let (retries, timeout, on) = (mesh("/write/retries"), mesh("/write/timeout"), WRITE_AGAIN.join(", "));
    writeln!(
        out,
        "| write | has a key, so that a repeat has no second effect | {} | {on} | {timeout} |",
        times(&retries)
    )?;
    writeln!(out, "| stream | goes on for long; the client goes on from where it was | never | | none |")?;
    writeln!(out, "| operator | not called in the mesh | never | | none |\n")?;
    writeln!(out, "{OPERATORS}\nThe caller's own deadline holds across all tries.")
}

fn times(number: &str) -> String {
    match number {
        "0" => "never".to_owned(),
        "1" => "once".to_owned(),
        "2" => "twice".to_owned(),
        number => format!("{number} times"),
    }
}

/// The RPCs of a service and who may call each.
fn matrix(out: &mut String, name: &str, entry: &Entry) -> std::fmt::Result {
    let all = || rows(&entry.rpcs);
    let callers: BTreeSet<&String> = all().flat_map(|(_, _, row)| &row.callers).collect();
    let heads: String = callers.iter().map(|caller| format!(" {caller} |")).collect();
    writeln!(out, "\n## {name}, port {}\n\n| RPC | kind |{heads}", entry.port)?;
    writeln!(out, "|---|---|{}", "---|".repeat(callers.len()))?;
    // Its own contract first, then what all servers have.
    let own = |service: &str| service.starts_with(&format!("madang.{name}."));
    let sorted =
        all().filter(|(service, ..)| own(service)).chain(all().filter(|(service, ..)| !own(service)));
    for (service, rpc, row) in sorted {
        let kind = match row.kind {
            Kind::Read => "read",
            Kind::Write => "write",
            Kind::Stream => "stream",
            Kind::Operator => "operator",
        };
        let cell = |caller: &&String| if row.callers.contains(caller) { " yes |" } else { " |" };
        let cells: String = callers.iter().map(cell).collect();
        writeln!(out, "| {service}/{rpc} | {kind} |{cells}")?;
    }
    Ok(())
}

/// What is no RPC.
fn others(out: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(out, "\n## What is no RPC\n\n| from | to | what |\n|---|---|---|")?;
    let port = |name: &str| table.table[name].port;
    writeln!(out, "| everybody | edge | ports 8080 and 9090 |")?;
    writeln!(
        out,
        "| edge-istio | gateway, port {} | all; [the gateway's own list](../services/gateway/src/grpc/allowed.rs) says which RPCs pass |",
        port("gateway")
    )?;
    for (name, entry) in &table.table {
        writeln!(out, "| console | {name}, port {} | GET /info, /readyz |", entry.port + 100)?;
    }
    for (name, _) in table.table.iter().filter(|(_, entry)| entry.database) {
        writeln!(out, "| {name} | {name}-postgres, port 5432 | its own database |")?;
    }
    for (name, entry) in table.table.iter().filter(|(_, entry)| entry.publishes || !entry.consumes.is_empty())
    {
        let publishes = entry.publishes.then(|| "publishes its own stream".to_owned());
        let reads = entry.consumes.iter().map(|producer| format!("reads {producer}"));
        let what: Vec<String> = publishes.into_iter().chain(reads).collect();
        writeln!(out, "| {name} | nats, port 4222 | {} |", what.join(", "))?;
    }
    Ok(())
}

#[test]
fn the_document_of_policies_says_what_the_table_says() {
    let table = of_charts!().table();
    let (path, document) = (tidy::root().join(PATH), document(&table));
    if std::env::var_os(VARIABLE).is_some() {
        fs::write(&path, &document).unwrap();
    }
    let there = fs::read_to_string(path).unwrap_or_default();
    assert!(there == document, "{PATH} is not what the policy table says: make render");
}

#[test]
fn another_table_makes_another_document() {
    let table = of_charts!().table();
    let mut other = table.clone();
    let rpcs =
        other.entries.get_mut("orders").unwrap().rpcs.get_mut("madang.orders.v1.OrdersService").unwrap();
    rpcs.get_mut("GetOrder").unwrap().callers.push("console".to_owned());
    assert_ne!(document(&other), document(&table));
    assert!(document(&other).contains("| madang.orders.v1.OrdersService/GetOrder | read | yes | yes |"));
    other.defaults["mesh"]["read"]["timeout"] = "7s".into();
    assert!(document(&other).contains("7s, each try"), "{}", text(&other.defaults, "/mesh/read/timeout"));
}
