use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::shop::Wanted;
use crate::{Experiment, Kind, Kubernetes, Limit, Needs, Phase, Setup, Trial, Unit};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "scale-hot-service",
    claim: "The part that is hot is scaled, and nothing else.",
    hypothesis: "While customers search at a rate that two catalogs would be too few for, the catalog gets more pods, no search fails, and services that a search does not pass get none.",
    steps: &[
        "it is read how many pods each service has",
        "searches through the edge, twice as fast every 30 s, until the catalog has more pods or 3 min are over",
        "it is read again how many pods each service has",
    ],
    control: "One autoscaler for all: whenever the catalog gets a pod, every service gets one.",
    needs: Needs::Kubernetes,
    limit: Duration::from_secs(420),
    by_hand: &[
        "madang load --gateway http://127.0.0.1:9090 --rate 400 --duration 3m --mix search=1 &",
        "kubectl --namespace madang get horizontalpodautoscalers --watch",
    ],
    code: &["helm/library/templates/_scaling.tpl", "helm/catalog/values.yaml"],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

const HOT: &str = "catalog";
/// Whom a search passes on its way.
const PASSED: &str = "gateway";
const OTHERS: [&str; 6] = ["inventory", "payments", "shipping", "orders", "notifications", "console"];
/// Searches a second: each twice the one before, so that on any machine one of them is too much for the catalog's pods.
const RATES: [f64; 4] = [200.0, 400.0, 800.0, 1_600.0];
/// For metrics to be gathered (15 s), the autoscaler to look (15 s), and once more.
const EACH: u64 = 45;
const BETWEEN: Duration = Duration::from_secs(1);

type Counts = BTreeMap<&'static str, u64>;

async fn run(trial: &Trial) -> Result<()> {
    let kubernetes = trial.world().kubernetes()?;
    let before = wanted(kubernetes).await?;
    let (mut sent, mut failed, mut after) = (0, 0, before.clone());
    let begin = Instant::now();
    for rate in RATES {
        trial.mark(format!("{rate} searches a second"));
        let mut load =
            Wanted { mix: "search=1", title: "searches", rate, ..Wanted::visits(Phase::During, EACH) }
                .begin(trial)
                .await?;
        let end = Instant::now() + Duration::from_secs(EACH);
        while after[HOT] <= before[HOT] && Instant::now() < end {
            sleep(BETWEEN).await;
            after = wanted(kubernetes).await?;
        }
        load.stop();
        let report = load.end(trial).await?;
        (sent, failed) = (sent + report.sent, failed + report.failed);
        if after[HOT] > before[HOT] {
            break;
        }
    }
    let took = begin.elapsed();
    if trial.is_control() {
        all_as_one(kubernetes, &before, after[HOT] - before[HOT]).await?;
        trial.mark("control: all services get what the catalog got");
        after = wanted(kubernetes).await?;
    }
    trial.mark(format!("the catalog is to have {} pods", after[HOT]));
    kubernetes.served(HOT).await?;
    trial.mark("all of them serve");

    let more = |service: &str| after[service].saturating_sub(before[service]);
    trial.count("searches", sent, Limit::AtLeast(1_000.0));
    trial.count("searches that failed", failed, Limit::AtMost(0.0));
    trial.count("pods that the catalog got", more(HOT), Limit::AtLeast(1.0));
    trial.measure("until it did", (took.as_secs_f64(), Unit::Seconds), None);
    trial.measure(
        "pods that the gateway got, which each search passes",
        (f64::from(u32::try_from(more(PASSED))?), Unit::Count),
        None,
    );
    let others = OTHERS.iter().map(|service| more(service)).sum();
    trial.count("pods that the other six got", others, Limit::AtMost(0.0));
    Ok(())
}

/// How many pods each service is to have.
async fn wanted(kubernetes: &dyn Kubernetes) -> Result<Counts> {
    let mut counts = Counts::new();
    for service in OTHERS.into_iter().chain([HOT, PASSED]) {
        let deployment = kubernetes.read(&Kind::Deployment.named(service)).await?;
        let count = deployment["spec"]["replicas"].as_u64();
        counts.insert(
            service,
            count.with_context(|| format!("{service} does not tell how many pods it is to have"))?,
        );
    }
    Ok(counts)
}

/// Gives every other service as many more pods as the hot one got.
async fn all_as_one(kubernetes: &dyn Kubernetes, before: &Counts, more: u64) -> Result<()> {
    for service in OTHERS {
        let replicas = json!({ "spec": { "replicas": before[service] + more } });
        kubernetes.change(&Kind::Deployment.named(service), replicas).await?;
    }
    Ok(())
}
