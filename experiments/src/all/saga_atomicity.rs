use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep_until};

use crate::shop::{Wanted, keep, put_back, stock};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "saga-atomicity",
    claim: "An order that spans services is all or nothing, though no transaction spans them.",
    hypothesis: "Each participant is killed in the middle of the load, three times over: no order is half-done, and money and stock are conserved.",
    steps: &[
        "orders at 40/s, 12 s",
        "every second one of orders, payments, inventory and shipping is killed (SIGKILL) and started again",
        "every order is followed to its end; audit of money, stock, shipments and notifications",
    ],
    control: "Payments commits nothing for good: after the load its database comes back as it was before.",
    needs: Needs::Local,
    limit: Duration::from_secs(120),
    by_hand: &[
        "madang up --data /tmp/shop --ports free",
        "madang load --shop /tmp/shop/shop.json --rate 40 --duration 12s --mix order=1 --retries 5",
        "kill -9 $(jq .services.orders.pid /tmp/shop/shop.json)",
        "madang audit --shop /tmp/shop/shop.json",
    ],
    code: &["services/orders/src/saga.rs", "crates/saga/src/driver.rs", "cli/src/audit/rules.rs"],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

const KILLED: [&str; 4] = ["orders", "payments", "inventory", "shipping"];
const ROUNDS: usize = 3;
const BETWEEN: Duration = Duration::from_secs(1);

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    if trial.is_control() {
        keep(world, "payments").await?;
        trial.mark("control: a copy of the database of payments is kept");
    }
    let orders = Wanted::orders(Phase::During, 40.0, 12).begin(trial).await?;
    trial.mark("orders at 40/s");
    let (begin, mut kills) = (Instant::now(), 0);
    for service in KILLED.into_iter().cycle().take(KILLED.len() * ROUNDS) {
        sleep_until(begin + BETWEEN * kills).await;
        world.kill(service).await?;
        trial.mark(format!("killed: {service}"));
        world.start(service).await?;
        kills += 1;
    }
    let report = orders.end(trial).await?;
    trial.mark("every order has come to its end");
    if trial.is_control() {
        put_back(world, "payments").await?;
        trial.mark("control: the copy is put back");
    }
    let audit = world.audit().await?;
    trial.mark("audited");

    trial.count("processes that were killed", kills.into(), Limit::AtLeast(12.0));
    trial.count("orders that were asked for", report.sent, Limit::AtLeast(400.0));
    trial.count("orders that were lost, stuck or doubled", report.orders.wrong(), Limit::AtMost(0.0));
    trial.count("things that the audit checked", audit.checked as u64, Limit::AtLeast(1.0));
    trial.count("violations that the audit found", audit.violations.len() as u64, Limit::AtMost(0.0));
    Ok(())
}
