use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, stream};
use madang_api::catalog::v1::SearchProductsRequest;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::within;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::shop::{connect, delay, harm};
use crate::{Experiment, Limit, Needs, Setup, Trial, Variant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "deadlines",
    claim: "A slow part holds nobody up: no call outlives its caller.",
    hypothesis: "Catalog takes 3 s for a call that its caller gives 300 ms: every call ends then, and nothing goes on for its caller behind.",
    steps: &[
        "catalog waits 3 s before each search (FaultService)",
        "60 searches through the gateway, 20 at a time, each with a deadline of 300 ms",
        "once the last caller has left, it is counted who is still served",
    ],
    control: "Callers set no deadline.",
    needs: Needs::Local,
    limit: Duration::from_secs(60),
    by_hand: &[
        "MADANG_FAULTS=true madang up --data /tmp/shop --ports free",
        "grpcurl -plaintext -d '{\"fault\":{\"fault_id\":\"slow\",\"percent\":100,\"delay\":\"3s\"},\"ttl\":\"60s\"}' CATALOG madang.faults.v1.FaultService/SetFault",
        "grpcurl -plaintext -max-time 0.3 -d '{\"query\":\"tea\"}' GATEWAY madang.catalog.v1.CatalogService/SearchProducts",
    ],
    code: &["crates/chassis/src/deadline.rs", "crates/chassis/src/client.rs", "crates/chassis/src/server.rs"],
    setup,
    run: |trial| Box::pin(run(trial)),
};

const SEARCH: &str = "/madang.catalog.v1.CatalogService/SearchProducts";
const ALLOWED: Duration = Duration::from_millis(300);
const SLOW: Duration = Duration::from_secs(3);
const CALLS: usize = 60;
const AT_ONCE: usize = 20;
/// For a process to be run again, on a busy machine with two cores.
const LATE: f64 = 200.0;
/// For catalog to hear that a caller left; far less than a search takes.
const HEARD: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(20);

fn setup(variant: Variant) -> Setup {
    Setup::usual(variant).with("catalog", "MADANG_FAULTS", "true")
}

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    harm(world, "catalog", delay(SEARCH, SLOW)).await?;
    trial.mark("catalog waits 3 s before each search");
    let channel = connect(&world.gateway()).await?;
    let calls = stream::iter(0..CALLS).map(|_| search(trial, channel.clone()));
    let ended: Vec<(Duration, Code)> = calls.buffer_unordered(AT_ONCE).collect().await;
    trial.mark("the last caller has left");
    let served = served(trial).await?;

    let overrun = ended.iter().map(|(took, _)| took.saturating_sub(ALLOWED)).max().unwrap_or_default();
    // The server says so, or the caller's own library was a moment earlier.
    let by_deadline = |code: Code| matches!(code, Code::DeadlineExceeded | Code::Cancelled);
    let others = ended.iter().filter(|(_, code)| !by_deadline(*code)).count();
    trial.count("calls", ended.len() as u64, Limit::AtLeast(CALLS as f64));
    trial.ms("what the latest answer was beyond its deadline", overrun, Limit::AtMost(LATE));
    trial.count("calls that did not end by their deadline", others as u64, Limit::AtMost(0.0));
    trial.count("searches that went on after their callers left", served, Limit::AtMost(0.0));
    Ok(())
}

async fn search(trial: &Trial, channel: Channel) -> (Duration, Code) {
    let query = SearchProductsRequest { query: "tea".to_owned(), ..SearchProductsRequest::default() };
    let request = if trial.is_control() { Request::new(query) } else { within(ALLOWED, query) };
    let start = Instant::now();
    let answer = CatalogServiceClient::new(channel).search_products(request).await;
    (start.elapsed(), answer.map_or_else(|status| status.code(), |_| Code::Ok))
}

/// Calls that catalog still serves, once it had the time to hear that their callers left.
async fn served(trial: &Trial) -> Result<u64> {
    let end = Instant::now() + HEARD;
    loop {
        let metrics = trial.world().admin("catalog", "/metrics").await?;
        let line = metrics.lines().find_map(|line| line.strip_prefix("madang_rpc_server_in_flight "));
        let count =
            line.and_then(|count| count.parse().ok()).context("catalog does not tell what it serves")?;
        if count == 0 || Instant::now() >= end {
            return Ok(count);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
