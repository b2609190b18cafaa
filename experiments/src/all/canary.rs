use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

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
const CONTRACT: &str = "madang.catalog.v1.";
const WEIGHT: u8 = 10;
const CALLS: u64 = 2_000;
/// Each call is given to the canary by chance: of 2000 to 200, with a standard deviation of 13. Farther off than six of them it is
/// once in 500 million times. A canary that is one pod of three, or of five, and gets as much as the others, is farther off than 14.
const DEVIATIONS: f64 = 6.0;
/// A pod's start on a busy machine, 2000 calls, and a pod's end.
const LONGEST: u64 = 240;
const BETWEEN: Duration = Duration::from_secs(1);

/// Calls served so far, by pod.
type Served = BTreeMap<String, u64>;

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

    let all = (stable + canary) as f64;
    trial.count("calls that were counted", stable + canary, Limit::AtLeast(CALLS as f64));
    trial.measure("share of them that the canary served", (canary as f64 / all, Unit::Ratio), None);
    trial.measure(
        "how far that is from a tenth, in standard deviations",
        (deviations(stable + canary, canary), Unit::Ratio),
        Some(Limit::AtMost(DEVIATIONS)),
    );
    trial.count("visits", visits.sent, Limit::AtLeast(CALLS as f64));
    trial.count("visits that failed", visits.failed, Limit::AtMost(0.0));
    let left = releases.canary(SERVICE).await?.len() as u64;
    trial.count("pods of the canary that are left", left, Limit::AtMost(0.0));
    Ok(())
}

/// Has the mesh send calls to all pods of the service alike: each route leads to the service, and to no subset of it.
async fn follow_pods(trial: &Trial) -> Result<()> {
    let (kubernetes, object) = (trial.world().kubernetes()?, Kind::VirtualService.named(SERVICE));
    let mut routes = kubernetes.read(&object).await?["spec"]["http"].take();
    routes.as_array_mut().context("catalog has no routes")?.iter_mut().for_each(without_subsets);
    kubernetes.change(&object, json!({ "spec": { "http": routes } })).await
}

fn without_subsets(route: &mut Value) {
    let host = route.pointer_mut("/route/0/destination/host").map(Value::take);
    route["route"] = json!([{ "destination": { "host": host } }]);
}

/// How many calls the stable pods served and how many the canary's, of some 2000, from when the canary's first came.
async fn shares(trial: &Trial) -> Result<(u64, u64)> {
    let mut before = served(trial).await?;
    let (begin, mut has_begun) = (before.1.clone(), false);
    loop {
        tokio::time::sleep(BETWEEN).await;
        let now = served(trial).await?;
        if !has_begun {
            has_begun = since(&begin, &now.1) > 0;
            before = now;
            continue;
        }
        let (stable, canary) = (since(&before.0, &now.0), since(&before.1, &now.1));
        if stable + canary >= CALLS {
            return Ok((stable, canary));
        }
    }
}

/// Of the stable pods, and of the canary's.
async fn served(trial: &Trial) -> Result<(Served, Served)> {
    let (kubernetes, releases) = (trial.world().kubernetes()?, trial.world().releases()?);
    let (stable, canary) = (kubernetes.pods(SERVICE).await?, releases.canary(SERVICE).await?);
    let (mut of_stable, mut of_canary) = (Served::new(), Served::new());
    for (pods, of) in [(stable, &mut of_stable), (canary, &mut of_canary)] {
        for pod in pods {
            let metrics = releases.page(SERVICE, &pod, "/metrics").await?;
            of.insert(pod, calls(&metrics).context("catalog does not tell what it served")?);
        }
    }
    Ok((of_stable, of_canary))
}

/// The calls of its contract that a service has served, by its metrics.
fn calls(metrics: &str) -> Option<u64> {
    let count = |line: &str| {
        let (labels, count) =
            line.strip_prefix("madang_rpc_server_duration_seconds_count{")?.rsplit_once("} ")?;
        labels.contains(CONTRACT).then(|| count.parse::<u64>().ok())?
    };
    // One that has served nothing yet tells nothing of it, but tells something.
    metrics.contains("madang_").then(|| metrics.lines().filter_map(count).sum())
}

/// A pod that is new since has served all that it did since.
fn since(before: &Served, now: &Served) -> u64 {
    now.iter().map(|(pod, count)| count.saturating_sub(before.get(pod).copied().unwrap_or_default())).sum()
}

/// How far the canary's calls are from its share of all, by the standard deviation that chance gives them.
fn deviations(all: u64, canary: u64) -> f64 {
    let (all, share) = (all as f64, f64::from(WEIGHT) / 100.0);
    (canary as f64 - all * share).abs() / (all * share * (1.0 - share)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_of_the_contract_count_and_a_pod_that_tells_nothing_is_noticed() {
        let metrics = "# HELP madang_rpc_server_duration_seconds x\n\
            madang_rpc_server_duration_seconds_bucket{method=\"/madang.catalog.v1.CatalogService/GetProduct\",code=\"OK\",le=\"1\"} 9\n\
            madang_rpc_server_duration_seconds_count{method=\"/madang.catalog.v1.CatalogService/GetProduct\",code=\"OK\"} 7\n\
            madang_rpc_server_duration_seconds_count{method=\"/madang.catalog.v1.CatalogService/GetProduct\",code=\"NOT_FOUND\"} 2\n\
            madang_rpc_server_duration_seconds_count{method=\"/grpc.health.v1.Health/Check\",code=\"OK\"} 100\n";
        assert_eq!(calls(metrics), Some(9));
        assert_eq!(calls("madang_process_cpu_seconds_total 1\n"), Some(0));
        assert_eq!(calls("404"), None);
    }

    #[test]
    fn a_share_is_held_against_chance() {
        assert!(deviations(2000, 200) < 0.01);
        assert!((deviations(2000, 280) - 5.96).abs() < 0.01);
        assert!(deviations(2000, 119) > DEVIATIONS && deviations(2000, 281) > DEVIATIONS);
        // One pod of five, and of three.
        assert!(deviations(2000, 400) > 14.0 && deviations(2000, 667) > 30.0);
    }

    #[test]
    fn pods_that_come_and_go_meanwhile_do_no_harm() {
        let served =
            |pods: &[(&str, u64)]| pods.iter().map(|(pod, count)| ((*pod).to_owned(), *count)).collect();
        let (before, now): (Served, Served) = (served(&[("a", 5), ("b", 9)]), served(&[("a", 15), ("c", 3)]));
        assert_eq!(since(&before, &now), 13);
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
