//! A load on one side, and what it cost there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use madang_load::{Arrivals, Choice, Histogram, Load, Report, Schedule, Settings};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::peer::Peer;
use crate::process::cpu;
use crate::shop::{PRODUCT, Shop};
use crate::skeleton::Skeleton;
use crate::stats::float;

/// What is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    /// Whose CPU is counted.
    pub(crate) pids: Vec<i32>,
}

/// How it is loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) mix: &'static str,
    pub(crate) duration: Duration,
    pub(crate) in_flight: usize,
    /// Calls a second of an open loop; a closed one where there is none.
    pub(crate) rate: Option<f64>,
    /// How often a call is sent again that the shop did not take on.
    pub(crate) retries: u32,
    /// Whether the shop may record their traces.
    pub(crate) traced: bool,
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Calls that went well.
    pub(crate) ok: f64,
    /// Those that did not, or were not sent.
    pub(crate) failed: f64,
    /// Calls that went well, a second: until the last one.
    pub(crate) per_second: f64,
    /// The same while calls were begun; who then still waits for another try does not count.
    pub(crate) per_second_loaded: f64,
    /// Milliseconds of CPU for each of those calls, of all processes; what they did after the last answer is in it.
    pub(crate) cpu_ms: f64,
    pub(crate) latency: Histogram,
    /// The run, by which its customers are named.
    pub(crate) run: String,
}

/// Processes at rest use less than this of CPU in such a pause.
const REST: Duration = Duration::from_millis(10);
const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(120);
const DEADLINE: Duration = Duration::from_secs(60);
/// Enough for any number of streams.
const CONNECTIONS: usize = 4;
const MOST_CONNECTIONS: usize = 1_000;
static RUNS: AtomicU64 = AtomicU64::new(1);

impl Target {
    /// The shop, by its gateway: all of its processes work for an order.
    pub(crate) fn shop(shop: &Shop) -> Result<Self> {
        let pids = shop.pids()?.into_iter().map(|(_, pid)| pid).collect();
        Ok(Self { url: shop.text("gateway", "url"), pids })
    }

    pub(crate) fn skeleton(skeleton: &Skeleton) -> Self {
        Self { url: skeleton.url().to_owned(), pids: skeleton.pids() }
    }

    pub(crate) fn peer(peer: &Peer) -> Self {
        Self { url: peer.url().to_owned(), pids: peer.pids().to_vec() }
    }

    /// Waits until its processes have nothing more to do: what they do after an answer belongs to it.
    pub(crate) async fn rest(&self) -> Result<()> {
        let (end, mut before) = (Instant::now() + PATIENCE, cpu(&self.pids)?);
        let mut still = 0;
        while still < 3 {
            ensure!(Instant::now() < end, "{} does not come to rest", self.url);
            sleep(PAUSE).await;
            let now = cpu(&self.pids)?;
            still = if now.saturating_sub(before) <= REST { still + 1 } else { 0 };
            before = now;
        }
        Ok(())
    }

    /// Loads it, and has it come to rest.
    pub(crate) async fn load(&self, plan: Plan) -> Result<Seen> {
        self.rest().await?;
        let before = cpu(&self.pids)?;
        let load = Load::start(settings(&self.url, plan)?).await?;
        load.done().await;
        self.rest().await?;
        let used = cpu(&self.pids)?.saturating_sub(before);
        let report = load.report(std::future::pending()).await?;
        ensure!(report.orders.wrong() == 0, "orders without a good end: {:?}", report.orders);
        Ok(Seen::of(report, used, plan.duration))
    }
}

impl Plan {
    /// Orders, as many in flight at all times.
    pub(crate) const fn orders(in_flight: usize, duration: Duration) -> Self {
        Self { mix: "order=1", duration, in_flight, rate: None, retries: 0, traced: true }
    }
}

impl Seen {
    fn of(report: Report, used: Duration, loaded: Duration) -> Self {
        let ok = float(report.ok);
        let buckets = report.series.buckets.iter();
        let in_time = buckets
            .filter(|bucket| u128::from(bucket.at_ms + report.series.interval_ms) <= loaded.as_millis());
        let in_time: u64 = in_time.map(|bucket| bucket.done - bucket.failed).sum();
        Self {
            ok,
            failed: float(report.failed + report.not_sent + report.unanswered),
            per_second: ok / report.done_seconds,
            per_second_loaded: float(in_time) / loaded.as_secs_f64(),
            cpu_ms: 1_000.0 * used.as_secs_f64() / ok,
            latency: report.latency,
            run: report.settings.run,
        }
    }

    /// A quantile of the latency, in ms.
    pub(crate) fn ms(&self, share: f64) -> f64 {
        1_000.0 * self.latency.quantile(share).as_secs_f64()
    }
}

pub(crate) fn settings(gateway: &str, plan: Plan) -> Result<Settings> {
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    Ok(Settings {
        gateway: gateway.to_owned(),
        connections: if plan.in_flight > 512 { plan.in_flight.min(MOST_CONNECTIONS) } else { CONNECTIONS },
        schedule: Schedule::constant(plan.rate.unwrap_or(1.0), plan.duration)?,
        arrivals: if plan.rate.is_some() { Arrivals::Constant } else { Arrivals::Closed },
        mix: plan.mix.parse()?,
        products: vec![PRODUCT.parse::<Choice>().map_err(anyhow::Error::msg)?],
        seed: 1,
        // Far from the one before, whose request_ids are counted from it.
        run: Uuid::from_u128(u128::from(number) << 64 | u128::from(number) << 40),
        deadline: DEADLINE,
        in_flight: plan.in_flight,
        retries: plan.retries,
        traced: plan.traced,
        interval: Duration::from_millis(100),
        patience: PATIENCE,
    })
}
