use std::time::Duration;

use anyhow::{Result, ensure};
use madang_api::faults::v1::Fault;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tonic::Code;

use super::retries::setup;
use crate::replica::{answers, counted, three};
use crate::shop::{Wanted, fault, harm_at, heal_at};
use crate::{Experiment, Kind, Kubernetes, Limit, Needs, Phase, Trial, Unit};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "circuit-breaker",
    claim: "A replica that is sick is not asked again and again: its callers' circuit is open, until it is well.",
    hypothesis: "One of three catalogs answers UNAVAILABLE to all: it gets less than a tenth of the calls, in place of a third, no visit fails, and once it is well it is asked again.",
    steps: &[
        "catalog gets three pods",
        "visits at 100/s, 5 s",
        "one of the pods answers UNAVAILABLE to all (FaultService); visits at 100/s, 20 s",
        "the pod is healed; visits at 100/s until it is asked again",
    ],
    control: "The catalog's DestinationRule has no outlier detection.",
    needs: Needs::Mesh,
    limit: Duration::from_secs(300),
    by_hand: &[
        "helm upgrade catalog helm/catalog --namespace madang --reuse-values --set faults=true,scaling.minReplicas=3",
        "kubectl --namespace madang port-forward POD 50051",
        "grpcurl -plaintext -d '{\"fault\":{\"fault_id\":\"sick\",\"percent\":100,\"code\":14},\"ttl\":\"60s\"}' 127.0.0.1:50051 madang.faults.v1.FaultService/SetFault",
        "madang load --gateway http://127.0.0.1:9090 --rate 100 --duration 20s --mix browse=1",
        "kubectl --namespace madang exec deployment/gateway -c istio-proxy -- pilot-agent request GET 'stats?filter=catalog.*ejections'",
    ],
    code: &["helm/library/templates/_mesh.tpl", "helm/library/templates/_defaults.tpl"],
    setup,
    run: |trial| Box::pin(run(trial)),
};

/// Each of two gateways' proxies has enough after five calls, and again when the pod's first 5 s, and then 10 s, are over: 30 of
/// 2,000. But Envoy gathers changes of its hosts for a second before its workers hear of them (update_merge_window): 100 more.
const SHARE: f64 = 0.1;
/// Sent away for 5 s the first time, and for 5 s more each further time, of which there are three in 20 s; looked after every 2 s.
const AGAIN: Duration = Duration::from_secs(40);
const BETWEEN: Duration = Duration::from_millis(500);
/// How many visits there are until then, at most.
const LONGEST: u64 = 60;

async fn run(trial: &Trial) -> Result<()> {
    let kubernetes = trial.world().kubernetes()?;
    let pods = three(kubernetes, "catalog").await?;
    if trial.is_control() {
        let none = json!({ "spec": { "trafficPolicy": { "outlierDetection": null } } });
        kubernetes.change(&Kind::DestinationRule.named("catalog"), none).await?;
        trial.mark("control: no pod is sent away");
    }
    trial.mark("visits, nothing is harmed");
    let before = Wanted::visits(Phase::Before, 5).run(trial).await?;
    let (ejections, earlier) = (counted(kubernetes, EJECTIONS).await?, calls(kubernetes, &pods).await?);
    let at = kubernetes.at("catalog", &pods[0]).await?;
    harm_at(&at, Fault { code: Code::Unavailable as i32, ..fault("") }).await?;
    trial.mark(format!("{} answers UNAVAILABLE", pods[0]));
    let during = Wanted::visits(Phase::During, 20).run(trial).await?;
    let (ejections, later) =
        (counted(kubernetes, EJECTIONS).await? - ejections, calls(kubernetes, &pods).await?);
    let again = healed(trial, (&pods[0], &at)).await?;

    trial.count("visits that failed before", before.failed, Limit::AtMost(0.0));
    trial.count("visits that failed while a pod was sick", during.failed, Limit::AtMost(0.0));
    let own = later[0] - earlier[0];
    let share = own / (later.iter().sum::<f64>() - earlier.iter().sum::<f64>()).max(1.0);
    trial.measure("calls that the sick pod got", (own, Unit::Count), Some(Limit::AtLeast(5.0)));
    trial.measure("their share of all", (share, Unit::Share), Some(Limit::AtMost(SHARE)));
    trial.measure("times that a proxy sent it away", (ejections, Unit::Count), Some(Limit::AtLeast(1.0)));
    trial.measure(
        "until it was asked again, healed",
        (again.as_secs_f64(), Unit::Seconds),
        Some(Limit::AtMost(AGAIN.as_secs_f64())),
    );
    Ok(())
}

const EJECTIONS: &str = "envoy_cluster_outlier_detection_ejections_enforced_total";

/// What each pod was sent.
async fn calls(kubernetes: &dyn Kubernetes, pods: &[String; 3]) -> Result<[f64; 3]> {
    let mut calls = [0.0; 3];
    for (calls, pod) in calls.iter_mut().zip(pods) {
        *calls = answers(kubernetes, pod, "").await?;
    }
    Ok(calls)
}

/// Heals the pod; answers how long it took until it was asked by customers again.
async fn healed(trial: &Trial, (pod, at): (&str, &str)) -> Result<Duration> {
    let kubernetes = trial.world().kubernetes()?;
    heal_at(at).await?;
    trial.mark(format!("{pod} is healed"));
    let (begin, well) = (Instant::now(), answers(kubernetes, pod, "\"OK\"").await?);
    let mut visits = Wanted::visits(Phase::After, LONGEST).begin(trial).await?;
    while answers(kubernetes, pod, "\"OK\"").await? <= well {
        ensure!(begin.elapsed() < Duration::from_secs(LONGEST), "{pod} is not asked again after {LONGEST} s");
        sleep(BETWEEN).await;
    }
    let took = begin.elapsed();
    trial.mark(format!("{pod} is asked again"));
    visits.stop();
    visits.end(trial).await?;
    Ok(took)
}
