use std::time::Duration;

use anyhow::Result;

use super::OWNERS;
use crate::outcome::ms;
use crate::shop::{Wanted, all_confirmed, kill, start, stock, unnoticed};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial, Unit};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "fault-isolation",
    claim: "One failing part does not take the others down.",
    hypothesis: "While payments is dead no visit fails or is slow, every order is taken, and all of them are confirmed once it is back.",
    steps: &[
        "visits at 100/s, 4 s",
        "payments is killed (SIGKILL); visits at 100/s and orders at 5/s, 6 s",
        "payments is started; every order is followed to its end",
    ],
    control: "All services share their fate, as the parts of a monolith do: with payments the other five die.",
    needs: Needs::Anywhere,
    limit: Duration::from_secs(90),
    by_hand: &[
        "madang up --data /tmp/shop --ports free",
        "kill -9 $(jq .services.payments.pid /tmp/shop/shop.json)",
        "madang load --shop /tmp/shop/shop.json --rate 100 --duration 6s --mix browse=95,order=5",
        "madang audit --shop /tmp/shop/shop.json",
    ],
    code: &["services/orders/src/saga.rs", "crates/saga/src/engine.rs", "crates/chassis/src/client.rs"],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

/// The longest pause of a saga between two tries of a step, and the time that the steps take, twice over.
const DRAINED: Duration = Duration::from_secs(20);

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    trial.mark("visits, nothing is harmed");
    let before = Wanted::visits(Phase::Before, 4).run(trial).await?;
    let dead: &[&str] = if trial.is_control() { &OWNERS } else { &["payments"] };
    trial.mark(format!("killed: {}", dead.join(", ")));
    let orders = Wanted::orders(Phase::During, 5.0, 6).begin(trial).await?;
    let visits = Wanted::visits(Phase::During, 6).begin(trial).await?;
    kill(world, dead).await?;
    let visits = visits.end(trial).await?;
    start(world, dead).await?;
    trial.mark(format!("started: {}", dead.join(", ")));
    let began = trial.elapsed();
    let orders = orders.end(trial).await?;
    let drained = trial.elapsed() - began;
    trial.mark("every order has come to its end");

    trial.count("visits that failed before", before.failed, Limit::AtMost(0.0));
    trial.count("visits that failed while payments was dead", visits.failed, Limit::AtMost(0.0));
    trial.measure("99th percentile of visits before", (ms(before.latency.quantile(0.99)), Unit::Ms), None);
    trial.ms(
        "99th percentile of visits while payments was dead",
        visits.latency.quantile(0.99),
        unnoticed(&before),
    );
    all_confirmed(trial, &orders.orders);
    trial.ms(
        "until the last order was confirmed, once payments was back",
        drained,
        Limit::AtMost(ms(DRAINED)),
    );
    Ok(())
}
