//! Logs of pods.

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::Api;
use kube::api::{ListParams, LogParams};

use super::line::{About, Line};
use crate::cluster::TargetArgs;
use crate::output::{Output, WAITS, styled};

/// Lines of one container at most, the last ones.
const LINES: i64 = 20_000;
/// Containers that are read at once.
const AT_ONCE: usize = 8;

/// The log of a container.
struct Log {
    source: String,
    text: String,
}

/// The lines of all pods of the namespace that are about an order.
pub(super) async fn lines(
    target: &TargetArgs,
    since: u64,
    about: &mut About,
    output: &Output,
) -> Result<Vec<Line>> {
    let cluster = target.cluster().await?;
    let pods: Api<Pod> = cluster.api();
    let listed = pods.list(&ListParams::default()).await.context("cannot list pods")?;
    let wanted = listed.items.iter().flat_map(wanted);
    let read = wanted.map(|wanted| read(&pods, wanted, since));
    let logs: Vec<Vec<Log>> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    let logs: Vec<Log> = logs.into_iter().flatten().collect();
    for log in &logs {
        if log.text.lines().count() >= usize::try_from(LINES).unwrap_or(usize::MAX) {
            output.note(&styled(WAITS, &format!("of {} only the last {LINES} lines are read", log.source)));
        }
        log.text.lines().for_each(|line| about.learn(line));
    }
    let mut picked = Vec::new();
    for log in &logs {
        let mut time = None;
        picked.extend(log.text.lines().filter_map(|line| about.pick(&log.source, line, &mut time)));
    }
    Ok(picked)
}

/// A container whose log is read, and whether one ran there before it.
struct Wanted {
    pod: String,
    container: String,
    source: String,
    was_restarted: bool,
}

/// The containers of a pod, and sidecars. A container that is called like its pod's service is not named beside it.
fn wanted(pod: &Pod) -> Vec<Wanted> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let name = pod.metadata.name.clone().unwrap_or_default();
    let is_sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let sidecars = spec.init_containers.iter().flatten().filter(is_sidecar);
    let states = pod.status.iter().flat_map(|status| {
        status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten())
    });
    let restarted: Vec<&str> =
        states.filter(|state| state.restart_count > 0).map(|state| state.name.as_str()).collect();
    let wanted = |container: &Container| Wanted {
        pod: name.clone(),
        container: container.name.clone(),
        source: match name.starts_with(&format!("{}-", container.name)) {
            true => name.clone(),
            false => format!("{name}/{}", container.name),
        },
        was_restarted: restarted.contains(&container.name.as_str()),
    };
    spec.containers.iter().chain(sidecars).map(wanted).collect()
}

/// The log of a container, after that of the one before it, where it was started again. A container that has none yet has none.
async fn read(pods: &Api<Pod>, wanted: Wanted, since: u64) -> Result<Vec<Log>> {
    let mut logs = Vec::new();
    for previous in [true, false] {
        if previous && !wanted.was_restarted {
            continue;
        }
        let params = LogParams {
            container: Some(wanted.container.clone()),
            since_seconds: i64::try_from(since).ok(),
            tail_lines: Some(LINES),
            previous,
            ..LogParams::default()
        };
        match pods.logs(&wanted.pod, &params).await {
            Ok(text) => logs.push(Log { source: wanted.source.clone(), text }),
            // It has not begun, its pod is gone, or the one before it is forgotten.
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 404) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read the log of {}", wanted.source));
            }
        }
    }
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sidecars_are_read_and_what_only_prepares_a_pod_is_not() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "orders-5d4f-x" },
            "spec": {
                "containers": [{ "name": "orders" }],
                "initContainers": [{ "name": "istio-proxy", "restartPolicy": "Always" }, { "name": "istio-validation" }],
            },
            "status": { "containerStatuses": [
                { "name": "orders", "restartCount": 2, "image": "", "imageID": "", "ready": true },
            ] },
        }))
        .unwrap();
        let wanted = wanted(&pod);
        let told: Vec<(&str, bool)> =
            wanted.iter().map(|it| (it.source.as_str(), it.was_restarted)).collect();
        assert_eq!(told, [("orders-5d4f-x", true), ("orders-5d4f-x/istio-proxy", false)]);
    }
}
