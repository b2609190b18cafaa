use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::Rollout;
use crate::cluster::target::Cluster;

/// Lines of a log that an error shows.
const LINES: i64 = 8;
/// Pods whose logs an error shows.
const PODS: usize = 3;

/// The last lines of containers that ended where they should not have; nothing where they cannot be read.
pub(super) async fn of(cluster: &Cluster, held: &[Rollout]) -> String {
    let pods: Api<Pod> = cluster.api();
    let ended = held.iter().flat_map(|rollout| &rollout.pods);
    let ended = ended.filter_map(|(pod, why)| Some((pod, why.ended.as_deref()?))).take(PODS);
    let mut text = String::new();
    for (pod, container) in ended {
        if let Some(log) = tail(&pods, pod, container).await {
            text += &format!("\nthe last lines of {container} in {pod}:\n{log}");
        }
    }
    text
}

/// Of the process before, where there was one.
async fn tail(pods: &Api<Pod>, pod: &str, container: &str) -> Option<String> {
    let params = |previous| LogParams {
        container: Some(container.to_owned()),
        tail_lines: Some(LINES),
        previous,
        ..LogParams::default()
    };
    let log = match pods.logs(pod, &params(true)).await {
        Ok(log) => log,
        Err(_) => pods.logs(pod, &params(false)).await.ok()?,
    };
    Some(log.trim_end().to_owned()).filter(|log| !log.is_empty())
}
