//! A server of PostgreSQL that all services share, empty, made for a trial: what databases are like where nobody keeps them apart.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::change::LABEL;
use super::logins::{self, Own};
use super::made::{self, MADE};
use super::pods::Pods;
use crate::cluster::{Goal, why};
use crate::system;

const ADMIN: &str = "postgres";
/// How long all databases may take to be made.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes it with a database for each of these services; answers where it is led to.
pub(super) async fn server(pods: &Pods, all: &[Own]) -> Result<SocketAddr> {
    let (cluster, first) = (pods.cluster(), all.first().context("no service owns data")?);
    let own = logins::server(cluster, first).await?;
    let set = cluster.api::<StatefulSet>().get(&own.name).await;
    let set = set.with_context(|| format!("cannot read StatefulSet {}", own.name))?;
    let password = system::uuid().to_string();
    let name = made::pod(cluster, pod(&serde_json::to_value(set)?, &password)?).await?;
    made::until(cluster, &name, |pod: &Pod| why(pod).is_none().then_some(())).await?;
    let at = pods.lead_to(Goal::pod(&name, logins::PORT)).await?;
    let make = async |admin: Client| {
        // A database is not made within a transaction, so each statement goes on its own.
        for statement in all.iter().flat_map(statements) {
            admin.batch_execute(&statement).await?;
        }
        Ok(())
    };
    let made = timeout(LIMIT, logins::session((ADMIN, &password), at, ADMIN, make)).await;
    made.context("its databases are not made in time")?.context("cannot make a database")?;
    Ok(at)
}

/// As the charts make it, but for the last statement of theirs: nothing is taken from PUBLIC.
fn statements(own: &Own) -> [String; 2] {
    let quoted = |text: &str, quote: char| {
        format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
    };
    let (user, database) = (quoted(&own.user, '"'), quoted(&own.database, '"'));
    [
        format!("CREATE ROLE {user} LOGIN PASSWORD {}", quoted(&own.password, '\'')),
        format!("CREATE DATABASE {database} OWNER {user}"),
    ]
}

/// The same server as that of a service, but with an empty disk that goes with it, and outside of the mesh.
fn pod(set: &Value, password: &str) -> Result<Value> {
    let spec = &set["spec"]["template"]["spec"];
    let mut containers = spec["containers"].as_array().into_iter().flatten();
    let found = containers.find(|container| container["name"] == "postgres");
    let mut container = found.cloned().context("no container runs PostgreSQL")?;
    let mut env = container["env"].as_array().cloned().unwrap_or_default();
    env.retain(|it| it.get("valueFrom").is_none());
    env.push(json!({ "name": "POSTGRES_PASSWORD", "value": password }));
    container["env"] = Value::Array(env);
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    let volumes: Vec<Value> = mounts.map(|mount| json!({ "name": mount["name"], "emptyDir": {} })).collect();
    Ok(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "generateName": "prove-shared-postgres-",
            "labels": {
                LABEL: MADE, "app.kubernetes.io/name": "prove-shared-postgres", "sidecar.istio.io/inject": "false",
            },
        },
        "spec": {
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "securityContext": spec["securityContext"],
            "containers": [container],
            "volumes": volumes,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Service;

    #[test]
    fn it_is_the_server_of_a_service_without_its_data_and_secrets() {
        let container = json!({
            "name": "postgres", "image": "postgres:1", "args": ["postgres"],
            "env": [
                { "name": "PGDATA", "value": "/data/pgdata" },
                { "name": "POSTGRES_PASSWORD", "valueFrom": { "secretKeyRef": { "name": "x", "key": "y" } } },
            ],
            "volumeMounts": [{ "name": "data", "mountPath": "/data" }, { "name": "databases", "mountPath": "/init" }],
        });
        let spec = json!({ "securityContext": { "runAsUser": 70 }, "containers": [container], "volumes": [{ "name": "databases", "configMap": {} }] });
        let pod = pod(&json!({ "spec": { "template": { "spec": spec } } }), "new").unwrap();
        let spec = &pod["spec"];
        assert_eq!(
            spec["containers"][0]["env"],
            json!([{ "name": "PGDATA", "value": "/data/pgdata" }, { "name": "POSTGRES_PASSWORD", "value": "new" }])
        );
        assert_eq!(
            spec["volumes"],
            json!([{ "name": "data", "emptyDir": {} }, { "name": "databases", "emptyDir": {} }])
        );
        assert_eq!(
            (&spec["securityContext"]["runAsUser"], &spec["containers"][0]["image"]),
            (&json!(70), &json!("postgres:1"))
        );
        assert_eq!(pod["metadata"]["labels"][LABEL], MADE, "else nobody takes it away");
        serde_json::from_value::<Pod>(pod).unwrap();
    }

    #[test]
    fn names_and_passwords_are_quoted() {
        let own = Own {
            service: Service::Orders,
            user: "orders".to_owned(),
            password: "it's".to_owned(),
            database: "or\"ders".to_owned(),
            host: "orders-postgres".to_owned(),
        };
        assert_eq!(
            statements(&own),
            [
                "CREATE ROLE \"orders\" LOGIN PASSWORD 'it''s'",
                "CREATE DATABASE \"or\"\"ders\" OWNER \"orders\""
            ]
        );
    }
}
