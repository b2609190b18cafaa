use std::time::Duration;

use anyhow::Result;

use super::OWNERS;
use crate::shop::{Wanted, keep, kill, start, stock};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "recovery",
    claim: "What was promised survives the death of every process: work that was under way goes on where it stopped.",
    hypothesis: "With orders open everything is killed at once and started again: all is ready within seconds, every open order is confirmed, and the books are right.",
    steps: &[
        "payments is killed, so that orders stay open",
        "orders at 50/s, 4 s",
        "all six services are killed (SIGKILL) and started again",
        "every order is followed to its end; audit",
    ],
    control: "The database of orders loses what was committed: it comes back as it was before the orders were placed.",
    needs: Needs::Local,
    limit: Duration::from_secs(120),
    by_hand: &[
        "madang up --data /tmp/shop --ports free",
        "kill -9 $(jq .services.payments.pid /tmp/shop/shop.json)",
        "madang load --shop /tmp/shop/shop.json --rate 50 --duration 4s --mix order=1",
        "kill -9 $(jq '.services[].pid' /tmp/shop/shop.json)",
        "madang audit --shop /tmp/shop/shop.json",
    ],
    code: &["crates/saga/src/engine.rs", "crates/db/src/sqlite.rs", "services/orders/src/app/sagas.rs"],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

/// A start that replays the write-ahead log and reads all open orders; on a busy machine with two cores.
const READY: f64 = 10_000.0;
/// The longest pause of a saga between two tries of a step, and the time that the steps take, twice over.
const DONE: f64 = 20_000.0;

/// After so long a customer is told that the order is pending.
const ANSWER: Duration = Duration::from_secs(1);

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    if trial.is_control() {
        keep(world, "orders").await?;
        trial.mark("control: a copy of the database of orders is kept");
    }
    world.kill("payments").await?;
    trial.mark("killed: payments; orders from now on stay open");
    let orders = Wanted { deadline: ANSWER, ..Wanted::orders(Phase::During, 50.0, 4) }.begin(trial).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let alive: Vec<&str> = OWNERS.into_iter().filter(|service| *service != "payments").collect();
    kill(world, &alive).await?;
    trial.mark("killed: all that were alive");
    if trial.is_control() {
        world.machine()?.put_back("orders")?;
        trial.mark("control: the copy is put back");
    }
    let ready = start(world, &OWNERS).await?;
    trial.mark("started: all six");
    let began = trial.elapsed();
    let report = orders.end(trial).await?;
    let done = trial.elapsed() - began;
    let audit = world.audit().await?;
    trial.mark("audited");

    trial.count("orders that were taken", report.orders.acknowledged, Limit::AtLeast(100.0));
    trial.ms("until all services were ready again", ready, Limit::AtMost(READY));
    trial.ms("from then until the last order had its end", done, Limit::AtMost(DONE));
    trial.count("orders that were lost, stuck or doubled", report.orders.wrong(), Limit::AtMost(0.0));
    let open = report.orders.acknowledged.saturating_sub(report.orders.confirmed);
    trial.count("orders that were taken and not confirmed at last", open, Limit::AtMost(0.0));
    trial.count("violations that the audit found", audit.violations.len() as u64, Limit::AtMost(0.0));
    Ok(())
}
