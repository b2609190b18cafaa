//! Helm: what it has installed, and what to run so that it has what is wanted.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::charts::{Charts, Release};
use super::target::Cluster;
use super::tool::{Call, Tools};

/// How long one release may take; pods are waited for elsewhere.
const LIMIT: Duration = Duration::from_secs(330);
/// What Helm is told of it.
const TIMEOUT: &str = "5m";

/// A release as Helm lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) revision: String,
    pub(crate) status: String,
    /// The chart's name and version.
    pub(crate) chart: String,
    #[serde(default)]
    pub(crate) app_version: String,
}

/// Helm for one namespace of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Helm {
    tools: Tools,
    flags: Vec<String>,
}

/// A file with values, for all releases or for one, or a folder with files `<release>.yaml`: charts refuse values that they do not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValuesFile {
    /// For which release, where not for all.
    pub(crate) release: Option<Release>,
    pub(crate) path: PathBuf,
}

impl ValuesFile {
    /// The file for a release, where there is one.
    fn of(&self, release: Release) -> Option<PathBuf> {
        if self.release.is_some_and(|own| own != release) {
            return None;
        }
        match self.path.is_dir() {
            true => Some(self.path.join(format!("{release}.yaml"))).filter(|file| file.is_file()),
            false => Some(self.path.clone()),
        }
    }

    /// Whether it has values for no release at all.
    pub(super) fn is_for_nobody(&self) -> bool {
        Release::all().all(|release| self.of(release).is_none())
    }
}

impl FromStr for ValuesFile {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let named = text.split_once('=').and_then(|(name, path)| {
            let release = Release::all().find(|release| release.name() == name)?;
            Some(Self { release: Some(release), path: path.into() })
        });
        Ok(named.unwrap_or_else(|| Self { release: None, path: text.into() }))
    }
}

/// What releases are given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    /// Files with values.
    pub(crate) files: Vec<ValuesFile>,
    /// Of which tag the images are, where not of the charts' own.
    pub(crate) image_tag: Option<String>,
}

impl Helm {
    /// Helm for the shop's namespace.
    pub(crate) fn new(tools: &Tools, cluster: &Cluster) -> Self {
        let mut flags = vec!["--namespace".to_owned(), cluster.namespace.clone()];
        if let Some(context) = &cluster.context {
            flags.extend(["--kube-context".to_owned(), context.clone()]);
        }
        Self { tools: tools.clone(), flags }
    }

    /// The releases there, in whatever state.
    ///
    /// # Errors
    /// Where Helm fails, or answers something else.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>> {
        // Each state by name: older versions of Helm list only some otherwise, newer ones know no `--all`.
        let states = ["--deployed", "--failed", "--pending", "--uninstalling", "--superseded"];
        let call = Call::new("helm", ["list", "--max", "0", "--output", "json"]).args(states);
        let listed = self.run(call).await?;
        serde_json::from_str(&listed).context("`helm list` answers something else than a list of releases")
    }

    /// Runs a call of Helm, for this namespace of this cluster.
    ///
    /// # Errors
    /// With what Helm said.
    pub(crate) async fn run(&self, call: Call) -> Result<String> {
        self.tools.run(&call.args(self.flags.iter().cloned())).await
    }
}

/// What makes a release usable again that was left half-way by a Helm that was killed.
pub(crate) fn mend(listed: &Listed) -> Option<Call> {
    let name = listed.name.as_str();
    match listed.status.as_str() {
        "pending-upgrade" | "pending-rollback" => Some(Call::new("helm", ["rollback", name]).within(LIMIT)),
        "pending-install" | "uninstalling" => {
            Some(Call::new("helm", ["uninstall", name, "--timeout", TIMEOUT]).within(LIMIT))
        }
        _ => None,
    }
}

/// What installs a release, or upgrades it.
pub(crate) fn install(release: Release, charts: &Charts, values: &Values) -> Call {
    let chart = charts.chart(release).display().to_string();
    let files = values.files.iter().filter_map(|file| file.of(release));
    let files = files.flat_map(|file| ["--values".to_owned(), file.display().to_string()]);
    let tag =
        values.image_tag.iter().flat_map(|tag| ["--set-string".to_owned(), format!("global.imageTag={tag}")]);
    Call::new("helm", ["upgrade", "--install", release.name(), &chart, "--timeout", TIMEOUT])
        .args(files)
        .args(tag)
        .within(LIMIT)
}

