//! The shop of a cluster, to be harmed. What is done to it is written down there first, so that whoever comes next can undo it.

mod lease;
mod scale;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use madang_experiments::{Audit, Lab, Setup, World};
use madang_spans::Tree;
use tokio::sync::Mutex;

use super::local::{audited, named, page};
use crate::cluster::{Cluster, Forwards, Goal, Seen, TargetArgs};
use crate::output::{WAITS, note, styled};
use crate::shop::{Ports, Service, Shop};
use crate::trace;

use lease::Lease;

/// Jaeger decides ten seconds after a trace's first span whether it is kept.
const TRACES: Duration = Duration::from_secs(60);

/// Harms the shop of a cluster.
#[derive(Debug)]
pub(super) struct There<'a> {
    pub(super) target: &'a TargetArgs,
    /// Where customers reach the shop; the gateway by the API server unless set.
    pub(super) edge: Option<&'a str>,
}

#[tonic::async_trait(?Send)]
impl Lab for There<'_> {
    async fn open(&self, setup: &Setup) -> Result<Box<dyn World>> {
        if !setup.settings.is_empty() {
            bail!("it needs settings that are not changed on a cluster");
        }
        let cluster = self.target.cluster().await?;
        let lease = Lease::take(&cluster).await?;
        let opened = self.enter(&cluster).await;
        match opened {
            Ok((shop, forwards)) => Ok(Box::new(Pods {
                cluster,
                shop,
                forwards: Mutex::new(forwards),
                lease: Mutex::new(Some(lease)),
            })),
            Err(error) => {
                lease.give_back(&cluster).await;
                Err(error)
            }
        }
    }
}

impl There<'_> {
    /// Ways to all services, where all of them serve.
    async fn enter(&self, cluster: &Cluster) -> Result<(Shop, Forwards)> {
        let seen = Seen::read(cluster).await?;
        let waiting = scale::not_serving(&seen.deployments);
        if !waiting.is_empty() {
            bail!(
                "nothing is harmed while not all services serve: {}; see `madang status`",
                waiting.join(", ")
            );
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
        Ok((shop, forwards))
    }
}

/// Undoes what a `madang prove` left in a cluster that was killed, and says so.
pub(crate) async fn clean(cluster: &Cluster) {
    // Who may not look or change has nothing to clean; what they asked for says why.
    let Ok(left) = scale::left(cluster).await else { return };
    if left.is_empty() || lease::is_held(cluster).await {
        return;
    }
    for (service, replicas) in left {
        let told = match scale::restore(cluster, &service).await {
            Ok(()) => format!(
                "a `madang prove` was killed and left {service} without pods: it has {replicas} again"
            ),
            Err(error) => format!("a `madang prove` was killed and left {service} without pods: {error:#}"),
        };
        note(&styled(WAITS, &told));
    }
}

/// The shop, for one trial.
struct Pods {
    cluster: Cluster,
    shop: Shop,
    forwards: Mutex<Forwards>,
    lease: Mutex<Option<Lease>>,
}

impl Pods {
    /// Why a pod could not be reached is known to what leads there, not to who asked.
    async fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        self.forwards.lock().await.remark().map_or(error, |remark| anyhow!(remark))
    }
}

#[tonic::async_trait(?Send)]
impl World for Pods {
    fn gateway(&self) -> String {
        self.shop.url(Service::Gateway).to_owned()
    }

    fn url(&self, service: &str) -> Result<String> {
        Ok(self.shop.url(named(service)?).to_owned())
    }

    async fn admin(&self, service: &str, path: &str) -> Result<String> {
        let place = self.shop.services.get(&named(service)?).context("the shop lacks it")?;
        match page(&format!("{}{path}", place.admin_url)).await {
            Ok(page) => Ok(page),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn kill(&self, service: &str) -> Result<()> {
        scale::to_nothing(&self.cluster, named(service)?.name()).await
    }

    async fn stop(&self, _: &str) -> Result<()> {
        bail!("a cluster ends pods in its own way: see roll_out")
    }

    async fn tell(&self, _: &str, _: &str, _: &str) -> Result<()> {
        bail!("settings are not changed on a cluster")
    }

    async fn start(&self, service: &str) -> Result<()> {
        scale::restore(&self.cluster, named(service)?.name()).await
    }

    async fn roll_out(&self, service: &str) -> Result<()> {
        scale::roll_out(&self.cluster, named(service)?.name()).await
    }

    async fn pods(&self, service: &str) -> Result<Vec<String>> {
        scale::pods(&self.cluster, named(service)?.name()).await
    }

    async fn keep(&self, _: &str) -> Result<()> {
        bail!("the data of a cluster is not put back")
    }

    async fn put_back(&self, _: &str) -> Result<()> {
        bail!("the data of a cluster is not put back")
    }

    async fn audit(&self) -> Result<Audit> {
        Ok(audited(&self.shop).await)
    }

    async fn traces(&self, order_id: &str) -> Result<Vec<Tree>> {
        trace::of_order_on(&self.cluster, order_id, TRACES).await
    }

    async fn close(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        for (service, _) in scale::left(&self.cluster).await.unwrap_or_default() {
            if let Err(error) = scale::restore(&self.cluster, &service).await {
                troubles.push(format!("{service} ({error:#})"));
            }
        }
        if let Some(lease) = self.lease.lock().await.take() {
            lease.give_back(&self.cluster).await;
        }
        troubles
    }
}
