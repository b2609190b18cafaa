use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

/// Why a pod does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    pub(crate) text: String,
    /// Whether somebody has to do something about it, most likely.
    pub(crate) is_trouble: bool,
    /// Whether it can never come right by itself.
    pub(crate) is_hopeless: bool,
    /// The container that ended where it should not have: its log says why.
    pub(crate) ended: Option<String>,
}

impl Why {
    fn usual(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_trouble: false, is_hopeless: false, ended: None }
    }

    fn trouble(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_trouble: true, is_hopeless: false, ended: None }
    }

    /// Trouble of a container that ended.
    fn ended(name: &str, text: String) -> Self {
        Self { ended: Some(name.to_owned()), ..Self::trouble(text) }
    }

    pub(super) fn hopeless(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_trouble: true, is_hopeless: true, ended: None }
    }
}

/// Why the pod does not serve; none where it does, or has done its work.
pub(crate) fn why(pod: &Pod) -> Option<Why> {
    let status = pod.status.clone().unwrap_or_default();
    if status.phase.as_deref() == Some("Succeeded") || is_ready(&status) {
        return None;
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Some(Why::usual("is ending"));
    }
    if let Some(text) = unscheduled(&status) {
        return Some(Why::trouble(format!("finds no node: {text}")));
    }
    if status.phase.as_deref() == Some("Failed") {
        let text = status.message.or(status.reason).unwrap_or_else(|| "failed".to_owned());
        return Some(Why::trouble(containers(&status.container_statuses).map_or(text, |why| why.text)));
    }
    let init = containers(&status.init_container_statuses);
    let own = || containers(&status.container_statuses);
    init.or_else(own).or_else(|| Some(Why::usual("is being started")))
}

fn is_ready(status: &PodStatus) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn unscheduled(status: &PodStatus) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    let found = conditions.find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    found.map(|condition| condition.message.clone().unwrap_or_default())
}

/// The first container that holds the pod up.
fn containers(statuses: &Option<Vec<ContainerStatus>>) -> Option<Why> {
    let troubles = || statuses.iter().flatten().filter_map(container);
    troubles().find(|why| why.is_trouble).or_else(|| troubles().next())
}

fn container(status: &ContainerStatus) -> Option<Why> {
    let state = status.state.clone().unwrap_or_default();
    let name = &status.name;
    if let Some(waiting) = state.waiting {
        let reason = waiting.reason.unwrap_or_default();
        return Some(waits(status, &reason, waiting.message.as_deref().unwrap_or_default()));
    }
    if let Some(ended) = state.terminated {
        return (ended.exit_code != 0).then(|| Why::ended(name, format!("{name} ended: {}", ending(&ended))));
    }
    // Also a sidecar, which is an init container that goes on: an init container that must end is never ready while it runs.
    (!status.ready).then(|| match last_end(status) {
        Some(end) => Why::ended(name, format!("{name} was started again after it ended: {}", ending(&end))),
        None => Why::usual(format!("{name} is not ready yet")),
    })
}

fn waits(status: &ContainerStatus, reason: &str, message: &str) -> Why {
    let ContainerStatus { name, image, restart_count, .. } = status;
    match reason {
        "ImagePullBackOff" | "ErrImagePull" | "RegistryUnavailable" => {
            Why::trouble(format!("{name}: image {image} cannot be pulled: {message}"))
        }
        "ErrImageNeverPull" | "InvalidImageName" => {
            Why::hopeless(format!("{name}: image {image} is not there: {reason} {message}"))
        }
        "CrashLoopBackOff" => {
            let end = last_end(status).map_or_else(|| message.to_owned(), |end| ending(&end));
            Why::ended(name, format!("{name} crashes again and again ({restart_count} restarts): {end}"))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Why::trouble(format!("{name} cannot be made: {message}"))
        }
        "" | "ContainerCreating" | "PodInitializing" => Why::usual(format!("{name} is being made")),
        _ => Why::usual(format!("{name}: {reason} {message}")),
    }
}

fn last_end(status: &ContainerStatus) -> Option<ContainerStateTerminated> {
    let ContainerState { terminated, .. } = status.last_state.clone()?;
    terminated
}

fn ending(end: &ContainerStateTerminated) -> String {
    let reason =
        end.reason.as_deref().filter(|reason| *reason != "Error").map(|reason| format!(", {reason}"));
    let message = end.message.as_deref().map(|message| format!(": {}", message.trim()));
    format!("exit code {}{}{}", end.exit_code, reason.unwrap_or_default(), message.unwrap_or_default())
}
