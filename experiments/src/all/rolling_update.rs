use std::time::Duration;

use anyhow::Result;

use crate::shop::{Wanted, kill, start, stock};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial, World};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "rolling-update",
    claim: "Each part is deployed on its own, while customers are served, and no other part is touched.",
    hypothesis: "Catalog, orders and the gateway get new pods one after the other under load: no call fails, no order is lost, and of the other services not one pod is another afterwards.",
    steps: &[
        "visits at 50/s and orders at 5/s through the edge",
        "catalog, orders and the gateway are rolled out anew, one after the other; the load ends after them",
        "the pods of all services are compared with those before",
    ],
    control: "In place of a roll-out, all pods of a service are ended at once, and new ones are made then.",
    needs: Needs::Kubernetes,
    limit: Duration::from_secs(400),
    by_hand: &[
        "madang load --gateway http://127.0.0.1:9090 --rate 50 --duration 2m --mix order=1,browse=9 &",
        "kubectl --namespace madang rollout restart deployment/catalog",
        "kubectl --namespace madang rollout status deployment/catalog",
        "kubectl --namespace madang get pods",
    ],
    code: &[
        "helm/library/templates/_workload.tpl",
        "helm/library/templates/_mesh.tpl",
        "crates/chassis/src/server.rs",
    ],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

const ROLLED: [&str; 3] = ["catalog", "orders", "gateway"];
const OTHERS: [&str; 5] = ["inventory", "payments", "shipping", "notifications", "console"];
/// A pod's start and drain, one after the other, for each replica of three services, on a busy machine.
const LONGEST: u64 = 300;

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    let before = pods(world, &OTHERS).await?;
    let mut visits = Wanted { rate: 50.0, ..Wanted::visits(Phase::During, LONGEST) }.begin(trial).await?;
    let mut orders =
        Wanted { retries: 0, ..Wanted::orders(Phase::During, 5.0, LONGEST) }.begin(trial).await?;
    let mut rolled = 0;
    for service in ROLLED {
        let old = world.kubernetes()?.pods(service).await?;
        if trial.is_control() {
            kill(world, &[service]).await?;
            trial.mark(format!("ended at once: {service}"));
            start(world, &[service]).await?;
        } else {
            trial.mark(format!("rolled out anew: {service}"));
            world.kubernetes()?.roll_out(service).await?;
        }
        let new = world.kubernetes()?.pods(service).await?;
        rolled += u64::from(new.iter().all(|pod| !old.contains(pod)));
    }
    trial.mark("all serve");
    visits.stop();
    orders.stop();
    let (visits, orders) = (visits.end(trial).await?, orders.end(trial).await?);
    let after = pods(world, &OTHERS).await?;

    trial.count("services all of whose pods are new", rolled, Limit::AtLeast(3.0));
    trial.count("calls", visits.sent + orders.sent, Limit::AtLeast(100.0));
    trial.count("visits that failed", visits.failed, Limit::AtMost(0.0));
    trial.count("orders that failed", orders.failed, Limit::AtMost(0.0));
    trial.count("orders that were lost, stuck or doubled", orders.orders.wrong(), Limit::AtMost(0.0));
    let touched = before.iter().filter(|pod| !after.contains(pod)).count();
    trial.count("pods of other services that are gone", touched as u64, Limit::AtMost(0.0));
    Ok(())
}

async fn pods(world: &dyn World, services: &[&str]) -> Result<Vec<String>> {
    let mut pods = Vec::new();
    for service in services {
        pods.extend(world.kubernetes()?.pods(service).await?);
    }
    Ok(pods)
}
