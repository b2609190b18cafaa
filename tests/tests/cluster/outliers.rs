//! The edge ejects a gateway pod for what a service behind it failed; where no other is left, that pod serves all the same.

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_api::notifications::v1::ListNotificationsRequest;
use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::within;
use madang_tests::cluster::{Cluster, is_ending};
use madang_tests::customer::CALL;
use madang_tests::{Service, ids, wait};
use serde_json::Value;
use tonic::transport::{Channel, Endpoint};

use crate::independence::{Browsers, GAP, Pages};

/// Failures in a row that eject a pod, times the pods that the gateway may have.
const CALLS: u64 = 5 * 4;
const GATEWAYS: &str = "app.kubernetes.io/name=gateway";
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_pod_that_was_ejected_for_others_serves_where_no_other_is_left() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let pages = cluster.without(Service::Notifications, async || of_the_ejected(&cluster).await).await?;
    writeln!(stdout(), "{pages}")?;
    ensure!(pages.longest < GAP, "{pages}");
    Ok(())
}

/// Ejects a pod, kills those that were not, and looks at pages until there are others.
async fn of_the_ejected(cluster: &Cluster) -> Result<Pages> {
    let edges = cluster.pods("edge").await?;
    // Each judges on its own.
    let (edge, _) = edges.first().context("the edge has no pod")?;
    let tunnel = cluster.open(edge, 9090).await?;
    let channel = Endpoint::from_shared(tunnel.url())?.connect_lazy();
    let ejected = wait::until("a gateway pod to be ejected", LIMIT, async || {
        fail(channel.clone()).await;
        let ejected = ejected(cluster, edge).await?;
        Ok((!ejected.is_empty()).then_some(ejected))
    })
    .await?;
    let pods = cluster.list(&["pods", "-l", GATEWAYS]).await?;
    let is_ejected = |pod: &Value| ejected.iter().any(|ip| pod["status"]["podIP"] == ip.as_str());
    let asked = pods.iter().filter(|pod| !is_ending(pod) && !is_ejected(pod));
    let killed: Vec<&str> = asked.filter_map(|pod| pod["metadata"]["name"].as_str()).collect();
    ensure!(!killed.is_empty(), "all are ejected: {ejected:?}");
    let browsers = Browsers::by(channel);
    for name in &killed {
        cluster.kill(name).await?;
    }
    wait::until("the killed ones to have successors", LIMIT, async || {
        let now = cluster.pods("gateway").await?;
        let is_new = |name: &str| !pods.iter().any(|pod| pod["metadata"]["name"] == name);
        let new = now.iter().filter(|(name, _)| is_new(name)).count();
        Ok((new == killed.len()).then_some(()))
    })
    .await?;
    cluster.kubectl(&["wait", "pod", "-l", GATEWAYS, "--for=condition=Ready", "--timeout=120s"]).await?;
    browsers.stop().await
}

/// Asks for what nobody is there to answer.
async fn fail(channel: Channel) {
    let mut notifications = NotificationsServiceClient::new(channel);
    for _ in 0..CALLS {
        let request = ListNotificationsRequest { customer_id: ids::uuid(), ..Default::default() };
        let _refused = notifications.list_notifications(within(CALL, request)).await;
    }
}

/// The addresses of the gateway's pods that a pod of the edge does not ask for a while.
async fn ejected(cluster: &Cluster, edge: &str) -> Result<Vec<String>> {
    let page = ["exec", edge, "-c", "istio-proxy", "--", "pilot-agent", "request", "GET", "clusters"];
    let told = cluster.kubectl(&page).await?;
    let of_gateway = told.lines().filter_map(|line| line.strip_prefix("outbound|8080||gateway-stable."));
    let mut ejected = Vec::new();
    for line in of_gateway.filter(|line| line.ends_with("::health_flags::/failed_outlier_check")) {
        let address = line.split("::").nth(1).and_then(|address| address.rsplit_once(':'));
        ejected.push(address.with_context(|| line.to_owned())?.0.to_owned());
    }
    Ok(ejected)
}
