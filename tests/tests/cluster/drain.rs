//! A node is drained: what has two pods goes on, what has one waits until its node is back, and nothing is lost.

use std::io::{Write, stderr, stdout};

use anyhow::{Result, ensure};
use madang_tests::cluster::{Cluster, is_ending};
use madang_tests::load::{Behaviour, Load};
use serde_json::Value;

use crate::independence::{Browsers, GAP};

#[tokio::test]
async fn a_drained_node_shuts_nobody_out_and_its_orders_finish_when_it_is_back() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let nodes = workers(&cluster).await?;
    if nodes.len() < 2 {
        writeln!(
            stderr(),
            "not run: {} has no second node to go to; see k8s/kind/three-nodes.yaml",
            nodes[0]
        )?;
        return Ok(());
    }
    let load = Load::start(&cluster.shop, Behaviour { clients: 3, ..Behaviour::moody(1) }).await?;
    let browsers = Browsers::start(&cluster.shop);
    for node in &nodes {
        spread(&cluster).await?;
        load.progress(10).await?;
        let stuck = drained(&cluster, node).await;
        // Whatever came of it, the node takes pods again.
        cluster.kubectl(&["uncordon", node]).await?;
        let waiting = stuck?;
        all_ready(&cluster).await?;
        load.progress(10).await?;
        writeln!(stdout(), "{node} was drained; without a node meanwhile: {waiting:?}")?;
    }
    let pages = browsers.stop().await?;
    let outcome = load.settle(&cluster.shop).await?;
    writeln!(stdout(), "{outcome}; {pages}")?;
    ensure!(pages.longest < GAP, "{pages}");
    Ok(())
}

/// Drains a node, sees that none of the shop's pods is left on it, and answers which have no other node: those with a volume.
async fn drained(cluster: &Cluster, node: &str) -> Result<Vec<String>> {
    cluster
        .kubectl(&["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s"])
        .await?;
    // Those that run for long.
    let pods = cluster.list(&["pods", "--field-selector=status.phase!=Succeeded"]).await?;
    let on = |pod: &&Value| pod["spec"]["nodeName"] == node && !is_ending(pod);
    let left: Vec<&Value> = pods.iter().filter(on).map(|pod| &pod["metadata"]["name"]).collect();
    ensure!(left.is_empty(), "{node} still has {left:?}");
    let waiting = pods.iter().filter(|pod| pod["spec"]["nodeName"].is_null());
    Ok(waiting.filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned)).collect())
}

/// Has the pods spread over the nodes again: Kubernetes moves none by itself to a node that is back. Two pods that share a node
/// with their database would hold up its drain, since the first could not start elsewhere, and the second must not go before.
async fn spread(cluster: &Cluster) -> Result<()> {
    cluster.kubectl(&["rollout", "restart", "deployment"]).await?;
    all_ready(cluster).await
}

/// The nodes that take pods.
async fn workers(cluster: &Cluster) -> Result<Vec<String>> {
    let nodes = cluster.list(&["nodes"]).await?;
    let takes_pods = |node: &&Value| node["spec"]["taints"].as_array().is_none_or(Vec::is_empty);
    Ok(nodes
        .iter()
        .filter(takes_pods)
        .filter_map(|node| node["metadata"]["name"].as_str().map(str::to_owned))
        .collect())
}

async fn all_ready(cluster: &Cluster) -> Result<()> {
    for kind in ["statefulset", "deployment"] {
        for workload in cluster.kubectl(&["get", kind, "-o", "name"]).await?.lines() {
            cluster.ready(workload).await?;
        }
    }
    Ok(())
}
