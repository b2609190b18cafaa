use k8s_openapi::api::core::v1::Pod;

/// The names of the pods that serve, in the order of their age: the oldest will most likely live on.
pub(super) fn serving(mut pods: Vec<Pod>) -> Vec<String> {
    pods.retain(is_ready);
    pods.sort_by(|one, two| one.metadata.creation_timestamp.cmp(&two.metadata.creation_timestamp));
    pods.into_iter().filter_map(|pod| pod.metadata.name).collect()
}

/// Whether the pod serves, and is not about to end.
fn is_ready(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let is_ready = conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True");
    is_ready && pod.metadata.deletion_timestamp.is_none()
}
