//! `madang cluster secrets`: passwords made in the cluster, so that none is ever in a repository or on a command line.
//!
//! Invariant: a Secret that is there is never changed, since the databases were made with what it says.

mod again;
mod password;
mod store;
mod wanted;

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::target::TargetArgs;
use crate::output::{Cell, FAINT, GOOD, Output, Table, WAITS, styled};
use crate::shop::Service;

pub(super) use again::make_again;

use store::{Found, Outcome};
use wanted::{Hosts, Wanted};

/// What `madang cluster secrets` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang cluster secrets
  madang cluster secrets --database-host orders=orders.db.example.com

Within a pod it acts with the pod's service account, in the pod's namespace; it needs to get and create Secrets there.
Exit codes: 0 all are there, 1 one lacks a key or cannot be made, 69 the API server cannot be reached.")]
pub(super) struct SecretsArgs {
    /// Where a service's PostgreSQL is, unless at SERVICE-postgres; may be given more than once
    #[arg(long = "database-host", value_name = "SERVICE=HOST")]
    database_hosts: Vec<DatabaseHost>,
}

/// Where the database of a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabaseHost {
    service: Service,
    host: String,
}

impl FromStr for DatabaseHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, host) = text.split_once('=').ok_or("write SERVICE=HOST")?;
        let mut owners = Service::ALL.into_iter().filter(|service| service.owns_data());
        let service = owners.find(|service| service.name() == name);
        let service = service.ok_or_else(|| format!("`{name}` is no service with a database"))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        match !host.is_empty() && host.chars().all(is_name) {
            true => Ok(Self { service, host: host.to_owned() }),
            false => Err(format!("`{host}` is no host name; the port is always 5432")),
        }
    }
}

/// Makes the Secrets that are missing.
///
/// # Errors
/// Where one that is there lacks a key, or the API server refuses.
pub(super) async fn run(args: SecretsArgs, target: &TargetArgs, output: &Output) -> Result<ExitCode> {
    let cluster = target.cluster_of_pod().await?;
    let hosts: Hosts = args.database_hosts.into_iter().map(|it| (it.service, it.host)).collect();
    let wanted = Wanted::all(&hosts);
    let outcomes = store::ensure(&cluster.api(), &wanted, password::generate).await?;
    match output.is_json() {
        true => output.json(&value(&cluster.namespace, &outcomes))?,
        false => output.text(&table(&outcomes).render())?,
    }
    for Outcome { name, found } in &outcomes {
        if *found == Found::OtherHost {
            let text = format!("{name} names another host than now asked for; it is left as it is");
            output.note(&styled(WAITS, &text));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(["secret", "state"]);
    for Outcome { name, found } in outcomes {
        let style = if *found == Found::Created { GOOD } else { FAINT };
        table.row([name.as_str().into(), Cell::new(style, found.told())]);
    }
    table
}

fn value(namespace: &str, outcomes: &[Outcome]) -> Value {
    let secret = |it: &Outcome| json!({ "name": it.name, "created": it.found == Found::Created });
    json!({ "namespace": namespace, "secrets": outcomes.iter().map(secret).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_host_is_of_a_service_that_has_one() {
        let host = "orders=db.example.com".parse::<DatabaseHost>().unwrap();
        assert_eq!(host, DatabaseHost { service: Service::Orders, host: "db.example.com".into() });
        for bad in ["orders", "gateway=db", "orders=", "orders=db:5433", "orders=a@b", "orders=a/b"] {
            assert!(bad.parse::<DatabaseHost>().is_err(), "{bad}");
        }
    }
}
