use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::outcome::ms;
use crate::shop::{Wanted, connect, stock};
use crate::{Experiment, Kind, Limit, Needs, Phase, Pod, Setup, Trial, Unit};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "drain",
    claim: "A node may go: what has two pods goes on, what has one comes back, and no order is lost.",
    hypothesis: "All pods of the shop are evicted from one node after the other, as fast as their budgets allow: whoever looks around finds the shop open, if need be by asking again within 5 s, and no order is lost, stuck or doubled.",
    steps: &[
        "visits at 50/s and orders at 5/s through the edge; who finds nobody asks again",
        "a node takes no new pods; where it is the only one it does, or its pods would have no place to go",
        "the pods of what has two are evicted, those that a budget holds back once it allows that",
        "the pods of what has one are evicted too, databases and the broker among them",
        "the node takes pods again; all is waited for; then the next node, three at most",
        "every order is followed to its end",
    ],
    control: "The pods are deleted all at once, and no budget is asked.",
    needs: Needs::Kubernetes,
    limit: Duration::from_secs(420),
    by_hand: &[
        "madang load --gateway http://127.0.0.1:9090 --rate 55 --duration 3m --mix order=1,browse=10 --retries 10 &",
        "kubectl --namespace madang get poddisruptionbudgets",
        "kubectl drain NODE --ignore-daemonsets --delete-emptydir-data --pod-selector app.kubernetes.io/part-of=madang,app.kubernetes.io/name=catalog",
        "kubectl uncordon NODE",
        "# With one node, its pods alone; of two the second is refused until the first one's successor serves:",
        "echo '{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"POD\"}}' | kubectl create --raw /api/v1/namespaces/madang/pods/POD/eviction --filename -",
    ],
    code: &[
        "helm/library/templates/_scaling.tpl",
        "helm/library/templates/_workload.tpl",
        "helm/commons/templates/edge.yaml",
        "services/catalog/src/app.rs",
        "crates/saga/src/engine.rs",
    ],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

/// So many nodes are enough to see it, and few enough for the time there is.
const NODES: usize = 3;
/// Less than the trial may take, and more than nodes and their databases take on a busy machine.
const LONGEST: u64 = 400;
/// How long the edge may take to be found, once its pods serve.
const FOUND: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(200);

/// What came of evictions.
#[derive(Debug, Default)]
struct Evicted {
    /// Those that were asked for.
    asked: BTreeSet<String>,
    /// How many of them a budget refused at first.
    held: u64,
    /// For how many of them another pod of the same stood on that node, so that a budget had to hold one back.
    together: u64,
}

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    let nodes = world.nodes()?;
    let before = nodes.standing().await?;
    // Who looks around asks again as long as any call here may take.
    let mut visits =
        Wanted { rate: 50.0, retries: 10, ..Wanted::visits(Phase::During, LONGEST) }.begin(trial).await?;
    let mut orders = Wanted::orders(Phase::During, 5.0, LONGEST).begin(trial).await?;
    let mut evicted = Evicted::default();
    if trial.is_control() {
        trial.mark(format!("{} pods are deleted at once", before.len()));
        nodes.delete(&before).await?;
        evicted.asked.extend(before.iter().map(|pod| pod.uid.clone()));
    } else {
        drain_all(trial, &mut evicted).await?;
    }
    nodes.all_serve().await?;
    found(&world.gateway()).await?;
    trial.mark("all serve");
    visits.stop();
    orders.stop();
    let (visits, orders) = (visits.end(trial).await?, orders.end(trial).await?);
    let after = nodes.standing().await?;

    let stayed = after.iter().filter(|pod| evicted.asked.contains(&pod.uid)).count() as u64;
    trial.count("pods that were to go", evicted.asked.len() as u64, Limit::AtLeast(1.0));
    trial.count("of them those that stayed", stayed, Limit::AtMost(0.0));
    let least = if evicted.together > 0 || trial.is_control() { 1.0 } else { 0.0 };
    trial.count("evictions that a budget held back", evicted.held, Limit::AtLeast(least));
    let parts = |pods: &[Pod]| pods.iter().map(|pod| pod.of.clone()).collect::<BTreeSet<_>>();
    let missing = parts(&before).difference(&parts(&after)).count() as u64;
    trial.count("parts of the shop that did not come back", missing, Limit::AtMost(0.0));
    trial.count("visits", visits.sent, Limit::AtLeast(100.0));
    trial.count("visits that failed, though asked for again", visits.failed, Limit::AtMost(0.0));
    trial.measure("the slowest visit", (ms(visits.latency.quantile(1.0)), Unit::Ms), None);
    trial.count("orders that were taken", orders.orders.acknowledged, Limit::AtLeast(1.0));
    trial.measure("orders that found nobody to take them", (orders.orders.refused as f64, Unit::Count), None);
    trial.count("orders that were lost, stuck or doubled", orders.orders.wrong(), Limit::AtMost(0.0));
    Ok(())
}

/// Waits until the shop can be reached: its pods serve a moment before that is known everywhere.
async fn found(gateway: &str) -> Result<()> {
    let end = Instant::now() + FOUND;
    while let Err(error) = connect(gateway).await {
        if Instant::now() >= end {
            return Err(error);
        }
        sleep(BETWEEN).await;
    }
    Ok(())
}

/// One node after the other.
async fn drain_all(trial: &Trial, evicted: &mut Evicted) -> Result<()> {
    let (nodes, kubernetes) = (trial.world().nodes()?, trial.world().kubernetes()?);
    let all = nodes.nodes().await?;
    if let [only] = &all[..] {
        trial.mark(format!("{only} is the only node: it takes pods as before, its own are evicted"));
        evict_all(trial, only, evicted).await?;
        return nodes.all_serve().await;
    }
    for node in all.iter().take(NODES) {
        let object = Kind::Node.named(node);
        kubernetes.change(&object, json!({ "spec": { "unschedulable": true } })).await?;
        trial.mark(format!("{node}, one of {} nodes, takes no new pods", all.len()));
        evict_all(trial, node, evicted).await?;
        kubernetes.restore(&object).await?;
        trial.mark(format!("{node} takes pods again"));
        // A pod with a volume comes back where that is.
        nodes.all_serve().await?;
    }
    Ok(())
}

/// First what has two pods: their next ones need databases that stand.
async fn evict_all(trial: &Trial, node: &str, evicted: &mut Evicted) -> Result<()> {
    let nodes = trial.world().nodes()?;
    let standing = nodes.standing().await?;
    let (several, single): (Vec<&Pod>, Vec<&Pod>) = standing
        .iter()
        .filter(|pod| pod.node == node)
        .partition(|pod| count(&standing, |it| it.of == pod.of) > 1);
    for (what, pods) in [("what has more than one", several), ("what has one", single)] {
        trial.mark(format!("{} pods of {what} are evicted from {node}", pods.len()));
        let held = try_join_all(pods.iter().map(|pod| nodes.evict(pod))).await?;
        evicted.held += held.into_iter().map(u64::from).sum::<u64>();
        evicted.together += pods.iter().filter(|pod| count(&pods, |it| it.of == pod.of) > 1).count() as u64;
        evicted.asked.extend(pods.iter().map(|pod| pod.uid.clone()));
        trial.mark("they are gone");
    }
    Ok(())
}

fn count<T>(all: &[T], is_meant: impl Fn(&T) -> bool) -> usize {
    all.iter().filter(|it| is_meant(it)).count()
}
