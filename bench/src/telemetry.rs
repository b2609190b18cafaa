//! What traces cost.

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Result, ensure};
use madang_load::{Arrivals, Choice, Load, Schedule, Settings};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::shop::{PRODUCT, Shop};
use crate::sink::Sink;
use crate::stats::median;

/// More than the shop can do: what is in flight bounds it.
const RATE: f64 = 20_000.0;

/// How long and how often.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds of load for each shop
    #[arg(long, default_value = "6")]
    seconds: u64,
    /// How often all of them run, one after the other
    #[arg(long, default_value = "5")]
    rounds: usize,
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
    /// Spans that were exported, for each order.
    spans: f64,
    dropped: f64,
}

/// What a shop is told of traces: how many, and where they go.
type Mode = (&'static str, Option<(&'static str, Collector)>);

const MODES: [Mode; 5] = [
    ("off", None),
    ("1 %", Some(("0.01", Collector::There))),
    ("100 %", Some(("1", Collector::There))),
    ("100 %, nobody listens", Some(("1", Collector::Away))),
    ("100 %, nobody answers", Some(("1", Collector::Silent))),
];

/// How the collector behaves.
#[derive(Debug, Clone, Copy)]
enum Collector {
    There,
    Away,
    Silent,
}

/// Runs all modes in turn, so that what the machine does to one it does to the others, and prints the table.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let (sink, silent) = (Sink::start().await?, TcpListener::bind("127.0.0.1:0").await?);
    let away = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let url = |collector| match collector {
        Collector::There => Ok(sink.url()),
        Collector::Away => Ok(format!("http://{away}")),
        Collector::Silent => silent.local_addr().map(|address| format!("http://{address}")),
    };
    let mut rounds: Vec<Vec<Measured>> = Vec::new();
    for round in 0..args.rounds {
        let mut measured = Vec::new();
        for (name, told) in MODES {
            let told = told.map(|(ratio, collector)| Ok::<_, std::io::Error>((ratio, url(collector)?)));
            let one = measure(args, told.transpose()?).await?;
            writeln!(stdout(), "round {round}, {name}: {one:?}")?;
            measured.push(one);
        }
        rounds.push(measured);
    }
    writeln!(
        stdout(),
        "\n| traces | orders/s | of off | CPU ms/order | of off | spans/order | us CPU/span | dropped |"
    )?;
    writeln!(stdout(), "|---|---|---|---|---|---|---|---|")?;
    for (mode, (name, _)) in MODES.iter().enumerate() {
        let of = |value: &dyn Fn(&[Measured]) -> f64| median(rounds.iter().map(|round| value(round)));
        let per_span = of(&|round| {
            let more = round[mode].cpu_ms - round[0].cpu_ms;
            if round[mode].spans > 1.0 { 1000.0 * more / round[mode].spans } else { 0.0 }
        });
        writeln!(
            stdout(),
            "| {name} | {:.0} | {:.3} | {:.3} | {:.3} | {:.1} | {per_span:.1} | {:.0} |",
            of(&|round| round[mode].orders),
            of(&|round| round[mode].orders / round[0].orders),
            of(&|round| round[mode].cpu_ms),
            of(&|round| round[mode].cpu_ms / round[0].cpu_ms),
            of(&|round| round[mode].spans),
            of(&|round| round[mode].dropped),
        )?;
    }
    Ok(())
}

async fn measure(args: &Args, told: Option<(&str, String)>) -> Result<Measured> {
    let on = told
        .as_ref()
        .map(|(ratio, url)| [("MADANG_OTLP_ENDPOINT", url.as_str()), ("MADANG_TRACE_RATIO", *ratio)]);
    let shop = Shop::open(on.as_ref().map_or(&[][..], |on| on), &["--no-traces"]).await?;
    let settings = settings(&shop.text("gateway", "url"), args)?;
    let warm = Settings { schedule: Schedule::constant(RATE, Duration::from_secs(1))?, ..settings.clone() };
    Load::start(Settings { run: Uuid::from_u128(1), ..warm }).await?.report(std::future::ready(())).await?;
    let (cpu, spans) = (shop.cpu().await?, shop.count("madang_telemetry_spans_exported_total").await?);
    let report = Load::start(settings).await?.report(std::future::pending()).await?;
    ensure!(report.failed == 0 && report.unanswered == 0, "{:?}", report.errors);
    let orders = report.orders.confirmed as f64;
    let measured = Measured {
        orders: orders / report.done_seconds,
        cpu_ms: 1000.0 * (shop.cpu().await? - cpu) / orders,
        spans: (shop.count("madang_telemetry_spans_exported_total").await? - spans) / orders,
        dropped: shop.count("madang_telemetry_spans_dropped_total").await?,
    };
    shop.close().await?;
    Ok(measured)
}

fn settings(gateway: &str, args: &Args) -> Result<Settings> {
    Ok(Settings {
        gateway: gateway.to_owned(),
        connections: 4,
        schedule: Schedule::constant(RATE, Duration::from_secs(args.seconds))?,
        arrivals: Arrivals::Constant,
        mix: "order=1".parse()?,
        products: vec![PRODUCT.parse::<Choice>().map_err(anyhow::Error::msg)?],
        seed: 1,
        // Each shop is a new one.
        run: Uuid::from_u128(2),
        deadline: Duration::from_secs(10),
        in_flight: args.in_flight,
        retries: 0,
        interval: Duration::from_millis(100),
        patience: Duration::from_secs(60),
    })
}
