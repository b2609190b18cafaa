use std::time::Duration;

use anyhow::Result;

use super::OWNERS;
use crate::{Databases, Experiment, Limit, Login, Needs, Setup, Trial};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "private-data",
    claim: "Each service has a database of its own, into which no other service can look.",
    hypothesis: "The credentials of each service open its own database, and no other one, even past the mesh.",
    steps: &[
        "each service's credentials are read where the service itself finds them",
        "all of them are tried at each database, through ports that lead there past the mesh",
    ],
    control: "The databases are those of one server that all services share, made as PostgreSQL makes them by itself: open to every role. It is empty, and made for the trial.",
    needs: Needs::Databases,
    limit: Duration::from_secs(180),
    by_hand: &[
        "kubectl --namespace madang port-forward statefulset/catalog-postgres 15432:5432 &",
        "login() { PGPASSWORD=$(kubectl --namespace madang get secret $1-database --output jsonpath={.data.password} | base64 --decode) psql --host 127.0.0.1 --port 15432 --username $1 --command 'SELECT 1' catalog; }",
        "login catalog    # opens",
        "login orders     # is refused",
    ],
    code: &[
        "helm/library/templates/_postgres.tpl",
        "helm/library/templates/_workload.tpl",
        "cli/src/cluster/secrets/wanted.rs",
    ],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

/// Databases of others that are named.
const TOLD: usize = 10;

async fn run(trial: &Trial) -> Result<()> {
    let databases = if trial.is_control() { Databases::Shared } else { Databases::Own };
    trial.mark("the credentials of each service are tried at each database");
    let logins = trial.world().kubernetes()?.logins(databases).await?;
    for Login { of, at, .. } in
        logins.iter().filter(|login| login.of != login.at && login.was_let_in).take(TOLD)
    {
        trial.mark(format!("the credentials of {of} open the database of {at}"));
    }
    let count = |wanted: fn(&Login) -> bool| logins.iter().filter(|login| wanted(login)).count() as u64;
    let all = OWNERS.len() * OWNERS.len();
    trial.count("logins that were tried", logins.len() as u64, Limit::AtLeast(all as f64));
    trial.count(
        "services that their own database refused",
        count(|login| login.of == login.at && !login.was_let_in),
        Limit::AtMost(0.0),
    );
    trial.count(
        "databases that the credentials of another service opened",
        count(|login| login.of != login.at && login.was_let_in),
        Limit::AtMost(0.0),
    );
    Ok(())
}
