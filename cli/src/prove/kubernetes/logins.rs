//! The credentials of each service, tried at the database of each. Whoever tries comes through the API server to the pod's own port,
//! past the mesh, which would let nobody else come so far.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::join;
use k8s_openapi::api::core::v1::{Secret, Service as Server};
use madang_experiments::{Databases, Login};
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::pods::Pods;
use super::shared;
use crate::cluster::{Cluster, Goal};
use crate::shop::Service;

pub(super) const PORT: u16 = 5432;
/// How long a server may take to let somebody in, or not.
const PATIENCE: Duration = Duration::from_secs(10);
/// How a server says that these credentials are not for this database.
const REFUSALS: [&SqlState; 3] = [
    &SqlState::INVALID_PASSWORD,
    &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    &SqlState::INSUFFICIENT_PRIVILEGE,
];

/// How a service logs in at its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) service: Service,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
    /// The server's name.
    pub(super) host: String,
}

/// Tries all of them.
pub(super) async fn logins(pods: &Pods, databases: Databases) -> Result<Vec<Login>> {
    let all = all(pods.cluster()).await?;
    let mut at = Vec::new();
    match databases {
        Databases::Own => {
            for own in &all {
                at.push(pods.lead_to(server(pods.cluster(), own).await?).await?);
            }
        }
        Databases::Shared => at.resize(all.len(), shared::server(pods, &all).await?),
    }
    let mut logins = Vec::new();
    for (owner, address) in all.iter().zip(at) {
        for user in &all {
            let tried = opens(user, address, &owner.database).await;
            let was_let_in =
                tried.with_context(|| format!("{} at the database of {}", user.service, owner.service))?;
            let name = |own: &Own| own.service.name().to_owned();
            logins.push(Login { of: name(user), at: name(owner), was_let_in });
        }
    }
    Ok(logins)
}

/// How all services log in, as their Secrets say.
async fn all(cluster: &Cluster) -> Result<Vec<Own>> {
    let secrets = cluster.api::<Secret>();
    let mut all = Vec::new();
    for service in Service::ALL.into_iter().filter(|service| service.owns_data()) {
        let name = format!("{service}-database");
        let secret = secrets.get(&name).await.with_context(|| format!("cannot read Secret {name}"))?;
        let url = secret.data.unwrap_or_default().remove("url").unwrap_or_default();
        let url = String::from_utf8(url.0).ok();
        // What is wrong in it is not told: it has a password.
        all.push(
            url.and_then(|url| read(service, &url))
                .with_context(|| format!("Secret {name} has no URL of a database"))?,
        );
    }
    Ok(all)
}

fn read(service: Service, url: &str) -> Option<Own> {
    // Only how it is connected follows: the port that is led there needs none of it.
    let login = url.find('@')?;
    let head = url[login..].find('?').map_or(url, |at| &url[..login + at]);
    let config: Config = head.parse().ok()?;
    let host = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) => Some(name.clone()),
        Host::Unix(_) => None,
    });
    Some(Own {
        service,
        user: config.get_user()?.to_owned(),
        password: String::from_utf8(config.get_password()?.to_owned()).ok()?,
        database: config.get_dbname()?.to_owned(),
        host: host?,
    })
}

/// The first service whose database is on no server of the charts, and its host.
pub(crate) async fn managed_database(cluster: &Cluster) -> Result<Option<(Service, String)>> {
    for own in all(cluster).await? {
        if labels(cluster, &own.host).await?.is_empty() {
            return Ok(Some((own.service, own.host)));
        }
    }
    Ok(None)
}

/// The pods behind the server of a database, which is one of the charts' own.
pub(super) async fn server(cluster: &Cluster, own: &Own) -> Result<Goal> {
    let labels = labels(cluster, &own.host).await?;
    ensure!(
        !labels.is_empty(),
        "the database of {} is at {}, which is no server of the charts",
        own.service,
        own.host
    );
    let name = name(cluster, &own.host);
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(Goal::labelled(name, &labels.join(","), PORT))
}

/// A host's name as a Service of the shop's namespace.
fn name<'a>(cluster: &Cluster, host: &'a str) -> &'a str {
    host.trim_end_matches(&format!(".{}.svc.cluster.local", cluster.namespace))
}

/// Which pods are behind a host; none where it is not a Service of the shop's namespace.
async fn labels(cluster: &Cluster, host: &str) -> Result<BTreeMap<String, String>> {
    let name = name(cluster, host);
    let services = cluster.api::<Server>();
    let found = services.get_opt(name).await.with_context(|| format!("cannot read Service {name}"))?;
    Ok(found.and_then(|service| service.spec?.selector).unwrap_or_default())
}

/// Whether these credentials open a database.
async fn opens(user: &Own, at: SocketAddr, database: &str) -> Result<bool> {
    let ask = async |client: Client| client.simple_query("SELECT 1").await;
    let asked = timeout(PATIENCE, session((&user.user, &user.password), at, database, ask)).await;
    match asked.context("no answer in time")? {
        Ok(_) => Ok(true),
        Err(error) if error.code().is_some_and(|code| REFUSALS.contains(&code)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Logs in, and does something there.
pub(super) async fn session<T>(
    (user, password): (&str, &str),
    at: SocketAddr,
    database: &str,
    work: impl AsyncFnOnce(Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut config = Config::new();
    config.host(at.ip().to_string()).port(at.port()).user(user).password(password).dbname(database);
    let (client, connection) = config.connect(NoTls).await?;
    // The connection ends with its client, who is told what goes wrong with it.
    join(work(client), connection).await.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::fake;

    fn own(host: &str) -> Own {
        let url = format!("postgres://orders:secret@{host}:5432/orders");
        read(Service::Orders, &url).unwrap()
    }

    async fn goal(host: &str, answer: (u16, Value)) -> Result<Goal> {
        let (client, _) = fake::client(move |line, _| match line.ends_with("/services/orders-postgres") {
            true => answer.clone(),
            false => fake::missing(),
        });
        let cluster = Cluster { client, context: None, namespace: "madang".to_owned() };
        server(&cluster, &own(host)).await
    }

    #[test]
    fn a_url_says_who_logs_in_where() {
        let own = own("orders-postgres");
        assert_eq!((&*own.user, &*own.password, &*own.database), ("orders", "secret", "orders"));
        let managed = "postgres://orders:a?b@db.example.com:5432/orders?sslmode=verify-full";
        assert_eq!(read(Service::Orders, managed).unwrap().host, "db.example.com");
        for bad in ["", "postgres://orders@db/orders", "postgres://orders:x@db", "mysql://a:b@c/d"] {
            assert_eq!(read(Service::Orders, bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn only_the_charts_own_servers_are_asked() {
        let service = json!({ "metadata": {}, "spec": { "selector": { "app.kubernetes.io/name": "orders-postgres" } } });
        let led = Goal::labelled("orders-postgres", "app.kubernetes.io/name=orders-postgres", PORT);
        for host in ["orders-postgres", "orders-postgres.madang.svc.cluster.local"] {
            assert_eq!(goal(host, (200, service.clone())).await.unwrap(), led);
        }
        let managed = goal("db.example.com", fake::missing()).await.unwrap_err().to_string();
        assert!(managed.starts_with("the database of orders is at db.example.com"), "{managed}");
        let external = json!({ "metadata": {}, "spec": { "externalName": "db.example.com" } });
        assert!(goal("orders-postgres", (200, external)).await.is_err());
    }
}
