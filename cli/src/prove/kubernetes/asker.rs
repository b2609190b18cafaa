//! Pods that ask everybody everything (`madang cluster ask`), under an identity or from outside of the mesh.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, PodSpec, Service};
use kube::Api;
use kube::api::{ListParams, LogParams};
use madang_experiments::{Answer, Cell};
use serde_json::{Value, json};

use super::change::LABEL;
use super::made::{self, MADE};
use crate::cluster::Cluster;

/// The container that asks.
const ASK: &str = "ask";
/// The Job that runs the command line in the cluster, as the chart labels it.
const JOBS: &str = "app.kubernetes.io/name=secrets,app.kubernetes.io/part-of=madang";

/// What a pod of this service account hears, or one outside of the mesh. Servers that are not there are left out.
pub(super) async fn asked(cluster: &Cluster, identity: Option<&str>) -> Result<BTreeMap<Cell, Answer>> {
    let image = image(cluster).await?;
    for policy in policies() {
        made::network_policy(cluster, policy).await?;
    }
    let name = made::pod(cluster, pod(identity, &image)).await?;
    let code = made::until(cluster, &name, code).await?;
    let pods: Api<Pod> = cluster.api();
    let log = LogParams { container: Some(ASK.to_owned()), ..LogParams::default() };
    let told = pods.logs(&name, &log).await.with_context(|| format!("cannot read what Pod {name} told"))?;
    ensure!(code == 0, "Pod {name} ended with {code}: {told}");
    made::remove_pod(cluster, &name).await?;
    let servers = servers(cluster).await?;
    let mut answers = read(&told)?;
    answers.retain(|cell, _| servers.contains(cell.to.split(':').next().unwrap_or_default()));
    Ok(answers)
}

/// The image of the command line: the Job that makes the Secrets runs it; else it lies beside that of the gateway.
async fn image(cluster: &Cluster) -> Result<String> {
    let jobs: Api<Job> = cluster.api();
    let jobs = jobs.list(&ListParams::default().labels(JOBS)).await.context("cannot list Jobs")?;
    let of_job = jobs.items.into_iter().find_map(|job| first_image(job.spec?.template.spec?));
    if let Some(image) = of_job {
        return Ok(image);
    }
    let deployments: Api<Deployment> = cluster.api();
    let gateway = deployments.get("gateway").await.context("cannot read the gateway")?;
    let gateway = gateway.spec.and_then(|spec| first_image(spec.template.spec?)).unwrap_or_default();
    let image = gateway.replace("/gateway:", "/cli:");
    ensure!(
        image != gateway,
        "no image of the command line is known: no Job runs it, and the gateway's is {gateway}"
    );
    Ok(image)
}

fn first_image(spec: PodSpec) -> Option<String> {
    spec.containers.into_iter().next()?.image
}

/// The servers of the namespace, by name.
async fn servers(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let services: Api<Service> = cluster.api();
    let listed = services.list(&ListParams::default()).await.context("cannot list Services")?;
    Ok(listed.items.into_iter().filter_map(|service| service.metadata.name).collect())
}

/// How the asking ended, once it has: a sidecar may outlive it.
fn code(pod: &Pod) -> Option<i32> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let ask = statuses.iter().find(|status| status.name == ASK)?;
    ask.state.as_ref()?.terminated.as_ref().map(|ended| ended.exit_code)
}

/// What was told, a JSON object a line.
fn read(told: &str) -> Result<BTreeMap<Cell, Answer>> {
    let line = |line: &str| -> Result<(Cell, Answer)> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("no answer: {line}"))?;
        let text = |key: &str| value[key].as_str().with_context(|| format!("no {key}: {line}"));
        let answer = match text("answer")? {
            "allowed" => Answer::Reached,
            "denied" => Answer::Refused,
            _ => Answer::Lost,
        };
        Ok((Cell::new(text("to")?, text("what")?), answer))
    };
    told.lines().map(line).collect()
}

/// Let the pods that ask come to everybody, so that the mesh alone is asked, and not the policies of the network.
fn policies() -> [Value; 2] {
    let ours = json!({ "matchLabels": { LABEL: MADE } });
    let policy = |name: &str, spec: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": name, "labels": { LABEL: MADE } },
            "spec": spec,
        })
    };
    let out = json!({ "podSelector": ours, "policyTypes": ["Egress"], "egress": [{}] });
    let from = json!([{ "from": [{ "podSelector": ours }] }]);
    let into = json!({ "podSelector": {}, "policyTypes": ["Ingress"], "ingress": from });
    [policy("prove-asks", out), policy("prove-is-asked", into)]
}

