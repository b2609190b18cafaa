//! Events of orders' outbox that wait for their publisher.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_chassis::Platform;
use madang_db::{Config, Db, Kind, Tx};
use madang_events::{BATCH, NewEvent, Outbox, OutboxConfig, Transport, TransportArgs, publish};
use madang_orders::domain::Order;
use madang_types::OrderId;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::Rate;
use crate::goals::made;
use crate::process::own_cpu;

/// For all events to be stamped, or published; and for the tasks to end.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between looks how far the publisher is: little beside what it needs for all.
const BETWEEN: Duration = Duration::from_millis(5);
const PUBLISHED: &str = "madang_outbox_published_position ";

/// A database whose events have their positions, and are in no stream.
#[derive(Debug)]
pub(super) struct Backlog {
    db: Db,
    events: u64,
    _folder: TempDir,
}

/// The outbox of a process of orders.
#[derive(Debug)]
struct Running {
    platform: Platform,
    outbox: Outbox,
}

impl Backlog {
    pub(super) async fn fill(events: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = Config::sqlite(folder.path().join("orders.db"));
        let db = Db::open(&config, madang_orders::migrations()).await?;
        let order = made::order()?;
        let now = Platform::system(madang_orders::SERVICE).clock.now();
        let event = |_| made::confirmed(&Order { id: OrderId::new(made::uuid()), ..order.clone() });
        let mut left = usize::try_from(events)?;
        while left > 0 {
            let some: Vec<NewEvent> = (0..left.min(BATCH)).map(event).collect();
            left -= some.len();
            let work = move |tx: &mut Tx<'_>| {
                tx.tell_time(now);
                some.iter().try_for_each(|event| publish(tx, event))
            };
            db.write::<_, madang_db::Error, _>(Kind::Request, work).await?;
        }
        let running = Running::start(&db, &TransportArgs::default()).await?;
        let (last, mut stamped) = (i64::try_from(events)?, running.outbox.last_position());
        timeout(PATIENCE, stamped.wait_for(|position| *position >= last)).await??;
        running.end().await?;
        Ok(Self { db, events, _folder: folder })
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Has all of them published to a server that has no stream of them. The time counts from the first window on: neither the
    /// connection nor the new stream is in it.
    pub(super) async fn publish(&self, url: &str) -> Result<Rate> {
        let args = TransportArgs { nats_url: vec![url.parse()?], ..TransportArgs::default() };
        let running = Running::start(&self.db, &args).await?;
        let first = running.published(1).await?;
        let (begun, cpu) = (Instant::now(), own_cpu()?);
        let last = running.published(self.events).await?;
        let (took, cpu) = (begun.elapsed(), own_cpu()?.saturating_sub(cpu));
        running.end().await?;
        Ok(Rate { events: last - first, took, cpu })
    }
}

impl Running {
    async fn start(db: &Db, args: &TransportArgs) -> Result<Self> {
        let platform = Platform::system(madang_orders::SERVICE);
        let transport = Transport::connect(args, &platform).await?;
        let outbox = Outbox::start(db, &platform, &OutboxConfig { transport, ..OutboxConfig::default() });
        Ok(Self { platform, outbox })
    }

    /// Waits until the position is published, and gives the last one that is.
    async fn published(&self, position: u64) -> Result<u64> {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.platform.metrics.text();
            let last = text.lines().find_map(|line| line.strip_prefix(PUBLISHED));
            let last = last.context("no metric tells what is published")?.parse()?;
            if last >= position {
                return Ok(last);
            }
            ensure!(Instant::now() < end, "the events are not published: {last}");
            sleep(BETWEEN).await;
        }
    }

    async fn end(self) -> Result<()> {
        self.platform.shutdown.begin();
        ensure!(self.platform.tasks.wait(PATIENCE).await, "the outbox does not end");
        Ok(())
    }
}
