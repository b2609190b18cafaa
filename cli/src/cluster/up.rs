//! `madang cluster up`: from nothing to the first confirmed order.
//!
//! Each step looks first at what is there, so that a run that was ended is gone on with by the next.

mod tell;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::deploy::{self, ChartArgs};
use super::kind::{self, Kind};
use super::preflight::{self, Wants};
use super::smoke::{self, Edge};
use super::target::{Cluster, TargetArgs};
use super::tool::Tools;
use super::{NAMESPACE, platform};
use crate::output::Output;

const CONFIG: &str = "k8s/kind/one-node.yaml";
const PLATFORM: &str = "k8s/platform";

/// What `madang cluster up` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang cluster up                                      A kind cluster on this machine, with all that is needed
  madang cluster up --kind-config k8s/kind/three-nodes.yaml
  madang cluster up --node-image kindest/node:v1.34.4 --images load
  madang cluster up --context staging                    A cluster that is there, with its own platform
  madang cluster up --context staging --platform k8s/platform

It may be run again: what is there is used. Nothing is changed before all that is needed is there.
Exit codes: 0 an order was confirmed, 1 something failed or is missing, 69 the API server cannot be reached.")]
pub(super) struct UpArgs {
    /// The kind cluster's name
    #[arg(long, value_name = "NAME", default_value = NAMESPACE, value_parser = super::target::label)]
    name: String,

    /// How the kind cluster is made
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    kind_config: PathBuf,

    /// The image of its nodes, where not kind's own
    #[arg(long, value_name = "REF")]
    node_image: Option<String>,

    /// The platform to install, a folder for `kubectl apply -k`; for kind k8s/platform unless set, else none
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_platform")]
    platform: Option<PathBuf>,

    /// Leave the platform as it is
    #[arg(long)]
    no_platform: bool,

    /// Where the shop's images come from; for kind `build` unless set, else `present`
    #[arg(long, value_enum)]
    images: Option<Images>,

    /// A folder with archives (*.tar) of further images, to load into kind: for machines that can pull nothing
    #[arg(long, value_name = "FOLDER")]
    archives: Option<PathBuf>,

    #[command(flatten)]
    charts: ChartArgs,
}

/// Where the shop's images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Images {
    /// `make images` builds them, kind loads them
    Build,
    /// Docker has them, kind loads them
    Load,
    /// The cluster has them, or pulls them
    Present,
}

/// What is to be done, as the flags have it.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// The kind cluster that is made; none where another cluster is meant.
    kind: Option<Kind>,
    images: Images,
    platform: Option<PathBuf>,
}

impl Plan {
    fn new(args: &UpArgs, context: Option<&str>) -> Result<Self> {
        let (name, config) = (args.name.clone(), args.kind_config.clone());
        let kind = context.is_none().then(|| Kind { name, config, node_image: args.node_image.clone() });
        let usual = if kind.is_some() { Images::Build } else { Images::Present };
        let images = args.images.unwrap_or(usual);
        if kind.is_none() && (images != Images::Present || args.archives.is_some()) {
            bail!("images are loaded into kind clusters only; with --context they must be present");
        }
        let usual = || (kind.is_some() && !args.no_platform).then(|| PathBuf::from(PLATFORM));
        let platform = args.platform.clone().or_else(usual);
        Ok(Self { kind, images, platform })
    }

    fn wants(&self) -> Wants {
        Wants {
            kind: self.kind.is_some(),
            make: self.images == Images::Build,
            kubectl: self.platform.is_some(),
        }
    }
}

/// Sets all up and places an order.
///
/// # Errors
/// What is missing, or what failed.
pub(super) async fn run(mut args: UpArgs, target: &TargetArgs, output: &Output) -> Result<ExitCode> {
    let plan = Plan::new(&args, target.context.as_deref())?;
    let tools = Tools::new()?;
    let cluster = ready(&args, &plan, target, output).await?;
    let cluster = match cluster {
        Some(cluster) => cluster,
        None => made(&mut args, &plan, target, output).await?,
    };
    let mut progress = output.progress();
    if let Some(folder) = &plan.platform {
        platform::apply(&cluster, &tools, folder, &mut progress).await?;
        platform::serving(&cluster, &mut progress).await?;
    }
    progress.clear();
    deploy::deploy(&cluster, &[], &args.charts, output).await?;
    let edge = match &plan.kind {
        Some(_) => Edge::of_kind(),
        None => Edge::forwarded(&cluster).await?,
    };
    let order = smoke::order(&edge, smoke::LIMIT, &mut progress)
        .await
        .context("the shop is deployed, and takes no order")?;
    drop(progress);
    tell::tell(&cluster, plan.kind.is_some(), &order, output)?;
    Ok(ExitCode::SUCCESS)
}