/// A pod that asks. By its label it gets the tester's Sidecar, which hears of all services, so that it is their policies that answer.
fn pod(identity: Option<&str>, image: &str) -> Value {
    let mut labels = json!({ LABEL: MADE, "app.kubernetes.io/name": "tester" });
    if identity.is_none() {
        labels["sidecar.istio.io/inject"] = json!("false");
    }
    let name = identity.map_or_else(|| "in-plain-text".to_owned(), |identity| format!("as-{identity}"));
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "generateName": format!("prove-asks-{name}-"), "labels": labels },
        "spec": {
            "serviceAccountName": identity.unwrap_or("default"),
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [{
                "name": ASK, "image": image, "args": ["cluster", "ask", "--output", "json"],
                "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "64Mi" } },
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": { "drop": ["ALL"] },
                },
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::fake;

    #[test]
    fn answers_are_read_and_anything_else_is_none() {
        let told = r#"{"answer":"allowed","to":"orders:50055","what":"/Place","why":"InvalidArgument"}
{"answer":"denied","to":"orders:50055","what":"/Audit","why":""}
{"answer":"unreachable","to":"nats:4222","what":"nats","why":"no word"}"#;
        let answers = BTreeMap::from([
            (Cell::new("orders:50055", "/Place"), Answer::Reached),
            (Cell::new("orders:50055", "/Audit"), Answer::Refused),
            (Cell::new("nats:4222", "nats"), Answer::Lost),
        ]);
        assert_eq!(read(told).unwrap(), answers);
        assert!(read("panicked at").is_err() && read(r#"{"to":"x"}"#).is_err());
    }

    #[test]
    fn a_pod_asks_under_an_identity_with_a_sidecar_or_without_both() {
        let (inside, outside) = (pod(Some("orders"), "x/cli:1"), pod(None, "x/cli:1"));
        assert_eq!(inside["spec"]["serviceAccountName"], "orders");
        assert_eq!(inside["metadata"]["generateName"], "prove-asks-as-orders-");
        assert_eq!(inside["metadata"]["labels"].get("sidecar.istio.io/inject"), None);
        assert_eq!(outside["metadata"]["labels"]["sidecar.istio.io/inject"], "false");
        for pod in [inside, outside].into_iter().chain(policies()) {
            assert_eq!(pod["metadata"]["labels"][LABEL], MADE, "else nobody takes it away");
        }
    }

    #[test]
    fn asking_has_ended_when_its_own_container_has() {
        let pod = |ask: Value| -> Pod {
            let proxy = json!({ "name": "istio-proxy", "state": { "running": {} } });
            let statuses = json!([proxy, { "name": ASK, "state": ask }]);
            serde_json::from_value(json!({ "metadata": {}, "status": { "containerStatuses": statuses } }))
                .unwrap()
        };
        assert_eq!(code(&pod(json!({ "running": {} }))), None);
        assert_eq!(code(&pod(json!({ "terminated": { "exitCode": 1 } }))), Some(1));
        assert_eq!(code(&Pod::default()), None);
    }

    #[tokio::test]
    async fn the_image_is_that_of_the_job_or_lies_beside_the_gateways() {
        let template = |image: &str| json!({ "template": { "spec": { "containers": [{ "name": "x", "image": image }] } } });
        let found = async |job: Value, gateway: &str| {
            let mut deployment = template(gateway);
            deployment["selector"] = json!({});
            let (client, _) = fake::client(move |line, _| match line.ends_with("/jobs") {
                true => (200, json!({ "metadata": {}, "items": job })),
                false => (200, json!({ "metadata": {}, "spec": deployment })),
            });
            image(&Cluster { client, context: None, namespace: "madang".to_owned() }).await
        };
        let job = json!([{ "metadata": {}, "spec": template("r/cli@sha256:1") }]);
        assert_eq!(found(job, "r/gateway:1").await.unwrap(), "r/cli@sha256:1");
        assert_eq!(found(json!([]), "r/gateway:1").await.unwrap(), "r/cli:1");
        assert!(found(json!([]), "r/gateway@sha256:2").await.is_err());
    }
}
