use anyhow::{Context, Result};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams};

use super::wanted::{Hosts, Wanted};
use crate::cluster::target::Cluster;

/// The Job's pods and the Job itself, as the chart labels them.
const JOBS: &str = "app.kubernetes.io/name=secrets,app.kubernetes.io/part-of=madang";

/// Deletes the finished Job that made the Secrets, where one of these is gone: the chart then makes it anew, and it them. Answers
/// which are gone.
///
/// # Errors
/// Where the API server refuses.
pub(in crate::cluster) async fn make_again(cluster: &Cluster) -> Result<Vec<String>> {
    let jobs = cluster.api::<Job>();
    let all = jobs.list(&ListParams::default().labels(JOBS)).await.context("cannot list the Jobs")?;
    let is_done = |job: &Job| job.status.as_ref().is_some_and(|status| status.completion_time.is_some());
    let done: Vec<String> =
        all.items.into_iter().filter(is_done).filter_map(|job| job.metadata.name).collect();
    if done.is_empty() {
        return Ok(Vec::new());
    }
    let secrets = cluster.api::<Secret>();
    let mut gone = Vec::new();
    for name in Wanted::all(&Hosts::default()).iter().map(Wanted::name) {
        let found = secrets.get_opt(&name).await.with_context(|| format!("cannot read Secret {name}"))?;
        gone.extend(found.is_none().then_some(name));
    }
    for job in done.iter().filter(|_| !gone.is_empty()) {
        let deleted = jobs.delete(job, &DeleteParams::background()).await;
        deleted.with_context(|| format!("cannot delete Job {job}"))?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::fake;

    async fn asked(job: Value, is_there: fn(&str) -> bool) -> (Vec<String>, Vec<String>) {
        let (client, asked) = fake::client(move |line, _| match line.rsplit('/').next().unwrap() {
            "jobs" => (200, json!({ "metadata": {}, "items": [job] })),
            secret if line.starts_with("GET") && is_there(secret) => (200, json!({ "metadata": {} })),
            _ if line.starts_with("DELETE") => (200, json!({ "kind": "Status", "status": "Success" })),
            _ => fake::missing(),
        });
        let cluster = Cluster { client, context: None, namespace: "madang".into() };
        let gone = make_again(&cluster).await.unwrap();
        let asked = asked.lock().unwrap();
        let deleted = asked.iter().map(|(line, _)| line.clone()).filter(|line| line.starts_with("DELETE"));
        (gone, deleted.collect())
    }

    fn job(status: Value) -> Value {
        json!({ "metadata": { "name": "secrets-1" }, "status": status })
    }

    #[tokio::test]
    async fn a_job_that_is_done_goes_where_a_secret_is_gone() {
        let done = || job(json!({ "succeeded": 1, "completionTime": "2026-11-26T12:00:00Z" }));
        let (gone, deleted) = asked(done(), |name| name != "orders-database").await;
        assert_eq!(gone, ["orders-database"]);
        assert_eq!(deleted, ["DELETE /apis/batch/v1/namespaces/madang/jobs/secrets-1"]);
        assert_eq!(asked(done(), |_| true).await, (vec![], vec![]));
        assert_eq!(asked(job(json!({ "active": 1 })), |_| false).await, (vec![], vec![]));
    }
}
