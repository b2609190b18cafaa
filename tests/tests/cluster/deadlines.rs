//! A call that the mesh sends again still ends when its caller stops to wait.
//!
//! PlaceOrder answers when 80 % of its time is used, with what the order is then: counted anew from a second try, too late. Istio
//! has Envoy send what is left; a mesh that sends the same `grpc-timeout` again is made here, and the absolute deadline helps.

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use madang_api::faults::v1::Fault;
use madang_api::orders::v1::Order;
use madang_tests::cluster::{Cluster, NAMESPACE, Tunnel};
use madang_tests::customer::{Customer, PLENTY};
use madang_tests::{servers, wait};
use serde_json::json;
use tonic::{Code, Status};

use crate::faults::Faults;

const PLACE_ORDER: &str = "/madang.orders.v1.OrdersService/PlaceOrder";
const RESERVE_STOCK: &str = "/madang.inventory.v1.InventoryService/ReserveStock";
/// How long the customer waits. The first try fails after a third of it; what the second one may use is then 8.6 s after the
/// start over, or 11 s where it counts anew.
const LIMIT: Duration = Duration::from_secs(10);
const FIRST_TRY: Duration = Duration::from_secs(3);
/// Calls at once: so many that one of them goes to the sick replica first.
const CALLS: usize = 8;
const FILTER: &str = "tests-deadlines";
/// How long a change of a route may take to reach the sidecars.
const SPREAD: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_call_that_is_sent_again_keeps_its_deadline() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    for release in ["orders", "inventory"] {
        cluster.upgrade(release, &["faults=true"]).await?;
    }
    let tried = try_all(&cluster).await;
    for release in ["orders", "inventory"] {
        cluster.rollback(release).await?;
    }
    tried
}

async fn try_all(cluster: &Cluster) -> Result<()> {
    let sick = Sick::new(cluster).await?;
    let customer = Customer::new(&cluster.shop, "in-a-hurry");
    let (again, answers) = sick.calls(&customer).await?;
    writeln!(stdout(), "{again} of {CALLS} calls sent again: {}", told(&answers))?;
    ensure!(are_in_time(&answers), "{}", told(&answers));

    let tried = try_another_mesh(cluster, &sick, &customer).await;
    cluster.kubectl(&["delete", "envoyfilter", FILTER, "--ignore-not-found"]).await?;
    sick.faults.clear().await?;
    tried?;
    for order in answers.into_iter().flatten() {
        customer.end_of(&order.order_id).await?;
    }
    Ok(())
}

/// With a mesh that sends the whole time again, the absolute deadline alone keeps calls from being late; the control goes first,
/// and shows that this is that mesh.
async fn try_another_mesh(cluster: &Cluster, sick: &Sick, customer: &Customer) -> Result<()> {
    reroute(cluster, &["madang-deadline"]).await?;
    wait::until("a call that is sent again to be late", SPREAD, async || {
        let (again, answers) = sick.calls(customer).await?;
        writeln!(stdout(), "the same time again, no absolute deadline: {again} again: {}", told(&answers))?;
        Ok(answers.iter().any(is_late).then_some(()))
    })
    .await?;
    reroute(cluster, &[]).await?;
    wait::until("no call to be late", SPREAD, async || {
        let (again, answers) = sick.calls(customer).await?;
        writeln!(
            stdout(),
            "the same time again, and the absolute deadline: {again} again: {}",
            told(&answers)
        )?;
        Ok(are_in_time(&answers).then_some(()))
    })
    .await
}

/// Whether the customer stopped to wait, or was told so by somebody on the way.
fn is_late(answer: &Result<Order, Status>) -> bool {
    matches!(answer, Err(status) if [Code::Cancelled, Code::DeadlineExceeded].contains(&status.code()))
}

