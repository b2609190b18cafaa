//! The shop of a cluster, to be harmed. What is done to an object is written down in it, so that whoever comes next can undo it.
//!
//! ```text
//! There ──opens──> Pods: a shop, until it is closed
//!   lease: one trial at a time     as_it_was: what must be again after it
//!   change, undo: objects that say what they were     workload: deployments and pods     proxy: what Envoy counted
//!   made: what is there for a trial alone     asker: who reaches whom     logins, shared: who opens whose database
//! ```

mod as_it_was;
mod asker;
mod change;
mod lease;
mod logins;
mod made;
mod pods;
mod proxy;
mod shared;
mod undo;
mod workload;

use anyhow::{Result, bail};
use madang_experiments::{Lab, Needs, Setup, World};

use crate::cluster::{Cluster, Forwards, Goal, Seen, TargetArgs};
use crate::output::{WAITS, note, styled};
use crate::shop::{Ports, Service, Shop};

use as_it_was::AsItWas;
use lease::Lease;
use pods::Pods;

/// Harms the shop of a cluster.
#[derive(Debug)]
pub(super) struct There<'a> {
    pub(super) target: &'a TargetArgs,
    /// Where customers reach the shop; the gateway by the API server unless set.
    pub(super) edge: Option<&'a str>,
}

#[tonic::async_trait(?Send)]
impl Lab for There<'_> {
    async fn open(&self, needs: Needs, setup: &Setup) -> Result<Box<dyn World>> {
        let cluster = self.target.cluster().await?;
        let lease = Lease::take(&cluster).await?;
        let pods = match self.enter(&cluster, needs).await {
            Ok((shop, forwards, before)) => Pods::new(cluster, (shop, forwards), (before, lease)),
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
        let seen = Seen::read(cluster).await?;
        if seen.deployments.is_empty() {
            bail!("there is no shop in namespace {}; `madang cluster up` makes one", cluster.namespace);
        }
        let waiting = workload::not_serving(&seen.deployments);
        if !waiting.is_empty() {
            bail!(
                "nothing is harmed while not all services serve: {}; see `madang status`",
                waiting.join(", ")
            );
        }
        if needs == Needs::Mesh && !workload::is_in_the_mesh(cluster, Service::Gateway.name()).await? {
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

/// Undoes what a `madang prove` left in a cluster that was killed; tells what one that is under way has done.
pub(crate) async fn clean(cluster: &Cluster) {
    let (changed, made) = tokio::join!(change::changed(cluster), made::left(cluster));
    if changed.is_empty() && made.is_empty() {
        return;
    }
    if let Some(holder) = lease::holder(cluster).await {
        let names = changed.iter().map(ToString::to_string).chain(made.iter().map(ToString::to_string));
        let names = names.collect::<Vec<_>>().join(", ");
        return tell(&format!("a `madang prove` is under way ({holder}) and has changed or made {names}"));
    }
    for object in changed {
        match change::restore(cluster, &object).await {
            Ok(()) => {
                tell(&format!("a `madang prove` was killed and left {object} changed: it is as it was"))
            }
            Err(error) => tell(&format!("a `madang prove` was killed and left {object} changed: {error:#}")),
        }
    }
    for made in made {
        match made::remove(cluster, &made).await {
            Ok(()) => tell(&format!("a `madang prove` was killed and left {made}: it is removed")),
            Err(error) => tell(&format!("a `madang prove` was killed and left {made}: {error:#}")),
        }
    }
}

fn tell(text: &str) {
    note(&styled(WAITS, text));
}
