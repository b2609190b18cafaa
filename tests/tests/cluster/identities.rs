//! What each identity reaches is what the policies say, cell by cell.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use madang_tests::cluster::Cluster;
use serde_json::Value;

use crate::probe::{self, Reached};

/// Every service account of the namespace, as a caller.
const IDENTITIES: [&str; 12] = [
    "catalog",
    "inventory",
    "payments",
    "shipping",
    "orders",
    "notifications",
    "gateway",
    "console",
    "tester",
    "edge-istio",
    "nats",
    "default",
];

#[tokio::test]
async fn every_identity_reaches_exactly_what_the_policies_allow_it() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let policies = cluster.list(&["authorizationpolicies"]).await?;
    let mut wrong = Vec::new();
    for identity in IDENTITIES {
        let (expected, reached) = (allowed(&policies, identity)?, probe::reached(&cluster, identity).await?);
        println!("{identity}: {} cells", reached.len());
        wrong.extend(expected.difference(&reached).map(|cell| format!("{identity} should reach {cell:?}")));
        wrong.extend(
            reached.difference(&expected).map(|cell| format!("{identity} should not reach {cell:?}")),
        );
    }
    anyhow::ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[tokio::test]
async fn nobody_is_reached_in_plain_text() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    assert_eq!(probe::reached_in_plain_text(&cluster).await?, BTreeSet::new());
    Ok(())
}

/// The cells of an identity, as the applied policies have them.
fn allowed(policies: &[Value], identity: &str) -> Result<BTreeSet<Reached>> {
    let mut cells = BTreeSet::new();
    for policy in policies {
        let to = policy["metadata"]["name"].as_str().context("a name")?;
        for rule in policy["spec"]["rules"].as_array().into_iter().flatten() {
            if is_from(rule, identity) {
                cells.extend(reached(to, rule));
            }
        }
    }
    Ok(cells)
}

fn is_from(rule: &Value, identity: &str) -> bool {
    let end = format!("/sa/{identity}");
    let principals =
        rule["from"].as_array().into_iter().flatten().flat_map(|from| strings(&from["source"]["principals"]));
    principals.into_iter().any(|principal| principal.ends_with(&end))
}

fn reached(to: &str, rule: &Value) -> Vec<Reached> {
    let operations = rule["to"].as_array().into_iter().flatten().map(|to| &to["operation"]);
    let cells = operations.flat_map(|operation| {
        let paths = strings(&operation["paths"]);
        // Without paths: a protocol of its own, or all of the gateway, of which the probe asks for one page.
        let whole = if to == "gateway" { "/" } else { to.rsplit('-').next().unwrap_or(to) };
        let paths = if paths.is_empty() { vec![whole.to_owned()] } else { paths };
        strings(&operation["ports"])
            .into_iter()
            .flat_map(move |port| paths.clone().into_iter().map(move |path| (format!("{to}:{port}"), path)))
    });
    cells.collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
