//! What must be there before anything is changed: all that is missing is told at once, each with how to get it.

mod judge;
mod machine;
mod server;

use std::path::Path;

use anyhow::{Result, bail};

use super::target::Cluster;
use super::tool::Tools;
use crate::output::{BAD, Output, WAITS, styled};

pub(crate) use judge::{Lack, of_machine, of_server};
pub(crate) use machine::{Machine, Wants};
pub(crate) use server::Server;

/// Looks at this machine.
///
/// # Errors
/// Only where `madang` itself cannot run programs; what is missing is in the answer.
pub(super) async fn machine(wants: &Wants, name: &str) -> Result<Vec<Lack>> {
    let seen = Machine::observe(&Tools::new()?, wants, name).await;
    Ok(of_machine(&seen, wants))
}

/// Looks at a cluster, and at what you may do there.
///
/// # Errors
/// Where the API server refuses to say.
pub(super) async fn server(cluster: &Cluster, gets_platform: bool) -> Result<Vec<Lack>> {
    let seen = Server::observe(cluster).await?.with_permissions(cluster).await?;
    Ok(of_server(&seen, gets_platform))
}

/// Looks at what the shop stands on. Who deploys one service needs no permission for the others.
///
/// # Errors
/// Where the API server refuses to say.
pub(super) async fn platform(cluster: &Cluster) -> Result<Vec<Lack>> {
    Ok(of_server(&Server::observe(cluster).await?, false))
}

/// A file or folder that was named must be there.
pub(super) fn path(path: &Path, flag: &str) -> Option<Lack> {
    let how = format!("name another with {flag}, or run this in the folder of the repository");
    (!path.exists()).then(|| Lack::new(format!("{} is not there", path.display()), how))
}

/// Tells what is missing.
///
/// # Errors
/// Where something is without which it cannot go on.
pub(super) fn tell(lacks: &[Lack], output: &Output) -> Result<()> {
    // What is got in the same way is told how once.
    for alike in lacks.chunk_by(|one, next| one.how == next.how) {
        for Lack { what, is_fatal, .. } in alike {
            let (style, title) = if *is_fatal { (BAD, "missing:") } else { (WAITS, "remark:") };
            output.note(&format!("{} {what}", styled(style, title)));
        }
        alike.first().into_iter().for_each(|lack| output.note(&format!("  {}", lack.how)));
    }
    match lacks.iter().filter(|lack| lack.is_fatal).count() {
        0 => Ok(()),
        1 => bail!("something is missing; nothing was changed"),
        count => bail!("{count} things are missing; nothing was changed"),
    }
}
