//! `madang status --context`: the services as the API server has them, and how far events have come, which they say themselves.

mod mesh;
mod row;
mod show;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use crate::audit::lag::{self, Lag};
use crate::cluster::{Cluster, Forwards, Seen, TargetArgs};
use crate::output::Output;
use crate::shop::Service;

use mesh::Mesh;
use row::Row;

/// How long the services may take to say how far events have come.
const LIMIT: Duration = Duration::from_secs(20);

/// What is known; how far events have come is told as the reason why not, where the services do not say.
#[derive(Debug)]
struct Standing {
    rows: Vec<Row>,
    lags: Result<Vec<Lag>, String>,
}

/// Shows the shop's state on Kubernetes.
///
/// # Errors
/// Where the API server cannot be reached or refuses, or has nothing of the shop.
pub(super) async fn run(target: &TargetArgs, output: &Output) -> Result<ExitCode> {
    let cluster = target.cluster().await?;
    let mut progress = output.progress();
    progress.show("asking the API server");
    let seen = Seen::read(&cluster).await?;
    let mesh = Mesh::read(&cluster).await?;
    let rows = row::rows(&seen, &mesh);
    if rows.iter().all(|row| row.track.is_none()) {
        bail!(
            "nothing of the shop is in namespace {}; `madang cluster deploy` puts it there",
            cluster.namespace
        );
    }
    progress.show("asking the services");
    let lags = lags(&cluster).await;
    drop(progress);
    let standing = Standing { rows, lags };
    match output.is_json() {
        true => output.json(&show::value(&standing))?,
        false => output.text(&show::text(&standing))?,
    }
    let all_ready = standing.rows.iter().all(Row::is_ready);
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn lags(cluster: &Cluster) -> Result<Vec<Lag>, String> {
    let mut forwards = Forwards::new();
    let asked = async { lag::read(&forwards.shop(cluster).await?).await };
    let lags = match tokio::time::timeout(LIMIT, asked).await {
        Ok(lags) => lags,
        Err(_) => Err(anyhow!("no answer within {} s", LIMIT.as_secs())),
    };
    // Why a service could not be reached is known to what leads there, not to who asked.
    lags.map_err(|error| forwards.remark().unwrap_or_else(|| crate::exit::brief(&error)))
}

impl Standing {
    /// Events that wait for a service, and its dead letters; none where it consumes none, or it is not known.
    fn waiting(&self, service: Service) -> Option<(i64, i64)> {
        let lags = self.lags.as_ref().ok()?;
        let own = || lags.iter().filter(|lag| lag.consumer == service);
        own().next()?;
        Some((own().map(|lag| lag.events).sum(), own().map(|lag| lag.dead_letters).sum()))
    }
}

#[cfg(test)]
mod tests;
