use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, Interval, interval};

use super::lag::{self, Lag};
use super::{Report, gather, judge};
use crate::output::Progress;
use crate::shop::Shop;

const BETWEEN: Duration = Duration::from_millis(200);

/// Waits until no event is under way and audits the shop; a violation must be found twice in a row.
///
/// # Errors
/// Where a service cannot be read, a consumer stopped for good, or the shop does not come to rest within the limit.
pub async fn settle(shop: &Shop, limit: Duration, progress: &mut Progress) -> Result<Report> {
    let start = Instant::now();
    let mut poll = interval(BETWEEN);
    // The first is over at once; each further one is a pause.
    poll.tick().await;
    let mut before: Option<Report> = None;
    loop {
        let lags = rest(shop, start + limit, &mut poll, progress).await?;
        progress.show("reading orders, ledger, stock, shipments and notifications");
        let reading = read(shop).await?;
        let agreed = reading.as_ref().filter(|it| it.is_clean() || before.as_ref() == Some(*it));
        if let Some(report) = agreed {
            return Ok(Report { lags, waited: start.elapsed(), ..report.clone() });
        }
        if start.elapsed() >= limit {
            bail!("the shop did not come to rest within {} s: orders keep changing", limit.as_secs());
        }
        before = reading;
        poll.tick().await;
    }
}

/// Judges the facts; nothing where an order changed while they were gathered.
async fn read(shop: &Shop) -> Result<Option<Report>> {
    let orders = gather::orders(shop).await?;
    let facts = gather::facts(shop, orders).await?;
    let unchanged = gather::orders(shop).await? == facts.orders;
    Ok(unchanged.then(|| judge(&facts)))
}

/// Waits until no event is under way.
async fn rest(shop: &Shop, end: Instant, poll: &mut Interval, progress: &mut Progress) -> Result<Vec<Lag>> {
    loop {
        let lags = lag::read(shop).await?;
        if let Some(lag) = lags.iter().find(|lag| !lag.alarm.is_empty()) {
            bail!("{} has stopped reading the events of {}: {}", lag.consumer, lag.producer, lag.alarm);
        }
        let Some(lag) = lags.iter().max_by_key(|lag| lag.events).filter(|lag| lag.events > 0) else {
            return Ok(lags);
        };
        let events = if lag.events == 1 { "event" } else { "events" };
        let told = format!("{} is {} {events} behind {}", lag.consumer, lag.events, lag.producer);
        if Instant::now() >= end {
            bail!("events are still under way: {told}");
        }
        progress.show(&format!("waiting for events: {told}"));
        poll.tick().await;
    }
}
