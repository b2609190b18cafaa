//! A service's credentials open its own database and no other, whatever the mesh would say.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use madang_tests::Service;
use madang_tests::cluster::Cluster;
use postgres::config::Host;
use postgres::error::SqlState;
use postgres::{Config, NoTls};

/// How a server says that these credentials are not for this database.
const REFUSALS: [SqlState; 3] = [
    SqlState::INVALID_PASSWORD,
    SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    SqlState::INSUFFICIENT_PRIVILEGE,
];

#[tokio::test]
async fn credentials_open_their_own_database_alone() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let logins = logins(&cluster).await?;
    let mut wrong = Vec::new();
    for (owner, login) in &logins {
        let Some(Host::Tcp(host)) = login.get_hosts().first() else { continue };
        // By the pod's own port, past the mesh, which would let nobody else come so far.
        let tunnel = cluster.open(&format!("service/{host}"), 5432).await?;
        for (user, own) in &logins {
            let refusal = refusal(own, tunnel.port, login.get_dbname().context("a database")?)?;
            if refusal.is_some() == (user == owner) {
                wrong.push(format!("{user} at the database of {owner}: {refusal:?}"));
            }
        }
    }
    println!("the credentials of {} services tried at each one's database", logins.len());
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// How each service logs in at its database.
async fn logins(cluster: &Cluster) -> Result<BTreeMap<Service, Config>> {
    let mut logins = BTreeMap::new();
    for service in Service::ALL.into_iter().filter(|service| service.owns_data()) {
        let url = cluster.secret(&format!("{service}-database"), "url").await?;
        logins.insert(service, url.parse().context("the URL of a database")?);
    }
    Ok(logins)
}

/// Why a server refuses a login at a database; none where it answers.
fn refusal(login: &Config, port: u16, database: &str) -> Result<Option<SqlState>> {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).dbname(database);
    config.user(login.get_user().context("a user")?).password(login.get_password().context("a password")?);
    // On a thread of its own: the client panics inside tokio.
    let ask = || config.connect(NoTls).and_then(|mut client| client.simple_query("SELECT 1"));
    let asked = std::thread::scope(|scope| scope.spawn(ask).join());
    match asked.map_err(|_| anyhow::anyhow!("the client of PostgreSQL panicked"))? {
        Ok(_) => Ok(None),
        Err(error) => match error.code() {
            Some(state) if REFUSALS.contains(state) => Ok(Some(state.clone())),
            _ => Err(error.into()),
        },
    }
}
