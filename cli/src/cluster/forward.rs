//! `madang cluster forward`: the services' ports on this machine, guarded by Kubernetes' own permissions.
//!
//! Each connection is forwarded to a pod that is ready at that moment. So when a pod goes, its connections end, and the next one,
//! which a client makes by itself, leads to another.

mod pod;
mod tunnel;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::target::{Cluster, TargetArgs};
use crate::output::{FAINT, Output, Table, WAITS, styled};
use crate::shop::{Place, Ports, Service, Shop};
use crate::up::{PortsChoice, Stop};

pub(crate) use tunnel::Goal;

/// What `madang cluster forward` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang cluster forward                       Then, in another terminal: madang audit
  madang cluster forward --context kind-madang
  madang cluster forward --ports free --output json > /tmp/shop.json    Then: madang audit --shop /tmp/shop.json

On a kind cluster port 8080 is the edge's already; it serves there what the gateway does.")]
pub(super) struct ForwardArgs {
    /// Which ports
    #[arg(long, value_enum, default_value_t)]
    ports: PortsChoice,
}

/// Ports of this machine that lead to pods, until this is dropped.
#[derive(Debug)]
pub(crate) struct Forwards {
    tasks: JoinSet<()>,
    remarks: mpsc::UnboundedReceiver<String>,
    say: mpsc::UnboundedSender<String>,
}

impl Forwards {
    /// None yet.
    pub(crate) fn new() -> Self {
        let (say, remarks) = mpsc::unbounded_channel();
        Self { tasks: JoinSet::new(), remarks, say }
    }

    /// Leads what connects here to a pod.
    pub(crate) fn lead(&mut self, listener: TcpListener, cluster: &Cluster, goal: Goal) {
        self.tasks.spawn(tunnel::serve(listener, cluster.api(), goal, self.say.clone()));
    }

    /// Leads a free port of this machine to a pod.
    ///
    /// # Errors
    /// Where no port is free.
    pub(crate) async fn lead_free(&mut self, cluster: &Cluster, goal: Goal) -> Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port is free")?;
        let address = listener.local_addr()?;
        self.lead(listener, cluster, goal);
        Ok(address)
    }

    /// The next remark on a connection that could not be led on, where there is one.
    pub(crate) fn remark(&mut self) -> Option<String> {
        self.remarks.try_recv().ok()
    }

    /// All services on free ports: only where they serve, not their admin ports.
    ///
    /// # Errors
    /// Where no port is free.
    pub(crate) async fn shop(&mut self, cluster: &Cluster) -> Result<Shop> {
        let mut services = BTreeMap::new();
        for service in Service::ALL {
            let address = self.lead_free(cluster, Goal::of(service, service.port())).await?;
            let (url, admin_url) = (format!("http://{address}"), String::new());
            services.insert(service, Place { url, admin_url, pid: None });
        }
        Ok(Shop { services, logs: None })
    }
}

/// Forwards all ports until Ctrl-C.
///
/// # Errors
/// Names the ports that are taken.
pub(super) async fn run(args: ForwardArgs, target: &TargetArgs, output: &Output) -> Result<ExitCode> {
    let stop = Stop::listen()?;
    let cluster = target.cluster().await?;
    let mut forwards = Forwards::new();
    let ports = match args.ports {
        PortsChoice::Default => Ports::usual(),
        PortsChoice::Free => Ports::free()?,
    };
    let shop = Shop::on(&ports);
    for (goal, port, listener) in bind_all(&ports).await? {
        match listener {
            Some(listener) => forwards.lead(listener, &cluster, goal),
            None => output.note(&styled(
                WAITS,
                &format!("port {port} is taken and left as it is: on kind the edge has it"),
            )),
        }
    }
    show(&shop, output)?;
    loop {
        tokio::select! {
            () = stop.heard() => return Ok(ExitCode::SUCCESS),
            Some(remark) = forwards.remarks.recv() => output.note(&styled(WAITS, &remark)),
        }
    }
}

type Bound = (Goal, u16, Option<TcpListener>);

/// Listens on all ports. The gateway's usual one may be taken, since kind leads it to the edge.
async fn bind_all(ports: &Ports) -> Result<Vec<Bound>> {
    let (mut bound, mut taken) = (Vec::new(), Vec::new());
    for service in Service::ALL {
        let (own, there) = (ports.of(service), service.port());
        for (port, there) in [(own, there), (Ports::admin(own), Ports::admin(there))] {
            let goal = Goal::of(service, there);
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(listener) => bound.push((goal, port, Some(listener))),
                Err(_) if port == Service::Gateway.port() => bound.push((goal, port, None)),
                Err(error) => taken.push(format!("{port} ({service}: {error})")),
            }
        }
    }
    match taken.is_empty() {
        true => Ok(bound),
        false => {
            let taken = taken.join(", ");
            bail!("these ports cannot be had: {taken}; `--ports free` chooses others")
        }
    }
}

fn show(shop: &Shop, output: &Output) -> Result<()> {
    if output.is_json() {
        return Ok(output.json(&serde_json::to_value(shop)?)?);
    }
    let mut table = Table::new(["service", "address", "admin"]);
    for (service, Place { url, admin_url, .. }) in &shop.services {
        let address = if service.owns_data() { url.trim_start_matches("http://") } else { url };
        table.row([service.name().into(), address.into(), admin_url.as_str().into()]);
    }
    output.text(&table.render())?;
    Ok(output.line(&styled(FAINT, "forwarded until Ctrl-C"))?)
}

#[cfg(test)]
mod tests;
