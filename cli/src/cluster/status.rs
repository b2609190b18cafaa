//! `madang cluster status`: the nodes, the platform, and what Helm has installed.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use k8s_openapi::api::core::v1::Node as ApiNode;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::helm::{Helm, Listed};
use super::platform::{self, Part};
use super::target::TargetArgs;
use super::tool::Tools;
use super::{deploy, preflight};
use crate::output::{BAD, Cell, GOOD, Output, Table, WAITS};

/// What `madang cluster status` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang cluster status
  madang cluster status --context kind-madang --output json | jq .releases

`madang status --context` has the services themselves.
Exit codes: 0 nodes and platform are ready, 1 some are not, 69 the API server cannot be reached.")]
pub(super) struct StatusArgs {}

#[derive(Debug, PartialEq, Eq)]
struct Node {
    name: String,
    is_ready: bool,
    is_drained: bool,
    version: String,
    cpu: String,
    memory: String,
}

/// Shows the cluster's state.
///
/// # Errors
/// Where the API server or Helm refuses.
pub(super) async fn run(_args: StatusArgs, target: &TargetArgs, output: &Output) -> Result<ExitCode> {
    let cluster = target.cluster().await?;
    let mut progress = output.progress();
    progress.show("asking the API server");
    let api: Api<ApiNode> = Api::all(cluster.client.clone());
    let nodes = api.list(&ListParams::default()).await.context("cannot list the nodes")?;
    let nodes: Vec<Node> = nodes.items.iter().map(node).collect();
    let parts = platform::read(&cluster).await?;
    let wants = preflight::Wants { kind: false, make: false, kubectl: false };
    let lacks = preflight::machine(&wants, "").await?;
    preflight::tell(&lacks, output)?;
    let releases = Helm::new(&Tools::new()?, &cluster).list().await?;
    drop(progress);
    match output.is_json() {
        true => output.json(&value(&nodes, &parts, &releases))?,
        false => output.text(&text(&nodes, &parts, &releases))?,
    }
    let is_ready =
        nodes.iter().all(|node| node.is_ready) && parts.iter().all(|part| part.is_ready() || !part.is_needed);
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn node(it: &ApiNode) -> Node {
    let status = it.status.clone().unwrap_or_default();
    let mut conditions = status.conditions.iter().flatten();
    let capacity = |name: &str| {
        let found = status.allocatable.as_ref().and_then(|all| all.get(name));
        found.map_or_else(String::new, |quantity| quantity.0.clone())
    };
    Node {
        name: it.metadata.name.clone().unwrap_or_default(),
        is_ready: conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        is_drained: it.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default(),
        version: status.node_info.as_ref().map(|info| info.kubelet_version.clone()).unwrap_or_default(),
        cpu: capacity("cpu"),
        memory: capacity("memory"),
    }
}

fn text(nodes: &[Node], parts: &[Part], releases: &[Listed]) -> String {
    let mut table = Table::new(["node", "state", "version", ">cpu", ">memory"]);
    for Node { name, is_ready, is_drained, version, cpu, memory } in nodes {
        let state = match (is_ready, is_drained) {
            (true, false) => Cell::new(GOOD, "ready"),
            (true, true) => Cell::new(WAITS, "ready, takes no pods"),
            (false, _) => Cell::new(BAD, "not ready"),
        };
        table.row([
            name.as_str().into(),
            state,
            version.as_str().into(),
            Cell::number(cpu),
            Cell::number(memory),
        ]);
    }
    let mut platform = Table::new(["platform", ">ready", "namespace"]);
    for part in parts {
        let (style, namespace) = match &part.namespace {
            Some(namespace) if part.is_ready() => (GOOD, namespace.as_str()),
            Some(namespace) => (BAD, namespace.as_str()),
            None if part.is_needed => (BAD, "not there"),
            None => (WAITS, "not there"),
        };
        let ready = Cell::number(format!("{}/{}", part.ready, part.wanted)).styled(style);
        platform.row([part.name.into(), ready, namespace.into()]);
    }
    let releases = match releases.is_empty() {
        true => "no releases\n".to_owned(),
        false => deploy::table(releases).render(),
    };
    format!("{}\n{}\n{releases}", table.render(), platform.render())
}

fn value(nodes: &[Node], parts: &[Part], releases: &[Listed]) -> Value {
    let node = |it: &Node| {
        json!({
            "name": it.name,
            "ready": it.is_ready,
            "drained": it.is_drained,
            "version": it.version,
            "cpu": it.cpu,
            "memory": it.memory,
        })
    };
    let part = |it: &Part| json!({ "name": it.name, "ready": it.ready, "wanted": it.wanted, "namespace": it.namespace });
    let mut value = deploy::value(releases);
    value["nodes"] = nodes.iter().map(node).collect();
    value["platform"] = parts.iter().map(part).collect();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_with_its_state_and_size() {
        let drained = json!({
            "metadata": { "name": "one" },
            "spec": { "unschedulable": true },
            "status": {
                "conditions": [{ "type": "Ready", "status": "True" }],
                "allocatable": { "cpu": "2", "memory": "8Gi" },
            },
        });
        let drained = node(&serde_json::from_value(drained).unwrap());
        assert!(drained.is_ready && drained.is_drained);
        let text = anstream::adapter::strip_str(&text(&[drained], &[], &[])).to_string();
        assert!(text.contains("one   ready, takes no pods             2     8Gi\n"), "{text}");
        assert!(text.ends_with("\nno releases\n"), "{text}");
    }
}
