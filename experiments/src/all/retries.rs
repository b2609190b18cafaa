use anyhow::Result;
use madang_api::faults::v1::Fault;
use serde_json::{Value, json};
use tonic::Code;

use crate::replica::{answers, counted, three};
use crate::routes;
use crate::shop::{Wanted, fault, harm_at};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial, Unit, Variant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "retries",
    claim: "A call that fails for a moment is made again, by the mesh and without a line of code, so that a customer does not notice.",
    hypothesis: "One of three catalogs answers UNAVAILABLE to three of ten calls: a fiftieth of all first tries fail at least, and of the visits not one in five hundred.",
    steps: &[
        "catalog gets three pods",
        "visits at 100/s, 5 s",
        "one of the pods answers UNAVAILABLE to 30 % of its calls (FaultService); visits at 100/s, 20 s",
    ],
    control: "The route to the catalog makes no second try.",
    needs: Needs::Mesh,
    limit: std::time::Duration::from_secs(240),
    by_hand: &[
        "helm upgrade catalog helm/catalog --namespace madang --reuse-values --set faults=true,scaling.minReplicas=3",
        "kubectl --namespace madang port-forward POD 50051",
        "grpcurl -plaintext -d '{\"fault\":{\"fault_id\":\"sick\",\"percent\":30,\"code\":14},\"ttl\":\"60s\"}' 127.0.0.1:50051 madang.faults.v1.FaultService/SetFault",
        "madang load --gateway http://127.0.0.1:9090 --rate 100 --duration 20s --mix browse=1",
        "kubectl --namespace madang exec deployment/gateway -c istio-proxy -- pilot-agent request GET 'stats?filter=catalog.*retry'",
    ],
    code: &["helm/library/templates/_mesh.tpl", "helm/library/templates/_defaults.tpl"],
    setup,
    run: |trial| Box::pin(run(trial)),
};

const PERCENT: i32 = 30;
/// All three tries at the sick pod, each of which fails in three of ten cases, would be one visit in 1,000; the mesh does not even
/// ask the same pod again where it has another.
const FAILED: f64 = 0.002;
/// Ten times of what may fail: a tenth of 2,000 tries less those that the pod was spared, since five in a row send it away.
const HARMED: f64 = 40.0;

pub(super) fn setup(variant: Variant) -> Setup {
    Setup::usual(variant).with("catalog", "MADANG_FAULTS", "true")
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
async fn run(trial: &Trial) -> Result<()> {
    let kubernetes = trial.world().kubernetes()?;
    let [sick, ..] = three(kubernetes, "catalog").await?;
    if trial.is_control() {
        no_second_try(trial).await?;
    }
    trial.mark("visits, nothing is harmed");
    let before = Wanted::visits(Phase::Before, 5).run(trial).await?;
    let unwell = Fault { percent: PERCENT, code: Code::Unavailable as i32, ..fault("") };
    harm_at(&kubernetes.at("catalog", &sick).await?, unwell).await?;
    trial.mark(format!("{sick} answers UNAVAILABLE to {PERCENT} % of its calls"));
    let tries = counted(kubernetes, "envoy_cluster_upstream_rq_retry").await?;
    let during = Wanted::visits(Phase::During, 20).run(trial).await?;
    trial.mark("the last visit was answered");
    let harmed = answers(kubernetes, &sick, "UNAVAILABLE").await?;
    let tries = counted(kubernetes, "envoy_cluster_upstream_rq_retry").await? - tries;

    trial.count("visits that failed before", before.failed, Limit::AtMost(0.0));
    trial.measure("tries that the sick pod let fail", (harmed, Unit::Count), Some(Limit::AtLeast(HARMED)));
    trial.measure("second tries that the gateways' proxies counted", (tries, Unit::Count), None);
    let failed = during.failed as f64 / during.sent.max(1) as f64;
    trial.measure("share of the visits that failed", (failed, Unit::Share), Some(Limit::AtMost(FAILED)));
    trial.measure(
        "99th percentile of visits meanwhile",
        (crate::outcome::ms(during.latency.quantile(0.99)), Unit::Ms),
        None,
    );
    Ok(())
}

/// Every route to the catalog states that a call is tried once.
async fn no_second_try(trial: &Trial) -> Result<()> {
    let once = |route: &mut Value| route["retries"] = json!({ "attempts": 0 });
    routes::each(trial.world().kubernetes()?, "catalog", once).await?;
    trial.mark("control: the route makes no second try");
    Ok(())
}
