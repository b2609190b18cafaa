use std::time::Duration;

use anyhow::{Context, Result};
use madang_load::Report;

use crate::outcome::ms;
use crate::shop::{Wanted, delay, harm, heal};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial, Unit, Variant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "hop-cost",
    claim: "A call over the network costs time, and it is known how much.",
    hypothesis: "The gateway, a hop more on the way to catalog, adds no more to the median visit than 2 ms, or twice what the visit takes without it.",
    steps: &[
        "visits at 200/s straight at catalog, and then through the gateway, 1 s each",
        "the same four times more; the least median of each way counts, which noise harmed least",
    ],
    control: "Calls through the gateway find a catalog that takes 20 ms longer.",
    needs: Needs::Local,
    limit: Duration::from_secs(60),
    by_hand: &[
        "madang up",
        "madang load --gateway http://127.0.0.1:50051 --rate 200 --duration 2s --mix browse=1",
        "madang load --gateway http://127.0.0.1:8080 --rate 200 --duration 2s --mix browse=1",
    ],
    code: &["services/gateway/src/grpc.rs", "crates/chassis/src/client.rs", "crates/chassis/src/server.rs"],
    setup,
    run: |trial| Box::pin(run(trial)),
};

const ROUNDS: usize = 5;
/// Two passes of the loopback and two wake-ups of a process are some 0.2 ms on an idle machine; this leaves room for one that is
/// busy. Where it is so busy that a visit takes longer by itself, a hop does as well.
const MOST: f64 = 2.0;
const TIMES: f64 = 2.0;
const FAULT: Duration = Duration::from_millis(20);

fn setup(variant: Variant) -> Setup {
    match variant {
        Variant::Real => Setup::usual(variant),
        Variant::Control => Setup::usual(variant).with("catalog", "MADANG_FAULTS", "true"),
    }
}

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    let (catalog, gateway) = (world.url("catalog")?, world.gateway());
    let visits = |title, phase| Wanted { title, rate: 200.0, ..Wanted::visits(phase, 1) };
    let (mut straight, mut through) = (f64::INFINITY, f64::INFINITY);
    let (mut failed, mut sent, mut used) = (0, 0, 0.0);
    for round in 1..=ROUNDS {
        if trial.is_control() {
            heal(world, "catalog").await?;
        }
        trial.mark(format!("round {round}: straight at catalog"));
        let near = visits("straight at catalog", Phase::Before).begin_at(trial, catalog.clone()).await?;
        let near = near.end(trial).await?;
        if trial.is_control() {
            harm(world, "catalog", delay("", FAULT)).await?;
        }
        trial.mark(format!("round {round}: through the gateway"));
        let before = cpu(trial).await?;
        let far = visits("through the gateway", Phase::During).begin_at(trial, gateway.clone()).await?;
        let far = far.end(trial).await?;
        used += cpu(trial).await? - before;
        let median = |report: &Report| ms(report.latency.quantile(0.5));
        (straight, through) = (straight.min(median(&near)), through.min(median(&far)));
        (failed, sent) = (failed + near.failed + far.failed, sent + far.sent);
    }
    trial.count("visits that failed", failed, Limit::AtMost(0.0));
    trial.measure("median of a visit straight at catalog", (straight, Unit::Ms), None);
    let most = MOST.max(straight * TIMES);
    trial.measure("what the hop adds to it", (through - straight, Unit::Ms), Some(Limit::AtMost(most)));
    let each = used * 1e3 / sent.max(1) as f64;
    trial.measure("CPU of the gateway for each visit", (each, Unit::Ms), None);
    Ok(())
}

/// Seconds of CPU that the gateway has used.
async fn cpu(trial: &Trial) -> Result<f64> {
    let metrics = trial.world().admin("gateway", "/metrics").await?;
    let line = metrics.lines().find(|line| line.starts_with("madang_process_cpu_seconds_total"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .context("the gateway does not tell its CPU time")
}
