use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::OWNERS;
use crate::outcome::ms;
use crate::routes;
use crate::shop::{Wanted, all_confirmed, stock, unnoticed};
use crate::{Experiment, Kind, Limit, Needs, Phase, Setup, Trial, Unit};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "slow-network",
    claim: "Where the network between two services is slow and loses calls, only who needs the answer waits, and nothing is lost or done twice.",
    hypothesis: "The mesh holds each call to payments up for 1 s and loses half of them: every order takes that second, none is lost, refused or doubled, and no visit fails or is slow.",
    steps: &[
        "visits at 100/s, 4 s",
        "each route to payments gets a delay of 1 s, and UNAVAILABLE for half of the calls (VirtualService); visits at 100/s and orders at 5/s, 8 s",
        "the routes are as they were; every order is followed to its end; audit",
    ],
    control: "The routes to all services that own data are harmed alike: then visits need what is slow.",
    needs: Needs::Mesh,
    limit: Duration::from_secs(120),
    by_hand: &[
        "routes() { kubectl --namespace madang get virtualservice payments --output json | jq \"$1\" | kubectl replace --filename -; }",
        "routes '.spec.http[].fault = {delay: {percentage: {value: 100}, fixedDelay: \"1s\"}, abort: {percentage: {value: 50}, grpcStatus: \"UNAVAILABLE\"}}'",
        "madang load --gateway http://127.0.0.1:9090 --rate 100 --duration 8s --mix browse=95,order=5",
        "routes 'del(.spec.http[].fault)'",
        "madang audit",
    ],
    code: &["services/orders/src/saga.rs", "crates/saga/src/engine.rs", "helm/library/templates/_mesh.tpl"],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

const DELAY: Duration = Duration::from_secs(1);
const LOST_PERCENT: u32 = 50;

async fn run(trial: &Trial) -> Result<()> {
    stock(trial.world()).await?;
    trial.mark("visits, nothing is harmed");
    let before = Wanted::visits(Phase::Before, 4).run(trial).await?;
    let harmed: &[&str] = if trial.is_control() { &OWNERS } else { &["payments"] };
    for service in harmed {
        harm(trial, service).await?;
    }
    trial.mark(format!("calls are slow and half of them lost: to {}", harmed.join(", ")));
    let orders = Wanted::orders(Phase::During, 5.0, 8).begin(trial).await?;
    let visits = Wanted::visits(Phase::During, 8).run(trial).await?;
    for service in harmed {
        trial.world().kubernetes()?.restore(&Kind::VirtualService.named(*service)).await?;
    }
    trial.mark("the routes are as they were");
    let orders = orders.end(trial).await?;
    trial.mark("every order has come to its end");
    let audit = trial.world().audit().await?;
    trial.mark("audited");

    trial.count("visits that failed before", before.failed, Limit::AtMost(0.0));
    trial.count("visits that failed meanwhile", visits.failed, Limit::AtMost(0.0));
    trial.measure("99th percentile of visits before", (ms(before.latency.quantile(0.99)), Unit::Ms), None);
    trial.ms("99th percentile of visits meanwhile", visits.latency.quantile(0.99), unnoticed(&before));
    trial.ms("the median order, by its answer", orders.latency.quantile(0.5), Limit::AtLeast(ms(DELAY)));
    all_confirmed(trial, &orders.orders);
    trial.count("violations that the audit found", audit.violations.len() as u64, Limit::AtMost(0.0));
    Ok(())
}

/// Every route to a service is slow and loses calls. The proxies of its callers do it, before they would try again.
async fn harm(trial: &Trial, service: &str) -> Result<()> {
    let fault = json!({
        "delay": { "percentage": { "value": 100 }, "fixedDelay": format!("{}s", DELAY.as_secs()) },
        "abort": { "percentage": { "value": LOST_PERCENT }, "grpcStatus": "UNAVAILABLE" },
    });
    routes::each(trial.world().kubernetes()?, service, |route| route["fault"] = fault.clone()).await
}