/// Looks at all that is needed. Answers the cluster where it is one that is there.
async fn ready(args: &UpArgs, plan: &Plan, target: &TargetArgs, output: &Output) -> Result<Option<Cluster>> {
    let mut progress = output.progress();
    progress.show("looking at what is there");
    let mut lacks = preflight::machine(&plan.wants(), &args.name).await?;
    lacks.extend(preflight::path(&args.charts.charts, "--charts"));
    lacks.extend(args.archives.as_ref().and_then(|folder| preflight::path(folder, "--archives")));
    lacks.extend(args.charts.values.iter().filter_map(|file| preflight::path(&file.path, "--values")));
    lacks.extend(plan.platform.as_ref().and_then(|folder| preflight::path(folder, "--platform")));
    lacks.extend(plan.kind.as_ref().and_then(|kind| preflight::path(&kind.config, "--kind-config")));
    let cluster = match &plan.kind {
        Some(_) => Ok(None),
        None => target.cluster().await.map(Some),
    };
    if let Ok(Some(cluster)) = &cluster {
        lacks.extend(preflight::server(cluster, plan.platform.is_some()).await?);
    }
    drop(progress);
    let told: Result<()> = preflight::tell(&lacks, output);
    // An API server that does not answer is told as such, after all else that is missing.
    let cluster = cluster?;
    told?;
    Ok(cluster)
}

/// The kind cluster, made where it is not there, with the images in it.
async fn made(args: &mut UpArgs, plan: &Plan, target: &TargetArgs, output: &Output) -> Result<Cluster> {
    let kind = plan.kind.as_ref().context("no cluster is named")?;
    let tools = Tools::new()?;
    kind.ensure(&tools, output).await?;
    let of_kind = TargetArgs { context: Some(kind.context()), namespace: target.namespace.clone() };
    let cluster = of_kind.cluster().await.with_context(|| {
        format!("the kind cluster {0} is there and does not answer; `madang cluster down --name {0}` takes it away", kind.name)
    })?;
    // Its nodes may be of another image, or older than this.
    let lacks = preflight::server(&cluster, plan.platform.is_some()).await?;
    preflight::tell(&lacks, output).with_context(|| {
        format!("in the kind cluster {0}, which `madang cluster down --name {0}` takes away", kind.name)
    })?;
    let mut progress = output.progress();
    if plan.images == Images::Build {
        progress.show("building the images, which may take many minutes");
        let tag = kind::build(&tools).await?;
        args.charts.image_tag.get_or_insert(tag);
    }
    if let Some(folder) = &args.archives {
        progress.show("loading the archives of images");
        kind.load_archives(&tools, folder).await?;
    }
    if plan.images != Images::Present {
        progress.show("loading the images");
        let mut images = kind::images(&args.charts.charts, args.charts.image_tag.as_deref())?;
        if plan.images == Images::Build {
            // What was built has the charts' own tags as well, and `kubectl apply -k` names these.
            images.append(&mut kind::images(&args.charts.charts, None)?);
        }
        kind.load(&tools, &images).await?;
    }
    Ok(cluster)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        up: UpArgs,
    }

    fn plan(args: &[&str], context: Option<&str>) -> Result<Plan> {
        Plan::new(&Line::parse_from([&["up"], args].concat()).up, context)
    }

    #[test]
    fn kind_gets_images_and_a_platform() {
        let usual = plan(&[], None).unwrap();
        assert_eq!(usual.kind.as_ref().unwrap().context(), "kind-madang");
        assert_eq!((usual.images, &usual.platform), (Images::Build, &Some(PathBuf::from("k8s/platform"))));
        let bare = plan(&["--no-platform", "--images", "load"], None).unwrap();
        assert_eq!((bare.images, &bare.platform), (Images::Load, &None));
        assert_eq!(bare.wants(), Wants { kind: true, make: false, kubectl: false });
    }

    #[test]
    fn another_cluster_keeps_its_own_unless_asked() {
        let own = plan(&[], Some("staging")).unwrap();
        assert_eq!(own, Plan { kind: None, images: Images::Present, platform: None });
        assert_eq!(own.wants(), Wants { kind: false, make: false, kubectl: false });
        let with = plan(&["--platform", "mine"], Some("staging")).unwrap();
        assert_eq!(with.platform, Some(PathBuf::from("mine")));
        assert!(plan(&["--images", "build"], Some("staging")).is_err());
    }
}
