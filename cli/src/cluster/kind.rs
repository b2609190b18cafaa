//! kind: a cluster on this machine, and the images in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::charts::{Charts, Release};
use super::tool::{Call, Tools};
use crate::output::Output;
use crate::shop::Service;

/// How long a cluster may take to be made: its image may have to be pulled.
const CREATE: Duration = Duration::from_secs(900);
/// What kind is told to wait until the node is ready.
const READY: &str = "180s";
const BUILD: Duration = Duration::from_secs(7_200);
const LOOK: Duration = Duration::from_secs(60);
const LOAD: Duration = Duration::from_secs(900);

/// A kind cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) config: PathBuf,
    pub(super) node_image: Option<String>,
}

impl Kind {
    /// Its context in the kubeconfig.
    pub(super) fn context(&self) -> String {
        format!("kind-{}", self.name)
    }

    /// Whether it is there, whole or in part.
    ///
    /// # Errors
    /// Where kind fails.
    pub(super) async fn is_there(&self, tools: &Tools) -> Result<bool> {
        let clusters = tools.run(&Call::new("kind", ["get", "clusters"])).await?;
        Ok(clusters.lines().any(|line| line == self.name))
    }

    /// Makes it where it is not there, and has its context in the kubeconfig.
    ///
    /// # Errors
    /// Where kind fails.
    pub(super) async fn ensure(&self, tools: &Tools, output: &Output) -> Result<()> {
        let is_there = self.is_there(tools).await?;
        let mut progress = output.progress();
        if is_there {
            output.note(&format!("using the kind cluster {} that is there", self.name));
            progress.show("reading its kubeconfig");
            return tools
                .run(&Call::new("kind", ["export", "kubeconfig", "--name", &self.name]))
                .await
                .map(drop);
        }
        progress.show(&format!("making the kind cluster {}", self.name));
        tools.run(&self.create()).await.map(drop)
    }

    fn create(&self) -> Call {
        let config = self.config.display().to_string();
        let image = self.node_image.iter().flat_map(|image| ["--image".to_owned(), image.clone()]);
        Call::new("kind", ["create", "cluster", "--name", &self.name, "--config", &config, "--wait", READY])
            .args(image)
            .within(CREATE)
    }

    /// Takes it away.
    ///
    /// # Errors
    /// Where kind fails.
    pub(super) async fn delete(&self, tools: &Tools) -> Result<()> {
        let call = Call::new("kind", ["delete", "cluster", "--name", &self.name]).within(LOAD);
        tools.run(&call).await.map(drop)
    }

    /// Loads images that Docker has into the cluster.
    ///
    /// # Errors
    /// Names those that Docker does not have.
    pub(super) async fn load(&self, tools: &Tools, images: &[String]) -> Result<()> {
        let mut missing = Vec::new();
        for image in images {
            if tools
                .run(&Call::new("docker", ["image", "inspect", "--format", "{{.Id}}", image]))
                .await
                .is_err()
            {
                missing.push(image.as_str());
            }
        }
        if !missing.is_empty() {
            bail!(
                "Docker does not have {}; `make images` builds them, --image-tag names others",
                missing.join(", ")
            );
        }
        let call =
            Call::new("kind", ["load", "docker-image", "--name", &self.name]).args(images.iter().cloned());
        tools.run(&call.within(LOAD)).await.map(drop).context("cannot load the images")
    }

    /// Loads the image archives (*.tar) of a folder into the cluster, as `docker save` writes them: for clusters that can pull
    /// nothing.
    ///
    /// # Errors
    /// Where the folder cannot be read, or kind does not take one.
    pub(super) async fn load_archives(&self, tools: &Tools, folder: &Path) -> Result<()> {
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
        for archive in paths.iter().filter(|path| path.extension().is_some_and(|kind| kind == "tar")) {
            let archive = archive.display().to_string();
            let call =
                Call::new("kind", ["load", "image-archive", "--name", &self.name, &archive]).within(LOAD);
            tools.run(&call).await.with_context(|| format!("cannot load {archive}"))?;
        }
        Ok(())
    }
}

/// Builds the images, and tells their tag: a digest of what went into them, so that pods change when it does.
///
/// # Errors
/// Where make fails.
pub(super) async fn build(tools: &Tools) -> Result<String> {
    tools.run(&Call::new("make", ["images"]).within(BUILD)).await?;
    let tag = tools.run(&Call::new("tools/images", ["tag"]).within(LOOK)).await?;
    Ok(tag.trim().to_owned())
}

/// Our images, as the charts name them.
///
/// # Errors
/// Where a chart cannot be read.
pub(super) fn images(folder: &Path, tag: Option<&str>) -> Result<Vec<String>> {
    let charts = Charts::open(folder, &[])?;
    let image = |name: &str, release: Release| {
        let own = || charts.app_version(release);
        let tag = tag.map_or_else(own, |tag| Ok(tag.to_owned()))?;
        Ok(format!("madang/{name}:{tag}"))
    };
    let services = Service::ALL.into_iter().map(|service| image(service.name(), Release::Of(service)));
    services.chain([image("cli", Release::Commons)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_made_with_its_name_config_and_image() {
        let kind = Kind {
            name: "madang".into(),
            config: "k8s/kind/one-node.yaml".into(),
            node_image: Some("kindest/node:v1.34.4".into()),
        };
        assert_eq!(kind.context(), "kind-madang");
        assert_eq!(
            kind.create().to_string(),
            "kind create cluster --name madang --config k8s/kind/one-node.yaml --wait 180s --image kindest/node:v1.34.4"
        );
    }

    #[test]
    fn images_have_the_tag_that_is_given_or_the_charts_own() {
        let folder = tempfile::tempdir().unwrap();
        for release in Release::all() {
            let chart = folder.path().join(release.name());
            std::fs::create_dir_all(&chart).unwrap();
            std::fs::write(chart.join("Chart.yaml"), "appVersion: \"0.3.0\"\n").unwrap();
        }
        let own = images(folder.path(), None).unwrap();
        assert_eq!(
            (own.len(), own[0].as_str(), own[8].as_str()),
            (9, "madang/catalog:0.3.0", "madang/cli:0.3.0")
        );
        assert_eq!(images(folder.path(), Some("dev")).unwrap()[4], "madang/orders:dev");
    }
}
