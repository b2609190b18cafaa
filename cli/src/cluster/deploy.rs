//! `madang cluster deploy`: each service its own Helm release, so that one is upgraded without touching the others.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, value_parser};
use serde_json::{Value, json};

use super::charts::{Charts, Release};
use super::helm::{self, Helm, Listed, Values, ValuesFile};
use super::target::{Cluster, TargetArgs};
use super::tool::{Tools, is_on_path};
use super::{namespace, preflight, secrets, wait};
use crate::args::MAX_SECONDS;
use crate::output::{Output, Table};

/// What `madang cluster deploy` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang cluster deploy                          All services, and what they share
  madang cluster deploy orders                   One service; the others' pods stay as they are
  madang cluster deploy catalog --image-tag 1.2.0 --context kind-madang

Exit codes: 0 all serve, 1 some do not or the cluster lacks something, 69 the API server cannot be reached.")]
pub(super) struct DeployArgs {
    /// Which services; all unless named
    #[arg(value_name = "SERVICE", value_parser = PossibleValuesParser::new(Release::all().map(Release::name)))]
    services: Vec<String>,

    #[command(flatten)]
    charts: ChartArgs,
}

/// What is deployed, and how long that may take.
#[derive(Debug, Clone, Args)]
pub(super) struct ChartArgs {
    /// The folder with the charts
    #[arg(long, value_name = "FOLDER", default_value = "helm")]
    pub(super) charts: PathBuf,

    /// A file with values for all charts, or for one such as commons=FILE, or a folder with files such as commons.yaml; may be
    /// given more than once
    #[arg(short = 'f', long = "values", value_name = "[RELEASE=]FILE")]
    pub(super) values: Vec<ValuesFile>,

    /// Of which tag the images are, where not of the charts' own
    #[arg(long, value_name = "TAG")]
    pub(super) image_tag: Option<String>,

    /// How long all may take to serve
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = value_parser!(u64).range(1..=MAX_SECONDS))]
    pub(super) wait: u64,
}

impl ChartArgs {
    fn values(&self) -> Result<Values> {
        if let Some(file) = self.values.iter().find(|file| !file.path.exists()) {
            bail!("{} is not there; it was named with --values", file.path.display());
        }
        if let Some(folder) = self.values.iter().find(|file| file.is_for_nobody()) {
            let folder = folder.path.display();
            bail!("{folder} has no file for any release, such as commons.yaml; it was named with --values");
        }
        Ok(Values { files: self.values.clone(), image_tag: self.image_tag.clone() })
    }
}

/// Deploys services and waits until they serve.
///
/// # Errors
/// Where a chart is not there, Helm fails, or a workload does not serve in time.
pub(super) async fn run(args: DeployArgs, target: &TargetArgs, output: &Output) -> Result<ExitCode> {
    if !is_on_path("helm") {
        bail!("helm is not on PATH; get it at https://helm.sh/docs/intro/install");
    }
    let cluster = target.cluster().await?;
    preflight::tell(&preflight::platform(&cluster).await?, output)?;
    let asked: Vec<Release> =
        Release::all().filter(|release| args.services.iter().any(|it| it == release.name())).collect();
    let deployed = deploy(&cluster, &asked, &args.charts, output).await?;
    match output.is_json() {
        true => output.json(&value(&deployed))?,
        false => output.text(&table(&deployed).render())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Deploys these releases, all where none is named, and waits until they serve.
///
/// # Errors
/// Like [`run`].
pub(super) async fn deploy(
    cluster: &Cluster,
    asked: &[Release],
    args: &ChartArgs,
    output: &Output,
) -> Result<Vec<Listed>> {
    let tools = Tools::new()?;
    let helm = Helm::new(&tools, cluster);
    let values = args.values()?;
    let there = helm.list().await?;
    let wanted = helm::wanted(asked, &there);
    let charts = Charts::open(&args.charts, &wanted)?;
    let mut progress = output.progress();
    namespace::ensure(cluster).await?;
    if wanted.contains(&Release::Commons) {
        let gone = secrets::make_again(cluster).await?;
        if !gone.is_empty() {
            output.note(&format!("these Secrets are gone and made again: {}", gone.join(", ")));
        }
    }
    for release in &wanted {
        progress.show(&format!("installing {release}"));
        let told = || format!("cannot deploy {release}");
        if let Some(call) = charts.build(*release)? {
            tools.run(&call).await.with_context(told)?;
        }
        let half = there.iter().find(|it| it.name == release.name()).and_then(helm::mend);
        if let Some(call) = half {
            output.note(&format!("{release} was left half-way; running `{call}` first"));
            helm.run(call).await.with_context(told)?;
        }
        helm.run(helm::install(*release, &charts, &values)).await.with_context(told)?;
    }
    drop(progress);
    let names: BTreeSet<&str> = wanted.iter().map(|release| release.name()).collect();
    wait::serving(cluster, &names, Duration::from_secs(args.wait), output).await?;
    let listed = helm.list().await?;
    Ok(listed.into_iter().filter(|it| names.contains(it.name.as_str())).collect())
}

/// Releases, for people.
pub(super) fn table(releases: &[Listed]) -> Table {
    let mut table = Table::new(["release", ">revision", "state", "chart", "app version"]);
    for Listed { name, revision, status, chart, app_version } in releases {
        let revision = crate::output::Cell::number(revision);
        let texts = [name, status, chart, app_version].map(|text| text.as_str().into());
        let [name, status, chart, app_version] = texts;
        table.row([name, revision, status, chart, app_version]);
    }
    table
}

/// Releases, for programs.
pub(super) fn value(releases: &[Listed]) -> Value {
    let release = |it: &Listed| {
        json!({
            "name": it.name,
            "revision": it.revision.parse::<u64>().ok(),
            "state": it.status,
            "chart": it.chart,
            "app_version": it.app_version,
        })
    };
    json!({ "releases": releases.iter().map(release).collect::<Vec<_>>() })
}
