//! What Envoy counted beside a pod, as Istio's agent tells it to Prometheus.

/// The port of the agent, on which it tells the proxy's numbers and the service's own together.
pub(super) const PORT: u16 = 15020;
pub(super) const PATH: &str = "/stats/prometheus";

/// The sum of the counters whose names and labels contain all of these words.
pub(super) fn sum(page: &str, words: &[&str]) -> f64 {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let meant = samples
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(name, _)| words.iter().all(|word| name.contains(word)));
    meant.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_is_added_up() {
        let page = "# TYPE envoy_cluster_upstream_rq_retry counter\n\
            envoy_cluster_upstream_rq_retry{cluster_name=\"outbound|50051|stable|catalog.madang\"} 3\n\
            envoy_cluster_upstream_rq_retry{cluster_name=\"outbound|50051|canary|catalog.madang\"} 4\n\
            envoy_cluster_upstream_rq_retry{cluster_name=\"outbound|50055|stable|orders.madang\"} 5\n";
        assert!((sum(page, &["upstream_rq_retry{", "|catalog."]) - 7.0).abs() < f64::EPSILON);
        assert!(sum(page, &["ejections"]).abs() < f64::EPSILON);
    }
}
