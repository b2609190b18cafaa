//! `madang status`: which services are ready, the orders by state, how far events have come.

mod kubernetes;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use futures::future;
use serde_json::{Value, json};

use crate::audit;
use crate::audit::lag::{self, Lag};
use crate::cluster::TargetArgs;
use crate::exit::Unreachable;
use crate::order::show::state_name;
use crate::output::{BAD, Cell, FAINT, GOOD, Output, PLAIN, Table, WAITS, styled};
use crate::shop::{FindArgs, Place, Service, Shop};
use crate::supervisor::{self, Info};

/// What `madang status` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang status
  madang status --output json | jq '.services[] | select(.ready | not)'
  madang status --kubernetes                    The shop in the cluster of the current context
  madang status --context kind-madang

Exit codes: 0 all services are ready, 1 some are not, 69 none answers, or no API server.")]
pub struct StatusArgs {
    #[command(flatten)]
    find: FindArgs,

    /// The shop on Kubernetes, in the cluster of the current context; --context says the same of another
    #[arg(long, conflicts_with = "shop")]
    kubernetes: bool,

    #[command(flatten)]
    target: TargetArgs,
}

/// One service's state.
#[derive(Debug)]
struct Standing<'a> {
    service: Service,
    place: &'a Place,
    ready: bool,
    info: Option<Info>,
}

/// What is known of the shop's work; a part whose services do not answer is told as the reason why.
#[derive(Debug)]
struct Work {
    orders: Result<BTreeMap<&'static str, usize>, String>,
    lags: Result<Vec<Lag>, String>,
}

/// Shows the shop's state.
///
/// # Errors
/// [`Unreachable`] where no service answers.
pub async fn run(args: StatusArgs, output: &Output) -> Result<ExitCode> {
    if args.kubernetes || args.target.context.is_some() || args.target.namespace.is_some() {
        return Box::pin(kubernetes::run(&args.target, output)).await;
    }
    let shop = args.find.find()?;
    let mut progress = output.progress();
    progress.show("asking the services");
    let standings = future::join_all(shop.services.iter().map(standing)).await;
    if standings.iter().all(|standing| standing.info.is_none()) {
        let url = shop.services.values().map(|place| place.admin_url.clone()).next().unwrap_or_default();
        return Err(Unreachable { url }.into());
    }
    let work = Work::read(&shop).await;
    drop(progress);
    match output.is_json() {
        true => output.json(&value(&standings, &work))?,
        false => output.text(&text(&standings, &work))?,
    }
    let all_ready = standings.iter().all(|standing| standing.ready);
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn standing<'a>((service, place): (&Service, &'a Place)) -> Standing<'a> {
    let (ready, info) = future::join(supervisor::is_ready(place), supervisor::info(place)).await;
    Standing { service: *service, place, ready, info }
}

impl Work {
    async fn read(shop: &Shop) -> Self {
        let (orders, lags) = future::join(orders(shop), lag::read(shop)).await;
        let told = |error: anyhow::Error| format!("{error:#}");
        Self { orders: orders.map_err(told), lags: lags.map_err(told) }
    }
}

async fn orders(shop: &Shop) -> Result<BTreeMap<&'static str, usize>> {
    let mut counts = BTreeMap::new();
    for order in audit::orders(shop).await? {
        *counts.entry(state_name(order.state())).or_default() += 1;
    }
    Ok(counts)
}

fn text(standings: &[Standing<'_>], work: &Work) -> String {
    let mut text = services(standings).render();
    match &work.orders {
        Ok(orders) if orders.is_empty() => text += "\nno orders yet\n",
        Ok(orders) => text += &format!("\n{}", counts(orders).render()),
        Err(error) => text += &format!("\n{}\n", styled(BAD, &format!("orders: {error}"))),
    }
    match &work.lags {
        Ok(lags) => text + &format!("\n{}", events(lags).render()),
        Err(error) => text + &format!("\n{}\n", styled(BAD, &format!("events: {error}"))),
    }
}

fn services(standings: &[Standing<'_>]) -> Table {
    let mut table = Table::new(["service", "state", "address", ">pid", "version", ">up"]);
    for Standing { service, place, ready, info } in standings {
        let state = match (ready, info) {
            (true, _) => Cell::new(GOOD, "ready"),
            (false, Some(_)) => Cell::new(WAITS, "not ready"),
            (false, None) => Cell::new(BAD, "does not answer"),
        };
        let version = info.as_ref().map_or("", |info| &info.version);
        let up = info.as_ref().map_or_else(String::new, |info| format!("{} s", info.uptime_seconds));
        let pid = place.pid.map_or_else(String::new, |pid| pid.to_string());
        let address = place.url.as_str().into();
        table.row([
            service.name().into(),
            state,
            address,
            Cell::number(pid),
            version.into(),
            Cell::number(up),
        ]);
    }
    table
}

fn counts(orders: &BTreeMap<&'static str, usize>) -> Table {
    let mut table = Table::new(["orders", ">count"]);
    for (state, count) in orders {
        let style = if *state == "STUCK" { BAD } else { PLAIN };
        table.row([Cell::new(style, *state), Cell::number(count)]);
    }
    table
}

fn events(lags: &[Lag]) -> Table {
    let mut table = Table::new(["events of", "read by", ">behind", ">dead letters", "alarm"]);
    for Lag { consumer, producer, events, dead_letters, alarm } in lags {
        let style = if *events == 0 { FAINT } else { WAITS };
        let dead = if *dead_letters == 0 { FAINT } else { BAD };
        table.row([
            producer.name().into(),
            consumer.name().into(),
            Cell::number(events).styled(style),
            Cell::number(dead_letters).styled(dead),
            Cell::new(BAD, alarm.as_str()),
        ]);
    }
    table
}

fn value(standings: &[Standing<'_>], work: &Work) -> Value {
    let service = |standing: &Standing<'_>| {
        json!({
            "service": standing.service,
            "ready": standing.ready,
            "url": standing.place.url,
            "admin_url": standing.place.admin_url,
            "pid": standing.place.pid,
            "version": standing.info.as_ref().map(|info| &info.version),
        })
    };
    json!({
        "services": standings.iter().map(service).collect::<Vec<_>>(),
        "orders": work.orders.as_ref().ok(),
        "lag": work.lags.as_ref().ok().map(|lags| lags.iter().map(Lag::value).collect::<Vec<_>>()),
    })
}
