use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::shop::Wanted;
use crate::{Experiment, Kind, Kubernetes, Limit, Needs, Phase, Setup, Trial, Unit, Variant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "scale-hot-service",
    claim: "The part that is hot is scaled, and nothing else.",
    hypothesis: "All autoscalers have the same target. While customers search at a rate that two catalogs are too few for, the catalog gets more pods, no search fails, and services that a search does not pass get none. When they leave, its pods go.",
    steps: &[
        "every autoscaler is told to keep pods at 50m of CPU, so that one machine can make a service hot, and to take back at once what is not needed",
        "once all services are below that, with as few pods as they may have, it is read how many each has",
        "searches through the edge at 400/s, 60 s, then twice as fast, until the catalog has more pods",
        "it is read again how many pods each service has, until the catalog's are as few as before",
    ],
    control: "One autoscaler for all: whenever the catalog gets a pod, every service gets one.",
    needs: Needs::Kubernetes,
    limit: Duration::from_secs(420),
    by_hand: &[
        "helm upgrade gateway helm/gateway --namespace madang --reuse-values --set env.MADANG_RATE_LIMIT=100000,env.MADANG_RATE_BURST=100000",
        "helm upgrade catalog helm/catalog --namespace madang --reuse-values --set scaling.targetCpuPerPod=50m",
        "madang load --gateway http://127.0.0.1:9090 --rate 400 --duration 2m --mix search=1 &",
        "kubectl --namespace madang get horizontalpodautoscalers --watch",
    ],
    code: &["helm/library/templates/_scaling.tpl", "helm/catalog/values.yaml"],
    setup,
    run: |trial| Box::pin(run(trial)),
};

const HOT: &str = "catalog";
/// Whom a search passes on its way.
const PASSED: &str = "gateway";
const OTHERS: [&str; 6] = ["inventory", "payments", "shipping", "orders", "notifications", "console"];
/// The CPU of a pod that autoscalers keep to, in thousandths of a core: above what a service takes that nobody calls, with its
/// proxy, and below what the searches cost.
const TARGET: u64 = 50;
/// Searches a second, one after the other.
const RATES: [f64; 2] = [400.0, 800.0];
/// For metrics to be gathered (15 s), the autoscaler to look (15 s), and once more both.
const EACH: u64 = 60;
/// For what was called before to be below the target again.
const CALM: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_secs(1);

type Counts = BTreeMap<&'static str, u64>;

/// All calls come from one customer here, who would else be bounded.
fn setup(variant: Variant) -> Setup {
    let unbounded = ["MADANG_RATE_LIMIT", "MADANG_RATE_BURST"];
    unbounded.iter().fold(Setup::usual(variant), |setup, name| setup.with(PASSED, name, "1000000"))
}

async fn run(trial: &Trial) -> Result<()> {
    let kubernetes = trial.world().kubernetes()?;
    equal_targets(kubernetes).await?;
    trial.mark("all autoscalers have one target");
    calm(kubernetes).await?;
    trial.mark("all services are below it");
    let before = wanted(kubernetes).await?;
    let Searched { sent, failed, mut after, took } = searched(trial, &before).await?;
    if trial.is_control() {
        all_as_one(kubernetes, &before, after[HOT] - before[HOT]).await?;
        trial.mark("control: all services get what the catalog got");
        after = wanted(kubernetes).await?;
    }
    trial.mark(format!("the catalog is to have {} pods", after[HOT]));
    kubernetes.served(HOT).await?;
    trial.mark("all of them serve");
    let gone = cooled(kubernetes, &before).await?;
    trial.mark("the catalog has as few pods as before");

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
    trial.measure(
        "until they were gone again, with nobody who searches",
        (gone.as_secs_f64(), Unit::Seconds),
        Some(Limit::AtMost(CALM.as_secs_f64())),
    );
    let others = OTHERS.iter().map(|service| more(service)).sum();
    trial.count("pods that the other six got", others, Limit::AtMost(0.0));
    Ok(())
}

/// What came of the searches.
struct Searched {
    sent: u64,
    failed: u64,
    /// How many pods each service is to have now.
    after: Counts,
    took: Duration,
}

/// Searches until the hot service has more pods than before, or all rates were tried.
async fn searched(trial: &Trial, before: &Counts) -> Result<Searched> {
    let kubernetes = trial.world().kubernetes()?;
    let begin = Instant::now();
    let (mut sent, mut failed, mut after) = (0, 0, before.clone());
    for rate in RATES {
        trial.mark(format!("{rate} searches a second"));
        let searches =
            Wanted { mix: "search=1", title: "searches", rate, ..Wanted::visits(Phase::During, EACH) };
        let mut load = searches.begin(trial).await?;
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
    Ok(Searched { sent, failed, after, took: begin.elapsed() })
}

/// Every service that scales is to keep to the same.
async fn equal_targets(kubernetes: &dyn Kubernetes) -> Result<()> {
    let target = json!({ "type": "AverageValue", "averageValue": format!("{TARGET}m") });
    let metrics = json!([{ "type": "Resource", "resource": { "name": "cpu", "target": target } }]);
    let at_once = json!({
        "stabilizationWindowSeconds": 0,
        "policies": [{ "type": "Percent", "value": 100, "periodSeconds": 15 }],
    });
    for service in scaled() {
        let patch = json!({ "spec": { "metrics": metrics, "behavior": { "scaleDown": at_once } } });
        kubernetes.change(&Kind::HorizontalPodAutoscaler.named(service), patch).await?;
    }
    Ok(())
}

/// Waits until every service takes less than the target, with as few pods as it may have.
async fn calm(kubernetes: &dyn Kubernetes) -> Result<()> {
    let end = Instant::now() + CALM;
    for service in scaled() {
        while !is_calm(&kubernetes.read(&Kind::HorizontalPodAutoscaler.named(service)).await?) {
            ensure!(Instant::now() < end, "{service} is not calm though nobody calls it");
            sleep(BETWEEN).await;
        }
    }
    Ok(())
}

fn is_calm(autoscaler: &Value) -> bool {
    let is_least = autoscaler["status"]["currentReplicas"] == autoscaler["spec"]["minReplicas"];
    is_least && used(autoscaler).is_some_and(|used| used <= TARGET)
}

/// Thousandths of a core that a pod takes, as an autoscaler has seen it.
fn used(autoscaler: &Value) -> Option<u64> {
    let seen = autoscaler.pointer("/status/currentMetrics/0/resource/current/averageValue")?.as_str()?;
    match seen.strip_suffix('m') {
        Some(thousandths) => thousandths.parse().ok(),
        None => Some(seen.parse::<u64>().ok()? * 1_000),
    }
}

/// The console does not scale.
fn scaled() -> impl Iterator<Item = &'static str> {
    OTHERS.into_iter().chain([HOT, PASSED]).filter(|service| *service != "console")
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

/// Waits until the hot service has as few pods as before.
async fn cooled(kubernetes: &dyn Kubernetes, before: &Counts) -> Result<Duration> {
    let begin = Instant::now();
    while wanted(kubernetes).await?[HOT] > before[HOT] {
        ensure!(begin.elapsed() < CALM, "the catalog keeps its pods though nobody searches");
        sleep(BETWEEN).await;
    }
    Ok(begin.elapsed())
}

/// Gives every other service as many more pods as the hot one got.
async fn all_as_one(kubernetes: &dyn Kubernetes, before: &Counts, more: u64) -> Result<()> {
    for service in OTHERS {
        let replicas = json!({ "spec": { "replicas": before[service] + more } });
        kubernetes.change(&Kind::Deployment.named(service), replicas).await?;
    }
    Ok(())
}