/// None is late. Some may have failed, where the sick replica was asked again: with one well replica, which has more to do, the mesh
/// does so now and then.
fn are_in_time(answers: &[Result<Order, Status>]) -> bool {
    answers.iter().any(Result::is_ok) && !answers.iter().any(is_late)
}

fn told(answers: &[Result<Order, Status>]) -> String {
    let each = answers.iter().map(|answer| match answer {
        Ok(order) => order.state().as_str_name().trim_start_matches("ORDER_STATE_").to_owned(),
        Err(status) => format!("{:?} {}", status.code(), status.message()),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Faults in single pods: one replica of orders fails late, and inventory does not answer, so that no order is final in time.
struct Sick {
    metrics: Tunnel,
    faults: Faults,
}

impl Sick {
    async fn new(cluster: &Cluster) -> Result<Self> {
        let orders = cluster.pods("orders").await?;
        ensure!(orders.len() > 1, "orders has no replica to which a call could be sent again");
        let first = &orders[0].0;
        let metrics = cluster.open(first, 50_155).await?;
        let mut faults = Faults::default();
        let refusal =
            Fault { delay: delay(FIRST_TRY)?, code: Code::Unavailable.into(), ..fault(PLACE_ORDER) };
        faults.set(cluster.open(first, 50_055).await?, refusal).await?;
        for (pod, _) in cluster.pods("inventory").await? {
            let silence = Fault { delay: delay(LIMIT * 3)?, ..fault(RESERVE_STOCK) };
            faults.set(cluster.open(&pod, 50_052).await?, silence).await?;
        }
        Ok(Self { metrics, faults })
    }

    /// Calls at once, of which the mesh sent some again, and as how many the sick replica failed. The mesh asks it nothing for some
    /// seconds after it failed five in a row.
    async fn calls(&self, customer: &Customer) -> Result<(u64, Vec<Result<Order, Status>>)> {
        wait::until("a call to go to the sick replica", SPREAD, async || {
            let before = self.failed().await?;
            let calls = (0..CALLS).map(|_| customer.place(LIMIT, customer.wants(PLENTY, 1)));
            let answers = join_all(calls).await;
            let again = self.failed().await? - before;
            Ok((again > 0).then_some((again, answers)))
        })
        .await
    }

    /// How many calls the sick replica has failed so far.
    async fn failed(&self) -> Result<u64> {
        let calls = servers::calls(&self.metrics.url()).await?;
        Ok(calls.get(&(PLACE_ORDER.to_owned(), "UNAVAILABLE".to_owned())).copied().unwrap_or_default())
    }
}

fn fault(method: &str) -> Fault {
    Fault { fault_id: "deadlines".to_owned(), method: method.to_owned(), percent: 100, ..Fault::default() }
}

fn delay(of: Duration) -> Result<Option<prost_types::Duration>> {
    Ok(Some(of.try_into().ok().context("a delay")?))
}

/// Another route of PlaceOrder at the gateway's sidecar, which gives Envoy its time-out in the newer way: then it sends the same
/// grpc-timeout again, where Istio's way has it send what is left.
async fn reroute(cluster: &Cluster, without: &[&str]) -> Result<()> {
    let route = json!({
        "request_headers_to_remove": without,
        "route": {"max_stream_duration": {"max_stream_duration": "0s", "grpc_timeout_header_max": "0s"}},
    });
    let host = format!("orders.{NAMESPACE}.svc.cluster.local:50055");
    let at = json!({
        "context": "SIDECAR_OUTBOUND",
        "routeConfiguration": {"vhost": {"name": host, "route": {"name": "write"}}},
    });
    let patch = json!({"operation": "MERGE", "value": route});
    cluster
        .apply(&json!({
            "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
            "metadata": {"name": FILTER},
            "spec": {
                "workloadSelector": {"labels": {"app.kubernetes.io/name": "gateway"}},
                "configPatches": [{"applyTo": "HTTP_ROUTE", "match": at, "patch": patch}],
            },
        }))
        .await
}
