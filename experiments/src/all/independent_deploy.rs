use std::time::Duration;

use anyhow::Result;
use futures::future::{try_join, try_join_all};
use serde_json::Value;

use crate::shop::{Wanted, stock};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial, World};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "independent-deploy",
    claim: "A service is its own release: it is upgraded and rolled back alone, while customers are served.",
    hypothesis: "Catalog's release is upgraded and rolled back under load: each time all its pods are new, no call fails, not one pod of another service is another afterwards, and the release has the values that it had.",
    steps: &[
        "visits at 50/s and orders at 5/s through the edge",
        "Helm upgrades catalog's release with a value more, which makes its pods anew; the old ones are waited for",
        "Helm rolls it back to the revision before; the old ones are waited for; the load ends after them",
        "the pods of all services, and the release's values, are compared with those before",
    ],
    control: "The shop is deployed as a whole, as a monolith is: with catalog's pods those of all other services are made anew.",
    needs: Needs::Releases,
    limit: Duration::from_secs(400),
    by_hand: &[
        "madang load --gateway http://127.0.0.1:9090 --rate 55 --duration 2m --mix order=1,browse=10 &",
        "helm --namespace madang upgrade catalog helm/catalog --reuse-values --set logLevel=debug --wait",
        "kubectl --namespace madang get pods      # only those of catalog are young",
        "helm --namespace madang rollback catalog --wait",
        "helm --namespace madang get values catalog",
    ],
    code: &[
        "helm/catalog/",
        "helm/library/templates/_workload.tpl",
        "helm/library/templates/_mesh.tpl",
        "crates/chassis/src/server.rs",
    ],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

const ONE: &str = "catalog";
const OTHERS: [&str; 7] =
    ["inventory", "payments", "shipping", "orders", "notifications", "gateway", "console"];
/// It changes what the pods are told, and nothing that a customer would notice.
const VALUE: &str = "logLevel=debug";
/// A pod's start and drain, one after the other, for each replica, two times, on a busy machine; in the control for all services.
const LONGEST: u64 = 300;

/// The pods of a service, by their names.
type Pods = (&'static str, Vec<String>);

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    let releases = world.releases()?;
    let (others, values) = (pods(world, &OTHERS).await?, releases.values(ONE).await?);
    let mut visits = Wanted { rate: 50.0, ..Wanted::visits(Phase::During, LONGEST) }.begin(trial).await?;
    let mut orders =
        Wanted { retries: 0, ..Wanted::orders(Phase::During, 5.0, LONGEST) }.begin(trial).await?;

    let first = pods(world, &[ONE]).await?;
    trial.mark("catalog's release is upgraded");
    if trial.is_control() {
        trial.mark("and with it all other services are made anew");
        try_join(releases.upgrade(ONE, VALUE), roll_out(world, &OTHERS)).await?;
    } else {
        releases.upgrade(ONE, VALUE).await?;
    }
    let (second, told) = (pods(world, &[ONE]).await?, releases.values(ONE).await?);
    trial.mark("it is rolled back");
    releases.roll_back(ONE).await?;
    let third = pods(world, &[ONE]).await?;
    trial.mark("its old pods are gone");
    visits.stop();
    orders.stop();
    let (visits, orders) = (visits.end(trial).await?, orders.end(trial).await?);
    let (touched, at_last) = (gone(&others, &pods(world, &OTHERS).await?), releases.values(ONE).await?);

    let stayed = stayed(&first, &second) + stayed(&second, &third);
    trial.count("pods of catalog that outlived an upgrade or a rollback", stayed, Limit::AtMost(0.0));
    trial.count(
        "values of its release that the upgrade changed",
        differing(&values, &told),
        Limit::AtLeast(1.0),
    );
    trial.count(
        "values of its release that are others after the rollback",
        differing(&values, &at_last),
        Limit::AtMost(0.0),
    );
    trial.count("calls", visits.sent + orders.sent, Limit::AtLeast(100.0));
    trial.count("visits that failed", visits.failed, Limit::AtMost(0.0));
    trial.count("orders that failed", orders.failed, Limit::AtMost(0.0));
    trial.count("orders that were lost, stuck or doubled", orders.orders.wrong(), Limit::AtMost(0.0));
    trial.count("pods of other services that are gone", touched, Limit::AtMost(0.0));
    Ok(())
}

