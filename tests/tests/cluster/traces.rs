//! In the platform's Jaeger an order is one trace: every hop, sidecars included, none orphaned.

use std::collections::BTreeSet;
use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use madang_api::faults::v1::Fault;
use madang_api::orders::v1::OrderState;
use madang_tests::cluster::Cluster;
use madang_tests::customer::{CALL, Customer, PLENTY, SHORT};
use madang_tests::spans::{Span, jaeger, orphans, resumed, tree, trees, without};
use madang_tests::{Service, load, wait};
use tonic::Code;

use crate::faults::Faults;
use crate::nodes::Nodes;

/// Jaeger decides what is kept 10 s after a trace began.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_order_is_one_whole_trace_sidecars_included() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    load::restock(&cluster.shop).await?;
    let customer = Customer::new(&cluster.shop, "onda");
    for (card, state, expected) in [
        ("tok_visa", OrderState::Confirmed, trees::CONFIRMED),
        ("tok_declined", OrderState::Rejected, trees::REJECTED),
    ] {
        let mut request = customer.wants(PLENTY, 1);
        request.card_token = card.to_owned();
        let order = customer.complete(request).await?;
        ensure!(order.state() == state, "{order:?}");
        grows(&cluster, &order.order_id, expected).await?;
    }
    Ok(())
}

/// Shipping never hears that the payment is captured, so the parcel waits, and the order can still be cancelled.
#[tokio::test]
async fn a_cancelled_order_is_two_whole_traces_one_linked_to_the_other() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    load::restock(&cluster.shop).await?;
    let nowhere = ["MADANG_PAYMENTS_URL=http://127.0.0.1:9", "MADANG_NATS_URL=nats://127.0.0.1:9"];
    cluster.kubectl(&[&["set", "env", "deployment/shipping"], &nowhere[..]].concat()).await?;
    let tried = match cluster.settled(Service::Shipping).await {
        Ok(()) => cancelled(&cluster).await,
        Err(error) => Err(error),
    };
    cluster.kubectl(&["rollout", "undo", "deployment/shipping"]).await?;
    cluster.settled(Service::Shipping).await?;
    tried
}

async fn cancelled(cluster: &Cluster) -> Result<()> {
    let customer = Customer::new(&cluster.shop, "sol");
    let order = customer.complete(customer.wants(PLENTY, 1)).await?;
    ensure!(order.state() == OrderState::Confirmed, "{order:?}");
    let placed = grows(cluster, &order.order_id, trees::CONFIRMED_WAITING).await?;
    let order = customer.cancel(CALL, &order.order_id).await?;
    ensure!(order.state() == OrderState::Cancelled, "{order:?}");
    let both = format!("{}\n{}", trees::CANCELLED, trees::CONFIRMED_WAITING);
    let spans = grows(cluster, &order.order_id, &both).await?;
    let links: Vec<_> = spans.iter().flat_map(|span| &span.links).collect();
    ensure!(!links.is_empty() && links.iter().all(|link| **link == placed[0].trace), "{links:?}");
    Ok(())
}

/// Each process of orders dies by -9 while shipping refuses; who takes the order up again goes on below the gateway's call, which
/// did not die.
#[tokio::test]
async fn an_order_that_was_taken_up_again_is_one_trace_sidecars_included() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let Some(nodes) = Nodes::of_this_run()? else { return Ok(()) };
    load::restock(&cluster.shop).await?;
    cluster.upgrade("shipping", &["faults=true"]).await?;
    let tried = taken_up_again(&cluster, &nodes).await;
    cluster.rollback("shipping").await?;
    cluster.settled(Service::Shipping).await?;
    cluster.settled(Service::Orders).await?;
    tried
}

async fn taken_up_again(cluster: &Cluster, nodes: &Nodes) -> Result<()> {
    cluster.settled(Service::Shipping).await?;
    let faults = shipping_refuses(cluster).await?;
    let customer = Customer::new(&cluster.shop, "nari");
    let order = customer.place(SHORT * 3, customer.wants(PLENTY, 1)).await?;
    ensure!(order.state() == OrderState::Pending, "{order:?}");
    wait::until("the call that placed the order", LIMIT, async || {
        let spans = jaeger::of_order(cluster, &order.order_id).await?;
        let ours = without(&spans, is_proxy).into_iter();
        let answers = ours.filter(|(proxies, span)| {
            span.name.ends_with("/PlaceOrder") && *proxies > 0 && *proxies == proxies_above(span)
        });
        Ok((answers.count() == 2).then_some(()))
    })
    .await?;

    for pod in cluster.list(&["pods", "-l", "app.kubernetes.io/name=orders"]).await? {
        let (node, uid) = (pod["spec"]["nodeName"].as_str(), pod["metadata"]["uid"].as_str());
        nodes.kill_nine((node.context("a node")?, uid.context("a uid")?), "madang-orders")?;
    }
    faults.clear().await?;
    let mut last = String::new();
    let grown = wait::until("the saga's tree in Jaeger", LIMIT, async || {
        let spans = first_told(cluster, &order.order_id).await?;
        last = tree(&resumed(&ours(&spans)));
        Ok((last == trees::RESUMED).then_some(spans))
    });
    let spans = grown.await.with_context(|| last.clone())?;
    is_below_the_gateways_call(&spans, &order.order_id)?;
    ensure!(customer.order(&order.order_id).await?.state() == OrderState::Confirmed, "not confirmed");
    Ok(())
}

