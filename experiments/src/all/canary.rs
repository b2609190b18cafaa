use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures::future::{try_join, try_join_all};
use serde_json::{Value, json};

use crate::replica::answers;
use crate::routes;
use crate::shop::Wanted;
use crate::{Experiment, Kind, Limit, Needs, Phase, Setup, Trial, Unit};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "canary",
    claim: "A new version is tried on as many of the calls as one dares, and taken back, and nobody notices.",
    hypothesis: "A canary of catalog with weight 10 gets a tenth of 2000 calls, as near as chance allows, though it is one pod of three; no visit fails while it comes, serves and goes; afterwards it is gone.",
    steps: &[
        "visits at 100/s through the edge",
        "a canary of catalog is started, of the same image, and gets 10 of 100 calls once it serves",
        "the calls that each pod of catalog serves are counted, 2000 of them",
        "the canary loses its calls, then its pods; the load ends after them",
    ],
    control: "The mesh is told no share: calls go to whatever pod of catalog they find.",
    needs: Needs::Releases,
    limit: Duration::from_secs(300),
    by_hand: &[
        "madang load --gateway http://127.0.0.1:9090 --rate 100 --duration 2m --mix browse=1 &",
        "madang canary catalog --weight 10 --image-tag 0.1.0",
        "kubectl --namespace madang get pods --selector app.kubernetes.io/name=catalog --label-columns madang.dev/track",
        "kubectl --namespace madang port-forward POD 50151 &      # and so for each; then, with their numbers added up:",
        "curl --silent 127.0.0.1:50151/metrics | grep rpc_server_duration_seconds_count.*madang.catalog.v1",
        "madang canary catalog --rollback",
    ],
    code: &[
        "cli/src/canary/steps.rs",
        "helm/library/templates/_mesh.tpl",
        "helm/library/templates/_workload.tpl",
    ],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

const SERVICE: &str = "catalog";
const WEIGHT: u8 = 10;
const CALLS: f64 = 2_000.0;
/// Each call is given to the canary by chance: of 2000 to 200, with a standard deviation of 13. Farther off than six of them it is
/// once in 500 million times. A canary that is one pod of three, or of five, and gets as much as the others, is farther off than 14.
const DEVIATIONS: f64 = 6.0;
/// A pod's start on a busy machine, 2000 calls, and a pod's end.
const LONGEST: u64 = 240;
const BETWEEN: Duration = Duration::from_secs(1);

/// Calls served so far, by pod.
type Served = BTreeMap<String, f64>;

async fn run(trial: &Trial) -> Result<()> {
    let releases = trial.world().releases()?;
    let mut visits = Wanted::visits(Phase::During, LONGEST).begin(trial).await?;
    trial.mark("a canary of catalog is started");
    releases.start_canary(SERVICE, WEIGHT).await?;
    trial.mark("it serves, and has its weight");
    if trial.is_control() {
        follow_pods(trial).await?;
        trial.mark("calls go to whatever pod they find");
    }
    let (stable, canary) = shares(trial).await?;
    trial.mark("2000 calls were counted");
    if trial.is_control() {
        trial.world().kubernetes()?.restore(&Kind::VirtualService.named(SERVICE)).await?;
    }
    releases.end_canary(SERVICE).await?;
    trial.mark("it is gone");
    visits.stop();
    let visits = visits.end(trial).await?;

    let all = stable + canary;
    trial.measure("calls that were counted", (all, Unit::Count), Some(Limit::AtLeast(CALLS)));
    trial.measure("what the canary served of them", (canary / all, Unit::Share), None);
    trial.measure(
        "calls that it served beyond a tenth, or short of one",
        ((canary - fair(all)).abs(), Unit::Count),
        Some(Limit::AtMost(DEVIATIONS * deviation(all))),
    );
    trial.count("visits", visits.sent, Limit::AtLeast(CALLS));
    trial.count("visits that failed", visits.failed, Limit::AtMost(0.0));
    let left = releases.canary(SERVICE).await?.len() as u64;
    trial.count("pods of the canary that are left", left, Limit::AtMost(0.0));
    Ok(())
}

/// Has the mesh send calls to all pods of the service alike: each route leads to the service, and to no subset of it.
async fn follow_pods(trial: &Trial) -> Result<()> {
    routes::each(trial.world().kubernetes()?, SERVICE, without_subsets).await
}

fn without_subsets(route: &mut Value) {
    let host = route.pointer_mut("/route/0/destination/host").map(Value::take);
    route["route"] = json!([{ "destination": { "host": host } }]);
}

/// How many calls the stable pods served and how many the canary's, some 2000 together, from when the canary's first came.
async fn shares(trial: &Trial) -> Result<(f64, f64)> {
    let mut before = served(trial).await?;
    let (begin, mut has_begun) = (before.1.clone(), false);
    loop {
        tokio::time::sleep(BETWEEN).await;
        let now = served(trial).await?;
        if !has_begun {
            has_begun = since(&begin, &now.1) > 0.0;
            before = now;
            continue;
        }
        let (stable, canary) = (since(&before.0, &now.0), since(&before.1, &now.1));
        if stable + canary >= CALLS {
            return Ok((stable, canary));
        }
    }
}

/// By the stable pods, and by the canary's.
async fn served(trial: &Trial) -> Result<(Served, Served)> {
    let (kubernetes, releases) = (trial.world().kubernetes()?, trial.world().releases()?);
    let of = async |pods: Vec<String>| {
        let calls = pods.into_iter().map(|pod| async move {
            let calls = answers(kubernetes, &pod, "").await?;
            anyhow::Ok((pod, calls))
        });
        try_join_all(calls).await.map(Served::from_iter)
    };
    try_join(of(kubernetes.pods(SERVICE).await?), of(releases.canary(SERVICE).await?)).await
}

/// A pod that is new since has served all that it did since.
fn since(before: &Served, now: &Served) -> f64 {
    now.iter().map(|(pod, count)| count - before.get(pod).copied().unwrap_or_default()).sum()
}

/// The canary's calls, of so many.
fn fair(all: f64) -> f64 {
    all * f64::from(WEIGHT) / 100.0
}

/// The standard deviation that chance gives them, since each call is given to it or not by itself.
fn deviation(all: f64) -> f64 {
    (fair(all) * (1.0 - f64::from(WEIGHT) / 100.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_held_against_chance() {
        assert!((fair(CALLS) - 200.0).abs() < 1e-9 && (deviation(CALLS) - 13.42).abs() < 0.01);
        // One pod of five gets as much as each other.
        assert!(CALLS / 5.0 - fair(CALLS) > 14.0 * deviation(CALLS));
    }

    #[test]
    fn pods_that_come_and_go_meanwhile_do_no_harm() {
        let served =
            |pods: &[(&str, f64)]| pods.iter().map(|(pod, count)| ((*pod).to_owned(), *count)).collect();
        let (before, now): (Served, Served) =
            (served(&[("a", 5.0), ("b", 9.0)]), served(&[("a", 15.0), ("c", 3.0)]));
        assert!((since(&before, &now) - 13.0).abs() < 1e-9);
    }

    #[test]
    fn a_route_without_subsets_leads_to_the_same_host() {
        let split = |subset: &str, weight: u8| json!({ "destination": { "host": "catalog", "subset": subset }, "weight": weight });
        let mut route =
            json!({ "name": "read", "timeout": "1s", "route": [split("stable", 90), split("canary", 10)] });
        without_subsets(&mut route);
        assert_eq!(
            route,
            json!({ "name": "read", "timeout": "1s", "route": [{ "destination": { "host": "catalog" } }] })
        );
    }
}
