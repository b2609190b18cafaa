//! A service whose values say so pushes its metrics to a collector, which is Jaeger's own image with another configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_api::orders::v1::OrderState;
use madang_tests::cluster::{Cluster, OBSERVABILITY};
use madang_tests::customer::{Customer, PLENTY};
use madang_tests::{Service, load, wait, web};
use serde_json::{Value, json};

const NAME: &str = "tests-collector";
const LIMIT: Duration = Duration::from_secs(60);
/// Counts what each pod did.
const COUNTER: &str = "madang_saga_started_total";

/// Takes metrics and shows them as Prometheus reads them; traces go nowhere.
const CONFIGURATION: &str = r#"{
    "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}}}},
    "exporters": {"prometheus": {"endpoint": "0.0.0.0:8889"}, "nop": {}},
    "service": {"pipelines": {
        "metrics": {"receivers": ["otlp"], "exporters": ["prometheus"]},
        "traces": {"receivers": ["otlp"], "exporters": ["nop"]}
    }}
}"#;

#[tokio::test]
async fn metrics_are_pushed_to_a_collector_where_the_values_of_a_chart_say_so() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    load::restock(&cluster.shop).await?;
    for object in collector(&cluster).await? {
        cluster.apply_in(OBSERVABILITY, &object).await?;
    }
    let telemetry = format!("global.telemetry.service={NAME}");
    cluster.upgrade("orders", &["env.MADANG_OTLP_METRICS_INTERVAL=2s", &telemetry]).await?;
    let tried = match cluster.settled(Service::Orders).await {
        Ok(()) => all_is_pushed(&cluster).await,
        Err(error) => Err(error),
    };
    cluster.rollback("orders").await?;
    // Who still sends to the collector ends first.
    cluster.settled(Service::Orders).await?;
    let gone = ["delete", "deployment,service,configmap", NAME, "--namespace", OBSERVABILITY];
    cluster.kubectl(&gone).await?;
    tried
}

/// What the collector has of each pod is what the pod itself shows.
async fn all_is_pushed(cluster: &Cluster) -> Result<()> {
    let customer = Customer::new(&cluster.shop, "byeol");
    let order = customer.complete(customer.wants(PLENTY, 1)).await?;
    ensure!(order.state() == OrderState::Confirmed, "{order:?}");
    let mut shown = BTreeMap::new();
    for (pod, _) in cluster.pods("orders").await? {
        let admin = cluster.open(&pod, 50_155).await?;
        let told = web::get(&format!("{}/metrics", admin.url())).await?.text;
        shown.insert(pod, told.lines().find_map(value).context("no counter")?);
    }
    ensure!(shown.values().any(|count| *count >= 1.0), "{shown:?}");
    let path = format!("/api/v1/namespaces/{OBSERVABILITY}/services/{NAME}:8889/proxy/metrics");
    let mut last = String::new();
    let pushed = wait::until("the collector to have what the pods show", LIMIT, async || {
        last = cluster.kubectl(&["get", "--raw", &path]).await.unwrap_or_default();
        let of = |pod: &str| last.lines().filter(|line| line.contains(pod)).find_map(value);
        Ok(shown.iter().all(|(pod, count)| of(pod) == Some(*count)).then_some(()))
    });
    pushed.await.with_context(|| format!("{shown:?}\n{last}"))
}

/// The counter's, where this line has it.
fn value(line: &str) -> Option<f64> {
    line.strip_prefix(COUNTER)?.rsplit_once(' ')?.1.parse().ok()
}

async fn collector(cluster: &Cluster) -> Result<[Value; 3]> {
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    let image =
        cluster.kubectl(&["get", "deployment", "jaeger", "--namespace", OBSERVABILITY, "-o", path]).await?;
    let labels = json!({"app.kubernetes.io/name": NAME});
    let container = json!({
        "name": "collector", "image": image, "args": ["--config", "/etc/collector/config.json"],
        "readinessProbe": {"tcpSocket": {"port": 4317}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/collector"}],
    });
    let pod = json!({
        "automountServiceAccountToken": false,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 10_001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    });
    let ports = json!([
        {"name": "grpc-otlp", "port": 4317, "appProtocol": "grpc"},
        {"name": "http-metrics", "port": 8889, "appProtocol": "http"},
    ]);
    Ok([
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": {"config.json": CONFIGURATION}}),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME, "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        }),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": {"selector": labels, "ports": ports}}),
    ])
}
