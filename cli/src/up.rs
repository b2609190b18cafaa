//! `madang up`: the shop stays open until Ctrl-C, and what dies is started again.

mod open;
mod stop;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{ValueEnum, value_parser};
use serde_json::{Value, json};

use crate::args::MAX_SECONDS;
use crate::output::{Cell, FAINT, Output, Table, WAITS, styled};
use crate::shop::{Folder, Ports, Service, Shop};
use crate::supervisor::{self, DEFAULT_LOG_LEVEL, Plan, Supervisor};

pub(crate) use open::open;
pub(crate) use stop::Stop;

/// How long the services of a phase may take to end: their own drain, and a second for the rest.
pub(crate) const GRACE: Duration = Duration::from_secs(16);
/// How long services may take to be ready.
pub(crate) const READY: Duration = Duration::from_secs(30);

/// What `madang up` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  madang up                             On the usual ports, data in ~/.local/share/madang
  madang up --data /tmp/shop            Another shop's data
  madang up --data /tmp/shop --ports free
  madang order place --shop /tmp/shop/shop.json --line celadon-tea-cup=1

The data stays when the shop closes. Each service logs to logs/<service>.log in the data folder; a log that grows beyond 16 MiB is
set aside as <service>.log.1. The console receives all traces, on port 4317 or another free one: see `madang trace`. To send them to
another collector, use --no-traces and set MADANG_OTLP_ENDPOINT.
On Linux the services end even when madang itself is killed.")]
pub struct UpArgs {
    /// Where databases, logs and shop.json are
    #[arg(long, env = "MADANG_DATA", value_name = "FOLDER")]
    pub data: Option<PathBuf>,

    /// Which ports
    #[arg(long, value_enum, default_value_t)]
    pub ports: PortsChoice,

    /// What the services log, such as `info` or `warn,madang_orders=debug`
    #[arg(long, env = "MADANG_LOG_LEVEL", value_name = "FILTER", default_value = DEFAULT_LOG_LEVEL)]
    pub log_level: String,

    /// Have no traces sent to the console
    #[arg(long)]
    pub no_traces: bool,

    /// How long the services may take to be ready
    #[arg(long, value_name = "SECONDS", default_value_t = READY.as_secs(), value_parser = value_parser!(u64).range(..=MAX_SECONDS))]
    pub wait: u64,

    /// How long services may take to end before they are killed: gateway and console first, then orders, then the rest
    #[arg(long, value_name = "SECONDS", default_value_t = GRACE.as_secs(), value_parser = value_parser!(u64).range(..=MAX_SECONDS))]
    pub grace: u64,
}

/// Where the services listen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PortsChoice {
    /// gRPC on 50051 to 50056, the gateway on 8080, the console on 8081
    #[default]
    Default,
    /// Ports that are free now
    Free,
}

/// Opens the shop and keeps it open.
///
/// # Errors
/// Where the folder is in use, a port is taken, or a service is not ready in time.
pub async fn run(args: UpArgs, output: &Output) -> Result<ExitCode> {
    let stop = Stop::listen()?;
    let folder = Folder::create(args.data.as_deref().unwrap_or(Folder::usual().path()))?;
    let _lock = folder.lock()?;
    let ports = || match args.ports {
        PortsChoice::Default => Ports::usual_if_free(),
        PortsChoice::Free => Ports::free(),
    };
    let plan = || Ok(Plan::new(folder.clone(), ports()?)?.logging(&args.log_level).tracing(!args.no_traces));
    let grace = Duration::from_secs(args.grace);
    let opening = open(plan, Duration::from_secs(args.wait), output);
    let mut supervisor = tokio::select! {
        opened = opening => opened?,
        () = stop.heard() => bail!("interrupted before the shop was open"),
    };
    let watched = serve(&mut supervisor, args.ports, &stop, output).await;
    close(&mut supervisor, &stop, grace, output).await;
    watched.map(|()| ExitCode::SUCCESS)
}

async fn serve(supervisor: &mut Supervisor, ports: PortsChoice, stop: &Stop, output: &Output) -> Result<()> {
    supervisor.folder().tell(supervisor.shop())?;
    show(supervisor, output).await?;
    if let Some(port) =
        supervisor.otlp().filter(|_| ports == PortsChoice::Default && !supervisor.has_usual_otlp())
    {
        output
            .note(&styled(WAITS, &format!("port 4317 is taken; the console receives traces on port {port}")));
    }
    watch::watch(supervisor, stop, output).await
}

async fn close(supervisor: &mut Supervisor, stop: &Stop, grace: Duration, output: &Output) {
    output.note("closing the shop; Ctrl-C once more ends it at once");
    let killed = tokio::select! {
        killed = supervisor.stop(grace) => killed,
        () = stop.heard() => supervisor.kill_all().await,
    };
    for service in killed {
        output.note(&styled(WAITS, &format!("{service} did not end by itself and was killed")));
    }
    supervisor.folder().untell();
    output.note(&format!("closed; the data stays in {}", supervisor.folder().path().display()));
}

async fn show(supervisor: &Supervisor, output: &Output) -> Result<()> {
    let shop = supervisor.shop();
    let mut versions = Vec::new();
    for (service, place) in &shop.services {
        let info = supervisor::info(place).await;
        versions.push((*service, info.map_or_else(|| "?".to_owned(), |info| info.version)));
    }
    if output.is_json() {
        return Ok(output.json(&value(supervisor, &versions))?);
    }
    output.text(&table(shop, &versions).render())?;
    let folder = supervisor.folder();
    let hint = match folder.path() == Folder::usual().path() {
        true => String::new(),
        false => format!("; other commands find it with --shop {}", folder.shop_file().display()),
    };
    output.line(&format!("data in {}{hint}", folder.path().display()))?;
    if supervisor.otlp().is_some() {
        let console = shop.url(Service::Console);
        output.line(&format!("traces of orders at {console}/, or by `madang trace ORDER_ID`"))?;
    }
    output.line(&styled(FAINT, "the shop is open until Ctrl-C"))?;
    Ok(())
}

fn table(shop: &Shop, versions: &[(Service, String)]) -> Table {
    let mut table = Table::new(["service", "address", "admin", ">pid", "version"]);
    for ((service, place), (_, version)) in shop.services.iter().zip(versions) {
        let address = match service.owns_data() {
            true => place.url.trim_start_matches("http://"),
            false => &place.url,
        };
        let pid = place.pid.map_or_else(String::new, |pid| pid.to_string());
        let version = version.as_str().into();
        let admin = place.admin_url.as_str().into();
        table.row([service.name().into(), address.into(), admin, Cell::number(pid), version]);
    }
    table
}

fn value(supervisor: &Supervisor, versions: &[(Service, String)]) -> Value {
    let shop = supervisor.shop();
    let service =
        |((service, place), (_, version)): ((&Service, &crate::shop::Place), &(Service, String))| {
            json!({
                "service": service,
                "url": place.url,
                "admin_url": place.admin_url,
                "pid": place.pid,
                "version": version,
            })
        };
    let services: Vec<Value> = shop.services.iter().zip(versions).map(service).collect();
    let otlp = supervisor.otlp().map(|port| format!("http://127.0.0.1:{port}"));
    json!({ "data": supervisor.folder().path(), "services": services, "otlp": otlp })
}
