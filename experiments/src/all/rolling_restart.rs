use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::future::join_all;
use http::uri::PathAndQuery;
use madang_api::within;
use tokio::time::{Instant, sleep};
use tonic::Status;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use super::OWNERS;
use crate::shop::{USUAL, Wanted, connect, delay, harm, heal, stock};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial, Variant, World};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "rolling-restart",
    claim: "A service that is told to end finishes what it has begun, so that an upgrade loses no call.",
    hypothesis: "Under load each service is told to end with 20 calls in the middle of their work, and started again: all of these are answered, nobody who asks again fails, and the books are right.",
    steps: &[
        "orders at 5/s and visits at 20/s through the gateway; who finds nobody asks again",
        "each of the six services takes 1 s for one of its reads (FaultService); 20 of them are under way",
        "the service is told to end (SIGTERM), waited for and started again; then the next, and at last the gateway",
        "every order is followed to its end; audit",
    ],
    control: "The services are killed (SIGKILL), as by an upgrade that waits for nothing.",
    needs: Needs::Local,
    limit: Duration::from_secs(120),
    by_hand: &[
        "madang up --data /tmp/shop --ports free",
        "madang load --shop /tmp/shop/shop.json --rate 25 --duration 14s --mix browse=4,order=1 --retries 10",
        "kill $(jq .services.catalog.pid /tmp/shop/shop.json)      # `madang up` starts it again",
        "madang audit --shop /tmp/shop/shop.json",
    ],
    code: &[
        "crates/chassis/src/process.rs",
        "crates/chassis/src/transport/accept.rs",
        "crates/chassis/src/server/limit.rs",
    ],
    setup,
    run: |trial| Box::pin(run(trial)),
};

const CATALOG: &str = "/madang.catalog.v1.CatalogService/ListProducts";
const FEED: &str = "/madang.events.v1.EventFeedService/GetLastPosition";
const CURSORS: &str = "/madang.events.v1.CursorService/ListCursors";
/// Long enough to be told to end in its middle, on a busy machine; far less than a service may take to end.
const WORK: Duration = Duration::from_secs(1);
const HELD: usize = 20;
/// For the calls to have arrived.
const BEGUN: Duration = Duration::from_millis(700);
const BETWEEN: Duration = Duration::from_millis(10);
/// How long who finds nobody goes on asking: longer than a service is away on a busy machine.
const PATIENT: Duration = Duration::from_secs(15);

fn setup(variant: Variant) -> Setup {
    OWNERS.iter().fold(Setup::usual(variant), |setup, owner| setup.with(owner, "MADANG_FAULTS", "true"))
}

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    let patient = |wanted: Wanted| Wanted { retries: 10, deadline: PATIENT, ..wanted };
    let orders = patient(Wanted::orders(Phase::During, 5.0, 14)).begin(trial).await?;
    let visits = patient(Wanted { rate: 20.0, ..Wanted::visits(Phase::During, 14) }).begin(trial).await?;
    let (mut begun, mut lost) = (0, 0);
    for service in OWNERS.into_iter().chain(["gateway"]) {
        let (of_service, of_them) = restart(trial, service).await?;
        begun += of_service;
        lost += of_them;
    }
    trial.mark("all seven were restarted");
    let (visits, orders) = (visits.end(trial).await?, orders.end(trial).await?);
    let audit = world.audit().await?;
    trial.mark("audited");

    let all = HELD * (OWNERS.len() + 1);
    trial.count(
        "calls that were under way when their service was told to end",
        begun,
        Limit::AtLeast(all as f64),
    );
    trial.count("of them those that were not answered", lost, Limit::AtMost(0.0));
    trial.count("visits", visits.sent, Limit::AtLeast(200.0));
    trial.count("visits that failed, though asked for again", visits.failed, Limit::AtMost(0.0));
    trial.count("orders asked for", orders.sent, Limit::AtLeast(50.0));
    trial.count("orders that failed, though asked for again", orders.failed, Limit::AtMost(0.0));
    trial.count("orders that were lost, stuck or doubled", orders.orders.wrong(), Limit::AtMost(0.0));
    trial.count("violations that the audit found", audit.violations.len() as u64, Limit::AtMost(0.0));
    Ok(())
}

/// Ends a service with calls under way and starts it again; answers how many those were, and how many of them it did not answer.
async fn restart(trial: &Trial, service: &str) -> Result<(u64, u64)> {
    let world = trial.world();
    let (server, url, method) = match service {
        "gateway" => ("catalog", world.gateway(), CATALOG),
        "catalog" => (service, world.url(service)?, CATALOG),
        "orders" => (service, world.url(service)?, FEED),
        _ => (service, world.url(service)?, CURSORS),
    };
    harm(world, server, delay(method, WORK)).await?;
    let channel = connect(&url).await?;
    let calls = join_all((0..HELD).map(|_| call(channel.clone(), method)));
    let (answers, begun) = futures::join!(calls, end(trial, service));
    let begun = begun?;
    world.start(service).await?;
    heal(world, server).await?;
    Ok((begun, answers.iter().filter(|answer| answer.is_err()).count() as u64))
}

/// Ends a service once the calls are under way; answers how many are.
async fn end(trial: &Trial, service: &str) -> Result<u64> {
    let world = trial.world();
    let late = Instant::now() + BEGUN;
    let mut begun = under_way(world, service).await?;
    while begun < HELD as u64 {
        if Instant::now() >= late {
            bail!("only {begun} calls came to {service} in time");
        }
        sleep(BETWEEN).await;
        begun = under_way(world, service).await?;
    }
    if trial.is_control() {
        world.kill(service).await?;
        trial.mark(format!("killed: {service}"));
    } else {
        world.machine()?.stop(service).await?;
        trial.mark(format!("ended: {service}"));
    }
    // Besides them may be some of the load, which asks again.
    Ok(begun.min(HELD as u64))
}

/// Calls that a service works on, without its streams.
async fn under_way(world: &dyn World, service: &str) -> Result<u64> {
    let metrics = world.admin(service, "/metrics").await?;
    let line =
        metrics.lines().find_map(|it| it.strip_prefix("madang_rpc_server_places_taken{class=\"unary\"} "));
    let count = line.and_then(|count| count.parse::<f64>().ok());
    let count = count.with_context(|| format!("{service} does not tell what it works on"))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small count")]
    let count = count as u64;
    Ok(count)
}

/// Calls an RPC that has nothing to be told; once, so that a call that is lost is seen.
async fn call(channel: Channel, method: &str) -> Result<(), Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = method.parse::<PathAndQuery>().map_err(|error| Status::internal(error.to_string()))?;
    client.unary(within(USUAL, ()), path, ProstCodec::<(), ()>::default()).await.map(drop)
}
