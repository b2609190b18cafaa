use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use madang_experiments::{
    Answer, Audit, Cell, Databases, Kind, Kubernetes, Login, Nodes, Object, Releases, Setup, World,
};
use madang_spans::Tree;
use serde_json::Value;
use tokio::sync::Mutex;

use super::super::local::{admin, audited, named, page};
use super::as_it_was::AsItWas;
use super::lease::Lease;
use super::{asker, change, logins, made, proxy, releases, workload};
use crate::cluster::{Cluster, Forwards, Goal};
use crate::shop::{Service, Shop};
use crate::trace;

/// Jaeger decides ten seconds after a trace's first span whether it is kept.
const TRACES: Duration = Duration::from_secs(60);

/// The shop, for one trial.
pub(super) struct Pods {
    pub(super) cluster: Cluster,
    pub(super) asking_once: Cluster,
    /// The folder with the charts.
    pub(super) charts: PathBuf,
    shop: Shop,
    before: AsItWas,
    forwards: Mutex<Forwards>,
    lease: Mutex<Option<Lease>>,
}

impl Pods {
    pub(super) fn new(
        (cluster, asking_once, charts): (Cluster, Cluster, &Path),
        (shop, forwards): (Shop, Forwards),
        (before, lease): (AsItWas, Lease),
    ) -> Self {
        let (forwards, lease) = (Mutex::new(forwards), Mutex::new(Some(lease)));
        Self { cluster, asking_once, charts: charts.to_owned(), shop, before, forwards, lease }
    }

    /// Has services made anew with what they are told.
    pub(super) async fn tell(&self, setup: &Setup) -> Result<()> {
        let mut told: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (service, name, value) in &setup.settings {
            told.entry(service).or_default().push((name, value));
        }
        for (service, variables) in &told {
            workload::tell(&self.cluster, service, variables).await?;
        }
        for service in told.keys() {
            workload::settled(&self.cluster, service).await?;
        }
        Ok(())
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Leads a port of this machine to pods.
    pub(super) async fn lead_to(&self, goal: Goal) -> Result<SocketAddr> {
        self.forwards.lock().await.lead_free(&self.cluster, goal).await
    }

    /// Leads a port of this machine to one of a pod.
    async fn lead(&self, pod: &str, port: u16) -> Result<String> {
        Ok(format!("http://{}", self.lead_to(Goal::pod(pod, port)).await?))
    }

    /// Why a pod could not be reached is known to what leads there, not to who asked.
    async fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        self.forwards.lock().await.remark().map_or(error, |remark| anyhow!(remark))
    }

    /// Gives back all that was changed, and takes away what was made; answers what could not be.
    async fn restore_all(&self) -> Result<Vec<String>> {
        let mut troubles = Vec::new();
        for made in made::left(&self.cluster).await {
            if let Err(error) = made::remove(&self.cluster, &made).await {
                troubles.push(format!("{made} is still there ({error:#})"));
            }
        }
        let changed = change::changed(&self.cluster).await;
        for object in &changed {
            if let Err(error) = change::restore(&self.cluster, object).await {
                troubles.push(format!("{object} is still changed ({error:#})"));
            }
        }
        for object in changed.iter().filter(|object| object.kind == Kind::Deployment) {
            if let Err(error) = workload::settled(&self.cluster, &object.name).await {
                troubles.push(format!("{error:#}"));
            }
        }
        troubles.extend(releases::restore_all(&self.cluster).await);
        troubles.extend(self.before.against(&AsItWas::read(&self.cluster).await?));
        Ok(troubles)
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
        match admin(&self.shop, service, path).await {
            Ok(page) => Ok(page),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn kill(&self, service: &str) -> Result<()> {
        workload::to_nothing(&self.cluster, named(service)?.name()).await
    }

    async fn start(&self, service: &str) -> Result<()> {
        let service = named(service)?.name();
        workload::from_nothing(&self.cluster, service).await?;
        workload::served(&self.cluster, service).await
    }

    async fn audit(&self) -> Result<Audit> {
        Ok(audited(&self.shop).await)
    }

    async fn traces(&self, order_id: &str) -> Result<Vec<Tree>> {
        trace::of_order_on(&self.cluster, order_id, TRACES).await
    }

    fn kubernetes(&self) -> Result<&dyn Kubernetes> {
        Ok(self)
    }

    fn nodes(&self) -> Result<&dyn Nodes> {
        Ok(self)
    }

    fn releases(&self) -> Result<&dyn Releases> {
        Ok(self)
    }

    async fn close(&self) -> Vec<String> {
        let troubles = self.restore_all().await.unwrap_or_else(|error| vec![format!("{error:#}")]);
        if let Some(lease) = self.lease.lock().await.take() {
            lease.give_back(&self.cluster).await;
        }
        // The same may be told by an object and by its pods.
        troubles.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

#[tonic::async_trait(?Send)]
impl Kubernetes for Pods {
    async fn read(&self, object: &Object) -> Result<Value> {
        change::read(&self.cluster, object).await
    }

    async fn change(&self, object: &Object, patch: Value) -> Result<()> {
        change::change(&self.cluster, object, patch).await
    }

    async fn restore(&self, object: &Object) -> Result<()> {
        change::restore(&self.cluster, object).await
    }

    async fn pods(&self, service: &str) -> Result<Vec<String>> {
        workload::pods(&self.cluster, named(service)?.name()).await
    }

    async fn served(&self, service: &str) -> Result<()> {
        workload::served(&self.cluster, named(service)?.name()).await
    }

    async fn roll_out(&self, service: &str) -> Result<()> {
        workload::roll_out(&self.cluster, named(service)?.name()).await
    }

    async fn at(&self, service: &str, pod: &str) -> Result<String> {
        self.lead(pod, named(service)?.port()).await
    }

    async fn counted(&self, service: &str, words: &[&str]) -> Result<f64> {
        let mut sum = 0.0;
        for pod in self.pods(service).await? {
            sum += self.counted_at(&pod, words).await?;
        }
        Ok(sum)
    }

    async fn counted_at(&self, pod: &str, words: &[&str]) -> Result<f64> {
        let agent = self.lead(pod, proxy::PORT).await?;
        Ok(proxy::sum(&page(&format!("{agent}{}", proxy::PATH)).await?, words))
    }

    async fn asked(&self, identity: Option<&str>) -> Result<BTreeMap<Cell, Answer>> {
        asker::asked(&self.cluster, identity).await
    }

    async fn logins(&self, databases: Databases) -> Result<Vec<Login>> {
        logins::logins(self, databases).await
    }
}
