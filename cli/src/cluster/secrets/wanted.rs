use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::core::ObjectMeta;

use crate::shop::Service;

/// Hosts of databases, where they are not the charts' own.
pub(super) type Hosts = BTreeMap<Service, String>;

const PASSWORD: &str = "password";
const ADMIN_PASSWORD: &str = "admin-password";
const URL: &str = "url";
const PORT: u16 = 5432;

/// A Secret that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// How a service logs in at its database.
    Database { service: Service, host: String },
    /// How services log in at NATS: a key for each user.
    Nats,
}

impl Wanted {
    /// All of them.
    pub(super) fn all(hosts: &Hosts) -> Vec<Self> {
        let owners = Service::ALL.into_iter().filter(|service| service.owns_data());
        let database = |service: Service| {
            let host = hosts.get(&service).cloned().unwrap_or_else(|| format!("{service}-postgres"));
            Self::Database { service, host }
        };
        owners.map(database).chain([Self::Nats]).collect()
    }

    /// The Secret's name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Database { service, .. } => format!("{service}-database"),
            Self::Nats => "nats-users".to_owned(),
        }
    }

    /// Its keys.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        match self {
            Self::Database { .. } => vec![PASSWORD, ADMIN_PASSWORD, URL],
            Self::Nats => nats_users().map(Service::name).collect(),
        }
    }

    /// The Secret, with new passwords.
    pub(super) fn object(&self, password: impl Fn() -> Result<String>) -> Result<Secret> {
        let data = match self {
            Self::Database { service, host } => {
                let own = password()?;
                let url = format!("postgres://{service}:{own}@{host}:{PORT}/{service}");
                vec![(PASSWORD, own), (ADMIN_PASSWORD, password()?), (URL, url)]
            }
            Self::Nats => nats_users().map(|user| Ok((user.name(), password()?))).collect::<Result<_>>()?,
        };
        let data = data.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes())));
        Ok(Secret {
            metadata: ObjectMeta { name: Some(self.name()), labels: Some(labels()), ..ObjectMeta::default() },
            data: Some(data.collect()),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        })
    }

    /// The keys that a Secret which is there lacks, or has empty. Somebody else's Secret leads to a server that somebody else
    /// runs, so that its URL is all that is needed.
    pub(super) fn lacks(&self, found: &Secret) -> Vec<&'static str> {
        let is_ours = found
            .metadata
            .labels
            .as_ref()
            .is_some_and(|own| labels().iter().all(|(k, v)| own.get(k) == Some(v)));
        let keys = match self {
            Self::Database { .. } if !is_ours => vec![URL],
            Self::Database { .. } | Self::Nats => self.keys(),
        };
        let has = |key: &&str| {
            let value = found.data.as_ref().and_then(|data| data.get(*key));
            value.is_some_and(|value| !value.0.is_empty())
        };
        keys.into_iter().filter(|key| !has(key)).collect()
    }

    /// Whether a Secret which is there leads to another host.
    pub(super) fn is_elsewhere(&self, found: &Secret) -> bool {
        let Self::Database { host, .. } = self else { return false };
        let url = found.data.as_ref().and_then(|data| data.get(URL));
        let url = url.map(|url| String::from_utf8_lossy(&url.0));
        url.is_some_and(|url| !url.contains(&format!("@{host}:")))
    }
}

/// Who speaks to NATS: all who publish or consume.
fn nats_users() -> impl Iterator<Item = Service> {
    let speaks = |service: &Service| Service::PRODUCERS.contains(service) || !service.consumes().is_empty();
    Service::ALL.into_iter().filter(speaks)
}

fn labels() -> BTreeMap<String, String> {
    let label = |name: &str, value: &str| (format!("app.kubernetes.io/{name}"), value.to_owned());
    [label("part-of", "madang"), label("managed-by", "madang-cluster-secrets")].into()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn text(secret: &Secret, key: &str) -> String {
        String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
    }

    fn object(wanted: &Wanted) -> Secret {
        let count = Cell::new(0);
        let password = || {
            count.set(count.get() + 1);
            Ok(format!("p{}", count.get()))
        };
        wanted.object(password).unwrap()
    }

    #[test]
    fn each_service_with_a_database_and_nats_have_a_secret() {
        let names: Vec<String> = Wanted::all(&Hosts::new()).iter().map(Wanted::name).collect();
        let services = ["catalog", "inventory", "payments", "shipping", "orders", "notifications"];
        let mut wanted: Vec<String> = services.iter().map(|service| format!("{service}-database")).collect();
        wanted.push("nats-users".into());
        assert_eq!(names, wanted);
        assert_eq!(Wanted::Nats.keys(), ["inventory", "payments", "shipping", "orders", "notifications"]);
    }

    #[test]
    fn a_database_has_a_password_its_admin_another_and_the_url_has_the_first() {
        let hosts = Hosts::from([(Service::Orders, "db.example.com".to_owned())]);
        let all = Wanted::all(&hosts);
        let catalog = object(&all[0]);
        assert_eq!(text(&catalog, "url"), "postgres://catalog:p1@catalog-postgres:5432/catalog");
        assert_eq!(
            (text(&catalog, "password"), text(&catalog, "admin-password")),
            ("p1".into(), "p2".into())
        );
        assert_eq!(text(&object(&all[4]), "url"), "postgres://orders:p1@db.example.com:5432/orders");
        assert_eq!(
            catalog.metadata.labels.unwrap()["app.kubernetes.io/managed-by"],
            "madang-cluster-secrets"
        );
    }

    #[test]
    fn of_a_server_that_somebody_else_runs_the_url_is_enough() {
        let wanted = &Wanted::all(&Hosts::new())[0];
        let mut secret = object(wanted);
        secret.metadata.labels = None;
        secret.data.as_mut().unwrap().retain(|key, _| key == URL);
        assert!(wanted.lacks(&secret).is_empty());
        secret.data = None;
        assert_eq!(wanted.lacks(&secret), [URL]);
    }

    #[test]
    fn what_a_secret_lacks_is_told() {
        for wanted in Wanted::all(&Hosts::new()) {
            let mut secret = object(&wanted);
            assert_eq!(wanted.lacks(&secret), Vec::<&str>::new());
            assert!(!wanted.is_elsewhere(&secret));
            let keys = wanted.keys();
            secret.data.as_mut().unwrap().remove(keys[0]);
            secret.data.as_mut().unwrap().insert(keys[1].to_owned(), ByteString(Vec::new()));
            assert_eq!(wanted.lacks(&secret), keys[..2]);
        }
        assert_eq!(Wanted::Nats.lacks(&Secret::default()).len(), 5);
    }

    #[test]
    fn another_host_is_seen() {
        let here = Wanted::Database { service: Service::Orders, host: "orders-postgres".into() };
        let there = Wanted::Database { service: Service::Orders, host: "db.example.com".into() };
        assert!(there.is_elsewhere(&object(&here)));
    }
}