/// Which releases to install where these are asked for: none means all, and commons comes first where it is not there.
pub(crate) fn wanted(asked: &[Release], there: &[Listed]) -> Vec<Release> {
    if asked.is_empty() {
        return Release::all().collect();
    }
    let commons = Release::Commons;
    let has_commons = there.iter().any(|it| it.name == commons.name() && it.status == "deployed");
    Release::all().filter(|it| asked.contains(it) || (*it == commons && !has_commons)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::shop::Service;

    fn listed(name: &str, status: &str) -> Listed {
        let (revision, chart) = ("1".to_owned(), format!("{name}-0.1.0"));
        Listed { name: name.into(), revision, status: status.into(), chart, app_version: String::new() }
    }

    #[test]
    fn commons_comes_first_where_it_is_not_there() {
        let orders = [Release::Of(Service::Orders), Release::Of(Service::Catalog)];
        let names =
            |there: &[Listed]| -> Vec<&str> { wanted(&orders, there).iter().map(|it| it.name()).collect() };
        assert_eq!(names(&[]), ["commons", "catalog", "orders"]);
        assert_eq!(names(&[listed("commons", "failed")]), ["commons", "catalog", "orders"]);
        assert_eq!(names(&[listed("commons", "deployed")]), ["catalog", "orders"]);
        assert_eq!(wanted(&[], &[listed("commons", "deployed")]).len(), 9);
    }

    #[test]
    fn a_release_left_half_way_is_mended_first() {
        let told = |status| mend(&listed("orders", status)).map(|call| call.to_string());
        assert_eq!(told("deployed"), None);
        assert_eq!(told("failed"), None, "an upgrade goes over it");
        assert_eq!(told("pending-upgrade").unwrap(), "helm rollback orders");
        assert_eq!(told("pending-install").unwrap(), "helm uninstall orders --timeout 5m");
        assert_eq!(told("uninstalling").unwrap(), "helm uninstall orders --timeout 5m");
    }

    #[test]
    fn values_are_for_all_releases_or_for_one() {
        let charts = Charts::open(Path::new("helm"), &[]).unwrap();
        let files =
            ["a.yaml", "commons=b.yaml", "orders=c.yaml", "x=y.yaml"].map(|file| file.parse().unwrap());
        let values = Values { files: files.into(), image_tag: Some("1.2".into()) };
        assert_eq!(
            install(Release::Commons, &charts, &values).to_string(),
            "helm upgrade --install commons helm/commons --timeout 5m --values a.yaml --values b.yaml \
             --values x=y.yaml \
             --set-string global.imageTag=1.2"
        );
    }

    #[test]
    fn a_folder_has_a_file_for_each_release_that_is_to_have_values() {
        let (charts, folder) = (Charts::open(Path::new("helm"), &[]).unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("orders.yaml"), "{}").unwrap();
        let path = folder.path().to_path_buf();
        let values = Values { files: vec![ValuesFile { release: None, path }], image_tag: None };
        let told = |release| install(release, &charts, &values).to_string();
        let orders = Release::all().find(|release| release.name() == "orders").unwrap();
        assert!(told(orders).ends_with("/orders.yaml"), "{}", told(orders));
        assert!(!told(Release::Commons).contains("--values"), "{}", told(Release::Commons));
        assert!(!values.files[0].is_for_nobody());
        std::fs::rename(folder.path().join("orders.yaml"), folder.path().join("order.yaml")).unwrap();
        assert!(values.files[0].is_for_nobody());
    }

    #[test]
    fn what_helm_lists_is_read() {
        let json = r#"[{"name":"orders","namespace":"madang","revision":"3","updated":"x","status":"deployed","chart":"orders-0.1.0","app_version":"0.1.0"}]"#;
        let listed: Vec<Listed> = serde_json::from_str(json).unwrap();
        assert_eq!((listed[0].revision.as_str(), listed[0].app_version.as_str()), ("3", "0.1.0"));
    }
}
