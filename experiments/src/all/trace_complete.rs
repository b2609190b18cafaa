use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::within;
use madang_spans::{Node, Place};

use crate::shop::{USUAL, connect, order, stock};
use crate::{Experiment, Limit, Needs, Setup, Trial, Variant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "trace-complete",
    claim: "However many services an order passes, what happened to it can be seen in one place.",
    hypothesis: "One order is one trace: every service that took part is in it, asynchronous ones too, each span has its parent, and all of them name the order.",
    steps: &["one order is placed through the gateway", "its trace is read once nothing more comes"],
    control: "Payments sends no traces.",
    needs: Needs::Anywhere,
    limit: Duration::from_secs(120),
    by_hand: &["madang up", "madang order place --line celadon-tea-cup=1", "madang trace ORDER_ID"],
    code: &["crates/chassis/src/trace.rs", "crates/events/src/traces.rs", "docs/telemetry.md"],
    setup,
    run: |trial| Box::pin(run(trial)),
};

/// Those who take part in an order that is confirmed.
const PARTS: [&str; 7] =
    ["gateway", "orders", "catalog", "inventory", "payments", "shipping", "notifications"];
/// OrderPlaced and OrderConfirmed for three each, PaymentCaptured for two, ShipmentDeparted for one.
const EVENTS: f64 = 9.0;

fn setup(variant: Variant) -> Setup {
    let setup = Setup { traces: true, ..Setup::default() };
    match variant {
        Variant::Real => setup,
        // Nobody listens there.
        Variant::Control => setup.with("payments", "MADANG_OTLP_ENDPOINT", "http://127.0.0.1:9"),
    }
}

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    let mut orders = OrdersServiceClient::new(connect(&world.gateway()).await?);
    let placed = orders.place_order(within(USUAL, order("tracer"))).await?.into_inner();
    let order_id = placed.order.context("the answer has no order")?.order_id;
    trial.mark(format!("placed: order {order_id}"));
    let traces = world.traces(&order_id).await?;
    trial.mark("nothing more comes");
    let nodes: Vec<&Node> = traces.iter().flat_map(|tree| tree.nodes()).collect();
    let seen: BTreeSet<&str> = nodes.iter().map(|node| node.span.service.as_str()).collect();
    // Proxies of a mesh are in the trace too; of orders they know nothing.
    let is_nameless =
        |node: &Node| PARTS.contains(&node.span.service.as_str()) && node.span.order_id() != Some(&order_id);
    let count = |is: &dyn Fn(&Node) -> bool| nodes.iter().filter(|node| is(node)).count() as u64;
    let applied = count(&|node| node.span.name.starts_with("apply "));
    let missing = PARTS.iter().filter(|part| !seen.contains(*part)).count() as u64;
    trial.count("traces", traces.len() as u64, Limit::AtMost(1.0));
    trial.measure("spans", (nodes.len() as f64, crate::Unit::Count), None);
    trial.count("services that took part and are not in it", missing, Limit::AtMost(0.0));
    trial.count(
        "spans whose parent is missing",
        count(&|node| node.place == Place::Orphan),
        Limit::AtMost(0.0),
    );
    trial.count("spans that do not name the order", count(&is_nameless), Limit::AtMost(0.0));
    trial.count("events that were applied in it", applied, Limit::AtLeast(EVENTS));
    Ok(())
}
