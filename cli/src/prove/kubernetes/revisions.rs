//! Releases that a trial changes, and the way back. Which revision a release had before a change is written down in the Lease of
//! the trial, which stays where the trial is killed: whoever comes next goes back through the same revisions.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde::Deserialize;
use serde_json::json;

use super::lease::NAME;
use crate::cluster::Cluster;
use crate::cluster::helm::Helm;
use crate::cluster::tool::Call;

/// Which revisions each release goes back through, the last of them first.
pub(super) type Revisions = BTreeMap<String, Vec<u64>>;

const NOTE: &str = "madang.dev/prove-releases";
/// What Helm's history says of a revision that a trial made.
pub(super) const DESCRIPTION: &str = "a trial of madang prove";
/// How it describes one that goes back.
const BACK: &str = "Rollback to ";
const LIMIT: Duration = Duration::from_secs(330);

/// A revision of a release, as Helm's history has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Revision {
    pub(super) revision: u64,
    status: String,
    #[serde(default)]
    description: String,
}

/// The releases that are changed.
pub(super) fn of(lease: &Lease) -> Revisions {
    let notes = lease.metadata.annotations.as_ref().and_then(|notes| notes.get(NOTE));
    notes.and_then(|note| serde_json::from_str(note).ok()).unwrap_or_default()
}

/// The releases that are changed in a cluster. What may not be read was not changed either.
pub(super) async fn noted(cluster: &Cluster) -> Revisions {
    let api: Api<Lease> = cluster.api();
    api.get_opt(NAME).await.ok().flatten().as_ref().map(of).unwrap_or_default()
}

/// How each of them goes back.
pub(super) fn told(all: &Revisions) -> String {
    let one = |(release, way): (&String, &Vec<u64>)| {
        let way: Vec<String> =
            way.iter().rev().map(|revision| format!("helm rollback {release} {revision}")).collect();
        format!("release {release} ({})", way.join(", "))
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Writes down through which revisions a release goes back; none where it is as it was.
pub(super) async fn note(cluster: &Cluster, release: &str, revisions: Vec<u64>) -> Result<()> {
    let told = || format!("cannot write down the revision of {release}");
    let api: Api<Lease> = cluster.api();
    let mut all = of(&api.get(NAME).await.with_context(told)?);
    match revisions.is_empty() {
        true => all.remove(release),
        false => all.insert(release.to_owned(), revisions),
    };
    let note = match all.is_empty() {
        true => None,
        false => Some(serde_json::to_string(&all).with_context(told)?),
    };
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { NOTE: note } } }));
    api.patch(NAME, &PatchParams::default(), &patch).await.map(drop).with_context(told)
}

/// The revision that a release has now.
pub(super) async fn last(helm: &Helm, release: &str) -> Result<Revision> {
    let call = Call::new("helm", ["history", release, "--max", "1", "--output", "json"]);
    let told = || format!("cannot read the history of release {release}");
    let history: Vec<Revision> =
        serde_json::from_str(&helm.run(call).await.with_context(told)?).with_context(told)?;
    history.into_iter().next_back().with_context(told)
}

/// Rolls a release back through what was written down, and forgets that. Answers whether it was left as it is, since another than
/// a trial has changed it after that.
pub(super) async fn go_back(cluster: &Cluster, helm: &Helm, release: &str) -> Result<bool> {
    let noted = noted(cluster).await.remove(release).unwrap_or_default();
    if noted.is_empty() {
        return Ok(false);
    }
    let way = way(&noted, &last(helm, release).await?);
    for revision in way.iter().flatten() {
        let call = Call::new("helm", ["rollback", release, &revision.to_string(), "--timeout", "5m"]);
        helm.run(call.within(LIMIT)).await.with_context(|| format!("cannot roll {release} back"))?;
    }
    note(cluster, release, Vec::new()).await?;
    Ok(way.is_none())
}

/// The revisions to roll back to, one after the other; none where another has deployed since, which is not a trial's to undo.
fn way(noted: &[u64], last: &Revision) -> Option<Vec<u64>> {
    let is_whole = last.status == "deployed";
    let mut way: Vec<u64> = noted.iter().rev().copied().collect();
    if is_whole && way.first() == Some(&last.revision) {
        way.remove(0);
        return Some(way);
    }
    let is_of_a_trial = last.description == DESCRIPTION || last.description.starts_with(BACK);
    (!is_whole || is_of_a_trial).then_some(way)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;
    use crate::cluster::fake;

    fn last(revision: u64, status: &str, description: &str) -> Revision {
        Revision { revision, status: status.to_owned(), description: description.to_owned() }
    }

    #[test]
    fn a_release_goes_back_through_the_revisions_that_it_had() {
        assert_eq!(way(&[3], &last(4, "deployed", DESCRIPTION)), Some(vec![3]));
        assert_eq!(way(&[3, 4], &last(5, "deployed", DESCRIPTION)), Some(vec![4, 3]));
        assert_eq!(way(&[3, 4], &last(6, "deployed", "Rollback to 4")), Some(vec![4, 3]));
    }

    #[test]
    fn what_helm_did_not_begin_is_not_undone_and_what_it_did_not_end_is() {
        assert_eq!(way(&[3], &last(3, "deployed", "Install complete")), Some(vec![]));
        assert_eq!(way(&[3, 4], &last(4, "deployed", DESCRIPTION)), Some(vec![3]));
        assert_eq!(way(&[3], &last(4, "pending-upgrade", "Preparing upgrade")), Some(vec![3]));
        assert_eq!(way(&[3], &last(4, "failed", "Upgrade \"catalog\" failed")), Some(vec![3]));
    }

    #[test]
    fn what_another_has_deployed_since_stays() {
        assert_eq!(way(&[3], &last(5, "deployed", "Upgrade complete")), None);
    }

    #[tokio::test]
    async fn what_is_written_down_of_one_release_leaves_that_of_others() {
        let lease = |notes: Value| json!({ "metadata": { "name": NAME, "annotations": notes } });
        let now = Arc::new(Mutex::new(lease(json!({ NOTE: r#"{"orders":[7]}"# }))));
        let held = Arc::clone(&now);
        let (client, _) = fake::client(move |line, body| {
            let mut now = held.lock().unwrap();
            if line.starts_with("PATCH") {
                let notes = &body["metadata"]["annotations"];
                *now = lease(if notes[NOTE].is_null() { json!({}) } else { notes.clone() });
            }
            (200, now.clone())
        });
        let cluster = Cluster { client, context: None, namespace: "madang".to_owned() };
        note(&cluster, "catalog", vec![3]).await.unwrap();
        note(&cluster, "catalog", vec![3, 4]).await.unwrap();
        let all = noted(&cluster).await;
        assert_eq!((&all["catalog"], &all["orders"]), (&vec![3, 4], &vec![7]));
        note(&cluster, "catalog", vec![]).await.unwrap();
        note(&cluster, "orders", vec![]).await.unwrap();
        assert!(noted(&cluster).await.is_empty());
        assert_eq!(now.lock().unwrap()["metadata"]["annotations"], json!({}));
    }

    #[test]
    fn what_helms_history_says_is_read() {
        let json = r#"[{"revision":4,"updated":"x","status":"pending-upgrade","chart":"catalog-0.1.0","app_version":"0.1.0","description":"Preparing upgrade"}]"#;
        let history: Vec<Revision> = serde_json::from_str(json).unwrap();
        assert_eq!(history, [last(4, "pending-upgrade", "Preparing upgrade")]);
    }
}
