//! In the platform's Jaeger an order is one trace: every hop, sidecars included, none orphaned.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use madang_api::orders::v1::OrderState;
use madang_tests::cluster::Cluster;
use madang_tests::customer::{Customer, PLENTY};
use madang_tests::spans::{Span, jaeger, orphans, tree, trees, without};
use madang_tests::{load, wait};

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
        let spans = grows(&cluster, &order.order_id, expected).await?;
        ensure!(orphans(&spans).is_empty(), "{:#?}", orphans(&spans));
        let silent = |span: &&Span| !is_proxy(span) && span.order() != order.order_id;
        ensure!(!spans.iter().any(|span| silent(&span)), "{:#?}", spans.iter().find(silent));
        let wrong =
            without(&spans, is_proxy).into_iter().find(|(proxies, span)| *proxies != proxies_above(span));
        ensure!(wrong.is_none(), "{wrong:#?}");
    }
    Ok(())
}

/// Waits until the order's spans make this tree, which is the one of a shop without sidecars, with theirs left out.
async fn grows(cluster: &Cluster, order: &str, expected: &str) -> Result<Vec<Span>> {
    let mut last = String::new();
    let grown = wait::until("the trace in Jaeger", LIMIT, async || {
        let spans = jaeger::of_order(cluster, order).await?;
        // Each replica is told of each event; one of them was first.
        let is_first = |span: &Span| !span.attributes.contains_key("madang.event.duplicate");
        let spans: Vec<Span> = spans.into_iter().filter(is_first).collect();
        let ours: Vec<Span> = without(&spans, is_proxy).into_iter().map(|(_, span)| span).collect();
        last = tree(&ours);
        Ok((last == expected).then_some(spans))
    });
    match grown.await {
        Ok(spans) => Ok(spans),
        Err(error) => bail!("{error}:\n{last}"),
    }
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