async fn pods(world: &dyn World, services: &[&'static str]) -> Result<Vec<Pods>> {
    let kubernetes = world.kubernetes()?;
    let pods = services.iter().map(|service| async move { Ok((*service, kubernetes.pods(service).await?)) });
    try_join_all(pods).await
}

async fn roll_out(world: &dyn World, services: &[&str]) -> Result<()> {
    let kubernetes = world.kubernetes()?;
    try_join_all(services.iter().map(|service| kubernetes.roll_out(service))).await.map(drop)
}

/// How many pods of before are still there.
fn stayed(before: &[Pods], after: &[Pods]) -> u64 {
    let is_there = |pod: &&String| after.iter().any(|(_, pods)| pods.contains(pod));
    before.iter().flat_map(|(_, pods)| pods).filter(is_there).count() as u64
}

/// How many pods are gone, without those that an autoscaler took back from a service that has fewer now.
fn gone(before: &[Pods], after: &[Pods]) -> u64 {
    let of = |(service, pods): &Pods| {
        let now = after.iter().find(|(other, _)| other == service).map_or(&[][..], |(_, now)| now);
        let gone = pods.iter().filter(|pod| !now.contains(pod)).count();
        gone.saturating_sub(pods.len().saturating_sub(now.len())) as u64
    };
    before.iter().map(of).sum()
}

/// How many values differ, of whatever depth.
fn differing(one: &Value, other: &Value) -> u64 {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let of_one =
                one.iter().map(|(key, value)| differing(value, other.get(key).unwrap_or(&Value::Null)));
            let new = other.iter().filter(|(key, _)| !one.contains_key(*key));
            of_one.sum::<u64>() + new.map(|(_, value)| differing(&Value::Null, value)).sum::<u64>()
        }
        (Value::Object(all), none) | (none, Value::Object(all)) if none.is_null() => {
            all.values().map(|value| differing(&Value::Null, value)).sum()
        }
        (one, other) => u64::from(one != other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shop(orders: &[&str], gateway: &[&str]) -> Vec<Pods> {
        let names = |pods: &[&str]| pods.iter().map(|pod| (*pod).to_owned()).collect();
        vec![("orders", names(orders)), ("gateway", names(gateway))]
    }

    #[test]
    fn a_pod_that_was_replaced_is_gone_and_one_that_was_scaled_away_is_not() {
        let before = shop(&["a", "b", "c"], &["d"]);
        assert_eq!(gone(&before, &before), 0);
        assert_eq!(gone(&before, &shop(&["a", "b"], &["d", "e"])), 0, "scaled down, and up");
        assert_eq!(gone(&before, &shop(&["a", "b", "x"], &["y"])), 2);
        assert_eq!(gone(&before, &shop(&["x", "y"], &["d"])), 2, "two are new, and one was scaled away");
        assert_eq!(stayed(&before, &shop(&["a", "y"], &["z"])), 1);
    }

    #[test]
    fn values_differ_where_one_is_new_gone_or_another() {
        let before = json!({ "logLevel": "info", "global": { "imageTag": "1" } });
        assert_eq!(differing(&before, &before), 0);
        assert_eq!(
            differing(&before, &json!({ "logLevel": "debug", "global": { "imageTag": "1", "x": 1 } })),
            2
        );
        assert_eq!(differing(&before, &json!({ "logLevel": "info" })), 1);
        assert_eq!(differing(&Value::Null, &json!({ "a": { "b": 1, "c": 2 } })), 2);
    }
}