async fn shipping_refuses(cluster: &Cluster) -> Result<Faults> {
    let mut faults = Faults::default();
    for (pod, _) in cluster.pods("shipping").await? {
        let fault = Fault {
            fault_id: "refuses".to_owned(),
            method: "/madang.shipping.v1.ShippingService/ArrangeShipment".to_owned(),
            percent: 100,
            code: Code::Unavailable.into(),
            ..Fault::default()
        };
        faults.set(cluster.open(&pod, 50_054).await?, fault).await?;
    }
    Ok(faults)
}

/// The saga that was taken up again is whole. What the dead processes had begun is missing, such as the saga as it was first,
/// which is told by what it called; that is all.
fn is_below_the_gateways_call(spans: &[Span], order: &str) -> Result<()> {
    let (ours, saga) = (ours(spans), resumed(&ours(spans)));
    let parent = ours.iter().find(|span| span.id == saga[0].parent).context("the saga is an orphan")?;
    ensure!((parent.service.as_str(), parent.is_error) == ("gateway", false), "{parent:#?}");
    are_whole(&resumed(spans)[1..], order)?;
    let left = orphans(spans);
    let later = left.iter().find(|span| span.start >= saga[0].start);
    ensure!(later.is_none(), "{later:#?}");
    ensure!(!left.is_empty(), "nothing died:\n{}", tree(&ours));
    let told: BTreeSet<_> = left.iter().map(|span| (&span.parent, &span.service, &span.name)).collect();
    for (parent, service, name) in told {
        writeln!(stdout(), "{parent} died with its process; it had called {service}: {name}")?;
    }
    Ok(())
}

/// Waits until the order's spans make this tree, which is the one of a shop without sidecars, with theirs left out, and holds
/// them to be whole.
async fn grows(cluster: &Cluster, order: &str, expected: &str) -> Result<Vec<Span>> {
    let mut last = String::new();
    let grown = wait::until("the trace in Jaeger", LIMIT, async || {
        let spans = first_told(cluster, order).await?;
        // The proxies send theirs some seconds later than we do.
        let (told, left) = (tree(&ours(&spans)), orphans(&spans));
        let is_whole = told == expected && left.is_empty();
        last = format!("{told}\norphans: {left:#?}");
        Ok(is_whole.then_some(spans))
    });
    match grown.await {
        Ok(spans) => {
            are_whole(&spans, order)?;
            Ok(spans)
        }
        Err(error) => bail!("{error}:\n{last}"),
    }
}

/// Each replica is told of each event; one of them was first.
async fn first_told(cluster: &Cluster, order: &str) -> Result<Vec<Span>> {
    let spans = jaeger::of_order(cluster, order).await?;
    let is_first = |span: &Span| !span.attributes.contains_key("madang.event.duplicate");
    Ok(spans.into_iter().filter(is_first).collect())
}

fn ours(spans: &[Span]) -> Vec<Span> {
    without(spans, is_proxy).into_iter().map(|(_, span)| span).collect()
}

/// All of ours name the order, and each call has passed the proxies that it should.
fn are_whole(spans: &[Span], order: &str) -> Result<()> {
    let silent = spans.iter().find(|span| !is_proxy(span) && span.order() != order);
    ensure!(silent.is_none(), "{silent:#?}");
    let wrong = without(spans, is_proxy).into_iter().find(|(proxies, span)| *proxies != proxies_above(span));
    ensure!(wrong.is_none(), "{wrong:#?}");
    Ok(())
}

fn is_proxy(span: &Span) -> bool {
    span.service.ends_with(".madang")
}

/// A call passes its caller's sidecar and its callee's; what comes from outside two of the edge's spans and the gateway's sidecar.
fn proxies_above(span: &Span) -> usize {
    let is_answer = span.attributes.get("span.kind").is_some_and(|kind| kind == "server");
    match (is_answer, span.parent.is_empty()) {
        (true, true) => 3,
        (true, false) => 2,
        (false, _) => 0,
    }
}
