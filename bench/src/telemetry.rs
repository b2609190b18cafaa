//! What traces cost.

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::RngExt as _;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tokio::net::TcpListener;

use crate::goals::measure::{Plan, Target};
use crate::shop::Shop;
use crate::sink::Sink;
use crate::stats::{bounds, median};

/// How long and how often.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Milliseconds of load for a shop without its traces, and with them, before it is the next one's turn
    #[arg(long, default_value = "1000")]
    slice: u64,
    /// How often it is each shop's turn before all are closed and new ones opened
    #[arg(long, default_value = "12")]
    turns: usize,
    /// How often shops are opened
    #[arg(long, default_value = "4")]
    rounds: u64,
    /// Orders in flight
    #[arg(long, default_value = "64")]
    in_flight: usize,
}

/// How a shop was fast.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// Orders a second.
    orders: f64,
    /// Milliseconds of CPU for each order, of all services together.
    cpu_ms: f64,
    /// Spans that were exported, and that were dropped, for each order.
    spans: f64,
    dropped: f64,
}

/// What a shop is told of traces: how many, and where they go.
type Mode = (&'static str, Option<(&'static str, Collector)>);

const MODES: [Mode; 5] = [
    // What this measurement makes of nothing.
    ("none", None),
    ("1 %", Some(("0.01", Collector::There))),
    ("100 %", Some(("1", Collector::There))),
    ("100 %, nobody listens", Some(("1", Collector::Away))),
    ("100 %, nobody answers", Some(("1", Collector::Silent))),
];

/// What a shop did in a turn: without its traces, and with them.
#[derive(Debug, Clone, Copy)]
struct Pair {
    off: Measured,
    on: Measured,
}

/// How the collector behaves.
#[derive(Debug, Clone, Copy)]
enum Collector {
    There,
    Away,
    Silent,
}

/// Gives all modes their turns and prints the table.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let (sink, silent) = (Sink::start().await?, TcpListener::bind("127.0.0.1:0").await?);
    let away = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let (there, away, silent) =
        (sink.url(), format!("http://{away}"), format!("http://{}", silent.local_addr()?));
    let url = |collector| match collector {
        Collector::There => there.as_str(),
        Collector::Away => &away,
        Collector::Silent => &silent,
    };
    let mut turns = Vec::new();
    for round in 1..=args.rounds {
        let mut shops = Vec::new();
        for (_, told) in MODES {
            shops.push(open(told.map(|(ratio, collector)| (ratio, url(collector)))).await?);
        }
        turns.extend(take_turns(args, &shops, round).await?);
        for shop in shops {
            shop.close().await?;
        }
        writeln!(stdout(), "round {round} of {} done", args.rounds)?;
    }
    print(&turns)
}

async fn open(told: Option<(&str, &str)>) -> Result<Shop> {
    let on = told.map(|(ratio, url)| [("MADANG_OTLP_ENDPOINT", url), ("MADANG_TRACE_RATIO", ratio)]);
    Shop::open(on.as_ref().map_or(&[][..], |on| on), &["--no-traces"]).await
}

/// What each mode did in each turn. The first turn warms up and does not count.
///
/// One shop is faster than the next for as long as both live, whatever they are told, and the machine is not as fast in one second as in
/// the next. So a shop is compared with itself, for a second each: with calls whose traces are not sampled, which is as if there were no
/// traces, and with others. Which comes first is drawn, and so is the order of the shops.
async fn take_turns(args: &Args, shops: &[Shop], seed: u64) -> Result<Vec<Vec<Pair>>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..shops.len()).collect();
    let mut turns = Vec::new();
    for _ in 0..=args.turns {
        order.shuffle(&mut random);
        let mut pairs = Vec::new();
        for &mode in &order {
            let first = random.random();
            let (one, other) =
                (measure(args, &shops[mode], first).await?, measure(args, &shops[mode], !first).await?);
            let (on, off) = if first { (one, other) } else { (other, one) };
            pairs.push((mode, Pair { off, on }));
        }
        pairs.sort_by_key(|(mode, _)| *mode);
        turns.push(pairs.into_iter().map(|(_, pair)| pair).collect());
    }
    Ok(turns.split_off(1))
}

async fn measure(args: &Args, shop: &Shop, traced: bool) -> Result<Measured> {
    const EXPORTED: &str = "madang_telemetry_spans_exported_total";
    const DROPPED: &str = "madang_telemetry_spans_dropped_total";
    let before = (shop.count(EXPORTED).await?, shop.count(DROPPED).await?);
    let plan = Plan { traced, ..Plan::orders(args.in_flight, Duration::from_millis(args.slice)) };
    let seen = Target::shop(shop)?.load(plan).await?;
    ensure!(seen.failed == 0.0, "{} orders failed", seen.failed);
    Ok(Measured {
        orders: seen.per_second,
        cpu_ms: seen.cpu_ms,
        spans: (shop.count(EXPORTED).await? - before.0) / seen.ok,
        dropped: (shop.count(DROPPED).await? - before.1) / seen.ok,
    })
}

fn print(turns: &[Vec<Pair>]) -> Result<()> {
    let mut out = stdout();
    writeln!(
        out,
        "\n{} turns; ratios are medians of a shop's own within a turn, with the bounds between which the true ones are at 95 %\n",
        turns.len()
    )?;
    writeln!(
        out,
        "| traces | orders/s | of unsampled | CPU ms/order | of unsampled | spans/order | us CPU/span | dropped/order |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for (mode, (name, _)) in MODES.iter().enumerate() {
        let of = |value: &dyn Fn(&Pair) -> f64| median(turns.iter().map(|turn| value(&turn[mode])));
        let ratio = |value: &dyn Fn(&Measured) -> f64| {
            let in_turn = |turn: &Vec<Pair>| value(&turn[mode].on) / value(&turn[mode].off);
            let ratios: Vec<f64> = turns.iter().map(in_turn).collect();
            let (least, most) = bounds(ratios.iter().copied());
            format!("{:.3} ({least:.3} to {most:.3})", median(ratios))
        };
        let (spans, more) = (of(&|pair| pair.on.spans), of(&|pair| pair.on.cpu_ms - pair.off.cpu_ms));
        writeln!(
            out,
            "| {name} | {:.0} | {} | {:.3} | {} | {spans:.1} | {:.1} | {:.1} |",
            of(&|pair| pair.on.orders),
            ratio(&|measured| measured.orders),
            of(&|pair| pair.on.cpu_ms),
            ratio(&|measured| measured.cpu_ms),
            if spans > 1.0 { 1000.0 * more / spans } else { 0.0 },
            of(&|pair| pair.on.dropped),
        )?;
    }
    Ok(())
}
