//! `madang canary`: another version of a service, for some of its calls.
//!
//! Calls follow pods, never the other way round: a canary gets its share when its pods serve, and loses it before they go.

mod steps;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, value_parser};
use serde_json::{Value, json};

use crate::args::MAX_SECONDS;
use crate::cluster::charts::{Charts, Release};
use crate::cluster::helm::{self, Helm};
use crate::cluster::tool::{Call, Tools, is_on_path};
use crate::cluster::{Cluster, TargetArgs, wait};
use crate::output::{Output, Table};
use crate::shop::Service;

pub(crate) use steps::{State, Step, Want, steps};

/// What `madang canary` is told.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["weight", "promote", "rollback"]),
    after_help = "Examples:
  madang canary catalog --weight 10 --image-tag 1.3.0    A tenth of the calls goes to 1.3.0
  madang canary catalog --weight 50                      Half of them
  madang canary catalog --promote                        All: the stable pods become 1.3.0
  madang canary catalog --rollback                       None: the canary is taken away

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 69 the API server cannot be reached."
)]
pub struct CanaryArgs {
    /// Which service
    #[arg(value_name = "SERVICE", value_parser = PossibleValuesParser::new(Service::ALL.map(Service::name)))]
    service: String,

    /// How much of a hundred calls the canary gets
    #[arg(long, value_name = "PERCENT", value_parser = value_parser!(u8).range(..=100))]
    weight: Option<u8>,

    /// The tag of the canary's image; needed for a new canary
    #[arg(long, value_name = "TAG", conflicts_with_all = ["promote", "rollback"])]
    image_tag: Option<String>,

    /// Make the canary's version the stable one
    #[arg(long)]
    promote: bool,

    /// Take the canary away
    #[arg(long)]
    rollback: bool,

    /// The folder with the charts
    #[arg(long, value_name = "FOLDER", default_value = "helm")]
    charts: std::path::PathBuf,

    /// How long pods may take to serve, at each step
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = value_parser!(u64).range(1..=MAX_SECONDS))]
    wait: u64,

    #[command(flatten)]
    target: TargetArgs,
}

impl CanaryArgs {
    fn want(&self) -> Want {
        match self.weight {
            Some(weight) => Want::Weight { weight, image_tag: self.image_tag.clone() },
            None if self.promote => Want::Promote,
            None => Want::Rollback,
        }
    }
}

/// Starts, weighs, promotes or takes away a canary.
///
/// # Errors
/// What is refused, or that Helm fails or pods do not serve in time.
pub async fn run(args: CanaryArgs, output: &Output) -> Result<ExitCode> {
    if !is_on_path("helm") {
        bail!("helm is not on PATH; get it at https://helm.sh/docs/intro/install");
    }
    let service = Service::ALL.into_iter().find(|service| service.name() == args.service);
    let release = Release::Of(service.context("no such service")?);
    let cluster = args.target.cluster().await?;
    let helm = Helm::new(&Tools::new()?, &cluster);
    let before = state(&helm, release, &cluster).await?;
    let steps = steps(release, &before, &args.want())?;
    let charts = Charts::open(&args.charts, &[release])?;
    if let Some(call) = charts.build(release)? {
        Tools::new()?.run(&call).await?;
    }
    for step in steps {
        take(&helm, &cluster, &charts, (release, &step)).await?;
        if step.waits {
            let limit = Duration::from_secs(args.wait);
            wait::serving(&cluster, &BTreeSet::from([release.name()]), limit, output).await?;
        }
    }
    tell(release, &state(&helm, release, &cluster).await?, output)?;
    Ok(ExitCode::SUCCESS)
}

/// What a release has now.
///
/// # Errors
/// Where there is none, or it was left half-way.
pub(crate) async fn state(helm: &Helm, release: Release, cluster: &Cluster) -> Result<State> {
    let listed = helm.list().await?;
    let Some(listed) = listed.into_iter().find(|it| it.name == release.name()) else {
        bail!(
            "there is no release {release} in namespace {}; `madang cluster deploy {release}` makes it",
            cluster.namespace
        );
    };
    if helm::mend(&listed).is_some() {
        bail!("release {release} was left half-way; `madang cluster deploy {release}` mends it");
    }
    let call = Call::new("helm", ["get", "values", release.name(), "--all", "--output", "json"]);
    let values: Value =
        serde_json::from_str(&helm.run(call).await?).context("cannot read the release's values")?;
    Ok(State::of(&values))
}

async fn take(
    helm: &Helm,
    cluster: &Cluster,
    charts: &Charts,
    (release, step): (Release, &Step),
) -> Result<()> {
    let call = step.call(release, &charts.chart(release).display().to_string());
    let told = || format!("cannot change {release} in namespace {}", cluster.namespace);
    helm.run(call).await.map(drop).with_context(told)
}

fn tell(release: Release, state: &State, output: &Output) -> Result<()> {
    if output.is_json() {
        let canary =
            state.is_enabled.then(|| json!({ "image_tag": state.canary_tag, "weight": state.weight }));
        return Ok(output
            .json(&json!({ "service": release.name(), "image_tag": state.stable_tag, "canary": canary }))?);
    }
    let mut table = Table::new(["service", "track", "image", ">weight"]);
    let own = |tag: &str| if tag.is_empty() { "the chart's own".to_owned() } else { tag.to_owned() };
    let canary = if state.is_enabled { state.weight } else { 0 };
    let number = crate::output::Cell::number;
    table.row([
        release.name().into(),
        "stable".into(),
        own(&state.stable_tag).into(),
        number(100 - canary.min(100)),
    ]);
    if state.is_enabled {
        table.row([release.name().into(), "canary".into(), own(&state.canary_tag).into(), number(canary)]);
    }
    Ok(output.text(&table.render())?)
}
