//! Each service of the shop as a release of Helm: upgraded, rolled back, with a canary beside it.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use madang_experiments::Releases;
use serde_json::Value;

use super::super::local::named;
use super::pods::Pods;
use super::revisions::{self, DESCRIPTION};
use super::workload;
use crate::canary::{self, Step, Want};
use crate::cluster::Cluster;
use crate::cluster::charts::{Charts, Release};
use crate::cluster::helm::Helm;
use crate::cluster::tool::{Call, Tools, is_on_path};

/// A release, and what it takes to change it.
struct Deploy<'a> {
    cluster: &'a Cluster,
    helm: Helm,
    tools: Tools,
    charts: Charts,
    release: Release,
}

impl<'a> Deploy<'a> {
    fn of(cluster: &'a Cluster, charts: &Path, service: &str) -> Result<Self> {
        let release = Release::Of(named(service)?);
        let tools = Tools::new()?;
        let (helm, charts) = (Helm::new(&tools, cluster), Charts::open(charts, &[release])?);
        Ok(Self { cluster, helm, tools, charts, release })
    }

    /// Fetches what the chart is built of.
    async fn build(&self) -> Result<()> {
        match self.charts.build(self.release)? {
            Some(call) => self.tools.run(&call).await.map(drop),
            None => Ok(()),
        }
    }

    /// Makes a change, once it is written down that it goes back through the revision before. Answers all such.
    async fn take(&self, step: &Step, mut back: Vec<u64>) -> Result<Vec<u64>> {
        let name = self.release.name();
        back.push(revisions::last(&self.helm, name).await?.revision);
        revisions::note(self.cluster, name, back.clone()).await?;
        self.change(step).await?;
        Ok(back)
    }

    async fn change(&self, step: &Step) -> Result<()> {
        let call = step.call(self.release, &self.charts.chart(self.release).display().to_string());
        self.helm.run(call.args(["--description", DESCRIPTION])).await.map(drop)
    }

    /// Makes it what it was before the trial.
    async fn go_back(&self) -> Result<()> {
        match revisions::go_back(self.cluster, &self.helm, self.release.name()).await? {
            true => bail!("another has deployed {} meanwhile", self.release),
            false => Ok(()),
        }
    }

    async fn state(&self) -> Result<canary::State> {
        canary::state(&self.helm, self.release, self.cluster).await
    }
}

#[tonic::async_trait(?Send)]
impl Releases for Pods {
    async fn values(&self, service: &str) -> Result<Value> {
        let deploy = Deploy::of(&self.cluster, &self.charts, service)?;
        let call = Call::new("helm", ["get", "values", deploy.release.name(), "--output", "json"]);
        serde_json::from_str(&deploy.helm.run(call).await?).context("cannot read the release's values")
    }

    async fn upgrade(&self, service: &str, value: &str) -> Result<()> {
        let deploy = Deploy::of(&self.cluster, &self.charts, service)?;
        // Refuses one that was left half-way.
        deploy.state().await?;
        deploy.build().await?;
        deploy.take(&Step::new([value], true), Vec::new()).await?;
        workload::settled(&self.cluster, service).await
    }

    async fn roll_back(&self, service: &str) -> Result<()> {
        Deploy::of(&self.cluster, &self.charts, service)?.go_back().await?;
        workload::settled(&self.cluster, service).await
    }

    async fn start_canary(&self, service: &str, weight: u8) -> Result<()> {
        let deploy = Deploy::of(&self.cluster, &self.charts, service)?;
        let state = deploy.state().await?;
        ensure!(!state.is_enabled, "{service} has a canary already");
        deploy.build().await?;
        let want = Want::Weight { weight, image_tag: Some(state.stable_tag.clone()) };
        let mut back = Vec::new();
        for step in canary::steps(deploy.release, &state, &want)? {
            back = deploy.take(&step, back).await?;
            if step.waits {
                workload::served(&self.cluster, &format!("{service}-canary")).await?;
            }
        }
        Ok(())
    }

    async fn end_canary(&self, service: &str) -> Result<()> {
        let deploy = Deploy::of(&self.cluster, &self.charts, service)?;
        let name = deploy.release.name();
        for step in canary::steps(deploy.release, &deploy.state().await?, &Want::Rollback)? {
            deploy.change(&step).await?;
        }
        // Its values are others still; a canary is in none of the revisions that are left to go back through.
        let back = revisions::noted(&self.cluster).await.remove(name).unwrap_or_default();
        revisions::note(&self.cluster, name, back.into_iter().take(1).collect()).await?;
        deploy.go_back().await?;
        workload::until_gone(&self.cluster, &canary_of(service), |_| true).await
    }

    async fn canary(&self, service: &str) -> Result<Vec<String>> {
        workload::staying(&self.cluster, &canary_of(service)).await
    }
}

/// Gives all releases back what they were; answers what could not be given back.
pub(super) async fn restore_all(cluster: &Cluster) -> Vec<String> {
    let mut troubles = Vec::new();
    for name in revisions::noted(cluster).await.into_keys() {
        match restore(cluster, &name).await {
            Ok(true) => troubles.push(format!("release {name} was deployed by another meanwhile")),
            Ok(false) => {
                if let Err(error) = workload::settled(cluster, &name).await {
                    troubles.push(format!("{error:#}"));
                }
            }
            Err(error) => troubles.push(format!("release {name} is still changed ({error:#})")),
        }
    }
    troubles
}

/// Gives a release back what it was. Answers whether it was left as it is, since another has deployed it meanwhile.
pub(super) async fn restore(cluster: &Cluster, release: &str) -> Result<bool> {
    ensure!(is_on_path("helm"), "helm is not on PATH");
    revisions::go_back(cluster, &Helm::new(&Tools::new()?, cluster), release).await
}

fn canary_of(service: &str) -> String {
    format!("app.kubernetes.io/name={service},madang.dev/track=canary")
}
