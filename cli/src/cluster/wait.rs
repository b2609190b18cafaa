//! Waiting until what was deployed serves, telling by which pod it is held up and why.

mod logs;
mod rollout;
mod why;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use tokio::time::Instant;

use super::target::Cluster;
use crate::exit;
use crate::output::{Output, WAITS, styled};

pub(crate) use rollout::{Rollout, rollouts};
pub(crate) use why::{Why, why};

const BETWEEN: Duration = Duration::from_secs(1);

/// What is there, as the API server has it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) stateful_sets: Vec<StatefulSet>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) pods: Vec<Pod>,
}

impl Seen {
    /// Asks the API server.
    ///
    /// # Errors
    /// Where it refuses.
    pub(crate) async fn read(cluster: &Cluster) -> Result<Self> {
        let all = ListParams::default();
        let (deployments, stateful_sets): (Api<Deployment>, Api<StatefulSet>) =
            (cluster.api(), cluster.api());
        let (jobs, pods): (Api<Job>, Api<Pod>) = (cluster.api(), cluster.api());
        let (deployments, stateful_sets, jobs, pods) = futures::future::try_join4(
            deployments.list(&all),
            stateful_sets.list(&all),
            jobs.list(&all),
            pods.list(&all),
        )
        .await?;
        Ok(Self {
            deployments: deployments.items,
            stateful_sets: stateful_sets.items,
            jobs: jobs.items,
            pods: pods.items,
        })
    }
}

/// Waits until all workloads of these releases serve.
///
/// # Errors
/// Names each that does not when the limit is over, or that never will, with its pods and what holds them up.
pub(crate) async fn serving(
    cluster: &Cluster,
    releases: &BTreeSet<&str>,
    limit: Duration,
    output: &Output,
) -> Result<usize> {
    let end = Instant::now() + limit;
    let mut progress = output.progress();
    let mut told = BTreeSet::new();
    loop {
        let (held, said) = match Seen::read(cluster).await {
            Ok(seen) => {
                let all = rollouts(&seen, releases);
                let count = all.len();
                let held: Vec<Rollout> = all.into_iter().filter(|it| !it.is_done).collect();
                if held.is_empty() {
                    return Ok(count);
                }
                progress.show(&format!("waiting for {} of {count}: {}", held.len(), line(&held)));
                for trouble in held.iter().flat_map(Rollout::troubles) {
                    if told.insert(trouble.clone()) {
                        progress.clear();
                        output.note(&styled(WAITS, &trouble));
                    }
                }
                let said = text(&held);
                (held, said)
            }
            Err(error) => (Vec::new(), format!("  the API server: {}", exit::line(&error))),
        };
        if held.iter().any(Rollout::is_hopeless) {
            bail!("this will never serve:\n{said}{}", logs::of(cluster, &held).await);
        }
        if Instant::now() >= end {
            let logs = logs::of(cluster, &held).await;
            bail!("not all serve after {} s:\n{said}{logs}", limit.as_secs());
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// What is held up, in one line.
fn line(held: &[Rollout]) -> String {
    let one = |it: &Rollout| match it.pods.first() {
        Some((_, why)) => format!("{} ({})", it.name, crate::output::excerpt(&why.text, 60)),
        None => it.name.clone(),
    };
    held.iter().take(3).map(one).collect::<Vec<_>>().join(", ")
}

/// What is held up, with all pods.
fn text(held: &[Rollout]) -> String {
    let mut lines = Vec::new();
    for Rollout { kind, name, ready, wanted, new, pods, .. } in held {
        lines.push(format!("  {kind} {name}: {ready} of {wanted} ready, {new} new"));
        lines.extend(pods.iter().map(|(pod, why)| format!("    {pod}: {}", why.text)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
