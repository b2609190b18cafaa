//! Which experiments cannot be tried where they are to be, and why: known before any harm.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Result;
use madang_experiments::{Experiment, Needs};

use super::kubernetes::managed_database;
use crate::cluster::TargetArgs;
use crate::cluster::charts::{Charts, Release};
use crate::cluster::helm::{Helm, Listed};
use crate::cluster::tool::{Tools, is_on_path};

/// An experiment that is not tried, and why.
pub(super) type Skipped = (&'static Experiment, Cow<'static, str>);

/// Those that cannot be tried there, with the reason.
pub(super) async fn of(chosen: &[&'static Experiment], target: &TargetArgs, charts: &Path) -> Vec<Skipped> {
    let is_on_kubernetes = target.context.is_some();
    let is_needed = |needs| is_on_kubernetes && chosen.iter().any(|it| it.needs == needs);
    let releases = if is_needed(Needs::Releases) { lacking(target, charts).await } else { None };
    let database = if is_needed(Needs::Databases) { managed(target).await } else { None };
    let why = |needs| match (is_on_kubernetes, needs) {
        (true, Needs::Releases) => releases.map(Cow::Borrowed),
        (true, Needs::Databases) => database.clone().map(Cow::Owned),
        (_, needs) => elsewhere(needs, is_on_kubernetes).map(Cow::Borrowed),
    };
    chosen.iter().filter_map(|experiment| Some((*experiment, why(experiment.needs)?))).collect()
}

/// Why what needs this cannot be tried in a home of this kind at all.
fn elsewhere(needs: Needs, is_on_kubernetes: bool) -> Option<&'static str> {
    match (is_on_kubernetes, needs) {
        (_, Needs::Anywhere) | (false, Needs::Local) => None,
        (true, Needs::Local) => Some("it needs processes and data of this machine"),
        (true, _) => None,
        (false, Needs::Kubernetes | Needs::Databases) => Some("it needs Kubernetes: --context"),
        (false, Needs::Mesh | Needs::Releases) => Some("it needs Kubernetes with the mesh: --context"),
    }
}

/// A database that is not on a server of the charts. Where the cluster cannot be asked, the trial itself will say so.
async fn managed(target: &TargetArgs) -> Option<String> {
    let (service, host) = managed_database(&target.cluster().await.ok()?).await.ok()??;
    Some(format!(
        "the database of {service} is at {host}, which is no server of the charts: only who runs it can tell who may open it"
    ))
}

/// What is missing to change releases. Where the cluster cannot be asked, the trial itself will say so.
async fn lacking(target: &TargetArgs, charts: &Path) -> Option<&'static str> {
    let all: Vec<Release> = Release::all().collect();
    if !is_on_path("helm") {
        return Some("it needs helm, which is not on PATH");
    }
    if Charts::open(charts, &all).is_err() {
        return Some("it needs the folder with the charts: --charts");
    }
    let are_there = are_there(&releases(target).await.ok()?, &all);
    (!are_there)
        .then_some("it needs each service as a release of Helm, as `madang cluster deploy` makes them")
}

async fn releases(target: &TargetArgs) -> Result<Vec<Listed>> {
    Helm::new(&Tools::new()?, &target.cluster().await?).list().await
}

fn are_there(listed: &[Listed], wanted: &[Release]) -> bool {
    wanted.iter().all(|release| listed.iter().any(|it| it.name == release.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_tried_there_is_told_with_the_reason() {
        use Needs::{Anywhere, Databases, Kubernetes, Local, Mesh, Releases};
        for (there, elsewhere_) in [(true, vec![Local]), (false, vec![Kubernetes, Databases, Mesh, Releases])]
        {
            for needs in [Anywhere, Local, Kubernetes, Databases, Mesh, Releases] {
                assert_eq!(elsewhere(needs, there).is_some(), elsewhere_.contains(&needs), "{needs:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_folder_without_charts_skips_those_that_need_them_before_any_cluster_is_asked() {
        let empty = tempfile::tempdir().unwrap();
        let target = TargetArgs { context: Some("nowhere".to_owned()), namespace: None };
        let told = lacking(&target, empty.path()).await.unwrap();
        assert!(told.contains("--charts") || told.contains("helm"), "{told}");
    }

    #[test]
    fn each_service_is_a_release() {
        let all: Vec<Release> = Release::all().collect();
        let listed = |name: &str| Listed {
            name: name.to_owned(),
            revision: "1".to_owned(),
            status: "deployed".to_owned(),
            chart: String::new(),
            app_version: String::new(),
        };
        let mut there: Vec<Listed> = all.iter().map(|it| listed(it.name())).collect();
        assert!(are_there(&there, &all));
        there.pop();
        assert!(!are_there(&there, &all));
        assert!(!are_there(&[listed("madang")], &all), "one release for all is none for each");
    }
}
