//! One replica of three that is harmed, and what its callers' proxies do about it.

use anyhow::{Context, Result};
use serde_json::json;

use crate::{Kind, Kubernetes};

/// As many as leave two where one is sick: the mesh sends none away where more than half would be.
const REPLICAS: u32 = 3;

/// Gives a service three pods, and answers their names.
pub(crate) async fn three(kubernetes: &dyn Kubernetes, service: &str) -> Result<[String; REPLICAS as usize]> {
    let scaling = json!({ "spec": { "minReplicas": REPLICAS, "maxReplicas": REPLICAS } });
    kubernetes.change(&Kind::HorizontalPodAutoscaler.named(service), scaling).await?;
    // At once: the autoscaler would look only in a while.
    kubernetes.change(&Kind::Deployment.named(service), json!({ "spec": { "replicas": REPLICAS } })).await?;
    kubernetes.served(service).await?;
    let pods = kubernetes.pods(service).await?;
    let count = pods.len();
    pods.try_into().ok().with_context(|| format!("{service} has {count} pods, not {REPLICAS}"))
}

/// Calls that a pod of the catalog was sent, by what it answered: the name of a code, or a part of it.
pub(crate) async fn answers(kubernetes: &dyn Kubernetes, pod: &str, code: &str) -> Result<f64> {
    let words = ["madang_rpc_server_duration_seconds_count{", "madang.catalog.v1.CatalogService/", code];
    kubernetes.counted_at(pod, &words).await
}

/// What the gateways' proxies have counted of their calls to the catalog.
pub(crate) async fn counted(kubernetes: &dyn Kubernetes, counter: &str) -> Result<f64> {
    kubernetes.counted("gateway", &[&format!("{counter}{{"), "|catalog."]).await
}
