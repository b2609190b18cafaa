//! The shop of a cluster, to be harmed. What is done to an object is written down in it, so that whoever comes next can undo it.
//!
//! ```text
//! There ──opens──> Pods: a shop, until it is closed
//!   lease: one trial at a time     as_it_was: what must be again after it
//!   change, undo: objects that say what they were     workload: deployments and pods     proxy: what Envoy counted
//!   made: what is there for a trial alone     asker: who reaches whom     logins, shared: who opens whose database
//!   releases, revisions: each service as a release of Helm, and the way back     nodes: evictions
//! ```

mod as_it_was;
mod asker;
mod change;
mod lease;
mod logins;
mod made;
mod nodes;
mod pods;
mod proxy;
mod releases;
mod revisions;
mod shared;
mod undo;
mod workload;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use madang_experiments::{Lab, Needs, Setup, World};
use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, Forwards, Goal, Seen, TargetArgs};
use crate::output::{WAITS, note, styled};
use crate::shop::{Ports, Service, Shop};

use as_it_was::AsItWas;
use lease::Lease;
pub(super) use logins::managed_database;
use pods::Pods;

/// Harms the shop of a cluster.
/// How long pods that are on their way may take before a trial is not begun.
const SETTLING: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct There<'a> {
    pub(super) target: &'a TargetArgs,
    /// Where customers reach the shop; the gateway by the API server unless set.
    pub(super) edge: Option<&'a str>,
    /// The folder with the charts.
    pub(super) charts: &'a Path,
}

#[tonic::async_trait(?Send)]
impl Lab for There<'_> {
    async fn open(&self, needs: Needs, setup: &Setup) -> Result<Box<dyn World>> {
        let cluster = self.target.cluster().await?;
        let asking_once = self.target.asking_once(&cluster).await?;
        let lease = Lease::take(&cluster).await?;
        let pods = match self.enter(&cluster, needs).await {
            Ok((shop, forwards, before)) => {
                Pods::new((cluster, asking_once, self.charts), (shop, forwards), (before, lease))
            }
            Err(error) => {
                lease.give_back(&cluster).await;
                return Err(error);
            }
        };
        match pods.tell(setup).await {
            Ok(()) => Ok(Box::new(pods)),
            Err(error) => {
                pods.close().await;
                Err(error)
            }
        }
    }
}

impl There<'_> {
    /// Ways to all services, where all of them serve and nothing is missing.
    async fn enter(&self, cluster: &Cluster, needs: Needs) -> Result<(Shop, Forwards, AsItWas)> {
        whole(cluster).await?;
        let needs_mesh = matches!(needs, Needs::Mesh | Needs::Releases);
        if needs_mesh && !workload::is_in_the_mesh(cluster, Service::Gateway.name()).await? {
            bail!("nothing is harmed: it needs the mesh, and no proxy stands beside the gateway");
        }
        let mut forwards = Forwards::new();
        let mut shop = forwards.shop(cluster).await?;
        for (service, place) in &mut shop.services {
            let goal = Goal::of(*service, Ports::admin(service.port()));
            place.admin_url = format!("http://{}", forwards.lead_free(cluster, goal).await?);
            if let Some(edge) = self.edge.filter(|_| *service == Service::Gateway) {
                edge.clone_into(&mut place.url);
            }
        }
        Ok((shop, forwards, AsItWas::read(cluster).await?))
    }
}

/// Waits for pods that are on their way, as when an autoscaler has just asked for one. A service that is away stays away.
async fn whole(cluster: &Cluster) -> Result<()> {
    let end = Instant::now() + SETTLING;
    loop {
        let deployments = Seen::read(cluster).await?.deployments;
        if deployments.is_empty() {
            bail!("there is no shop in namespace {}; `madang cluster up` makes one", cluster.namespace);
        }
        let waiting = workload::not_serving(&deployments);
        if waiting.is_empty() {
            return Ok(());
        }
        if !workload::away(&deployments).is_empty() || Instant::now() > end {
            let names = waiting.join(", ");
            bail!("nothing is harmed while not all services serve: {names}; see `madang status`");
        }
        sleep(BETWEEN).await;
    }
}

/// Undoes what a `madang prove` left in a cluster that was killed; tells what one that is under way has done.
pub(crate) async fn clean(cluster: &Cluster) {
    let (changed, releases, made) =
        futures::join!(change::changed(cluster), revisions::noted(cluster), made::left(cluster));
    let mut names: Vec<String> = changed.iter().map(ToString::to_string).collect();
    names.extend(releases.keys().map(|release| format!("release {release}")));
    names.extend(made.iter().map(ToString::to_string));
    if names.is_empty() {
        return;
    }
    if let Some(holder) = lease::holder(cluster).await {
        let names = names.join(", ");
        let told = format!("a `madang prove` is under way ({holder}) and has changed or made {names}");
        return note(&styled(WAITS, &told));
    }
    for object in changed {
        tell(&format!("{object} changed"), change::restore(cluster, &object).await.map(|()| AS_IT_WAS));
    }
    for release in releases.keys() {
        let restored = releases::restore(cluster, release).await;
        let told = restored.map(|is_anothers| if is_anothers { ANOTHERS } else { AS_IT_WAS });
        tell(&format!("release {release} changed"), told);
    }
    for made in made {
        tell(&made.to_string(), made::remove(cluster, &made).await.map(|()| REMOVED));
    }
}

const AS_IT_WAS: &str = "it is as it was";
const ANOTHERS: &str = "another has deployed it since, so it stays as it is";
const REMOVED: &str = "it is removed";

fn tell(what: &str, done: Result<&str>) {
    let done = done.map_or_else(|error| format!("{error:#}"), ToOwned::to_owned);
    note(&styled(WAITS, &format!("a `madang prove` was killed and left {what}: {done}")));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::fake;

    /// What is said of a shop where payments has one pod of so many; it gets the others by and by, if it is to have any.
    async fn said(wanted: i32) -> Result<()> {
        let mut ready = 0;
        let (client, _) = fake::client(move |line, _| {
            let mut items = Vec::new();
            if line.ends_with("/deployments") {
                ready = (ready + 1).min(wanted);
                items = Service::ALL.map(|service| deployment(service.name(), 1, 1)).to_vec();
                items.retain(|it| it["metadata"]["name"] != "payments");
                items.push(deployment("payments", wanted, ready));
            }
            (200, json!({ "metadata": {}, "items": items }))
        });
        whole(&Cluster { client, context: None, namespace: "madang".to_owned() }).await
    }

    fn deployment(name: &str, wanted: i32, ready: i32) -> Value {
        let mut deployment = workload::tests::payments(wanted, ready);
        deployment["metadata"]["name"] = json!(name);
        deployment
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_waits_for_pods_that_are_on_their_way_and_for_nothing_else() {
        said(3).await.unwrap();
        let away = said(0).await.unwrap_err().to_string();
        assert_eq!(away, "nothing is harmed while not all services serve: payments; see `madang status`");
        let late = said(i32::MAX).await.unwrap_err().to_string();
        assert_eq!(late, away);
    }
}
