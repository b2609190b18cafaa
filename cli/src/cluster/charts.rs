//! The folder with the charts: which of them is which release, and whether what it is built of has to be fetched anew.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::tool::Call;
use crate::shop::Service;

/// A Helm release of the shop; its chart lies in the folder of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Release {
    /// What is there once: mesh, edge, NATS, the Secrets.
    Commons,
    /// A service.
    Of(Service),
}

impl Release {
    /// All of them, in the order in which they are installed.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::Commons].into_iter().chain(Service::ALL.into_iter().map(Self::Of))
    }

    /// The release's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Commons => "commons",
            Self::Of(service) => service.name(),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A folder with charts.
#[derive(Debug, Clone)]
pub(crate) struct Charts(PathBuf);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    app_version: String,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    version: String,
    #[serde(default)]
    repository: String,
}

impl Charts {
    /// The charts in a folder.
    ///
    /// # Errors
    /// Names the charts of these releases that are not there.
    pub(crate) fn open(folder: &Path, releases: &[Release]) -> Result<Self> {
        let charts = Self(folder.to_owned());
        let is_missing = |release: &&Release| !charts.chart(**release).join("Chart.yaml").is_file();
        let missing: Vec<&str> = releases.iter().filter(is_missing).map(|release| release.name()).collect();
        match missing.is_empty() {
            true => Ok(charts),
            false => bail!(
                "no chart of {} in {}; name the folder of the charts with --charts",
                missing.join(", "),
                folder.display()
            ),
        }
    }

    /// The folder of a release's chart.
    pub(crate) fn chart(&self, release: Release) -> PathBuf {
        self.0.join(release.name())
    }

    /// How to fetch what a chart is built of, where that is missing or older than its source.
    ///
    /// # Errors
    /// Where its Chart.yaml cannot be read.
    pub(crate) fn build(&self, release: Release) -> Result<Option<Call>> {
        let (chart, manifest) = (self.chart(release), self.manifest(release)?);
        let is_stale = manifest.dependencies.iter().any(|it| it.is_stale(&chart));
        let folder = chart.display().to_string();
        Ok(is_stale.then(|| Call::new("helm", ["dependency", "build", &folder])))
    }

    /// The version of what a chart runs.
    ///
    /// # Errors
    /// Where its Chart.yaml cannot be read.
    pub(crate) fn app_version(&self, release: Release) -> Result<String> {
        Ok(self.manifest(release)?.app_version)
    }

    fn manifest(&self, release: Release) -> Result<Manifest> {
        let path = self.chart(release).join("Chart.yaml");
        let told = || format!("cannot read {}", path.display());
        let manifest = fs::read_to_string(&path).with_context(told)?;
        serde_saphyr::from_str(&manifest).with_context(told)
    }
}

impl Dependency {
    fn is_stale(&self, chart: &Path) -> bool {
        let packed = chart.join("charts").join(format!("{}-{}.tgz", self.name, self.version));
        let Some(packed) = changed(&packed) else {
            return !chart.join("charts").join(&self.name).join("Chart.yaml").is_file();
        };
        let source = self.repository.strip_prefix("file://").map(|path| chart.join(path));
        source.and_then(|source| newest(&source)).is_some_and(|source| source > packed)
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).ok()
}

/// When something in the folder was changed last.
fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).ok()?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.filter_map(|path| if path.is_dir() { newest(&path) } else { changed(&path) }).max()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    const ORDERS: Release = Release::Of(Service::Orders);

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let chart = "name: orders\nversion: 0.1.0\ndependencies:\n- {name: base, version: 1.0.0, repository: \"file://../library\"}\n";
        write(&folder.path().join("orders/Chart.yaml"), chart);
        write(&folder.path().join("commons/Chart.yaml"), "name: commons\nversion: 0.1.0\n");
        write(&folder.path().join("library/templates/a.tpl"), "a");
        folder
    }

    #[test]
    fn charts_that_are_not_there_are_all_named() {
        let folder = folder();
        let all: Vec<Release> = Release::all().collect();
        let error = Charts::open(folder.path(), &all).unwrap_err().to_string();
        assert!(
            error.starts_with("no chart of catalog, inventory, payments, shipping, notifications, gateway")
        );
        assert!(Charts::open(folder.path(), &[Release::Commons, ORDERS]).is_ok());
    }

    #[test]
    fn what_a_chart_is_built_of_is_fetched_where_it_is_missing_or_old() {
        let folder = folder();
        let charts = Charts::open(folder.path(), &[]).unwrap();
        assert_eq!(charts.build(Release::Commons).unwrap(), None);
        let call = charts.build(ORDERS).unwrap().unwrap().to_string();
        assert!(call.starts_with("helm dependency build ") && call.ends_with("/orders"), "{call}");

        write(&folder.path().join("orders/charts/base-1.0.0.tgz"), "");
        assert_eq!(charts.build(ORDERS).unwrap(), None);
        let source = File::options().write(true).open(folder.path().join("library/templates/a.tpl")).unwrap();
        let packed = changed(&folder.path().join("orders/charts/base-1.0.0.tgz")).unwrap();
        source.set_modified(packed + Duration::from_secs(5)).unwrap();
        assert!(charts.build(ORDERS).unwrap().is_some());
    }

    #[test]
    fn a_chart_that_cannot_be_read_is_named() {
        let folder = folder();
        write(&folder.path().join("orders/Chart.yaml"), "dependencies: 7\n");
        let charts = Charts::open(folder.path(), &[]).unwrap();
        assert!(charts.build(ORDERS).unwrap_err().to_string().ends_with("orders/Chart.yaml"));
    }
}
