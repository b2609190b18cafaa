//! Negative controls: each takes one mechanism away from real services, from outside, by a trigger in the SQLite file. Then
//! what the suite does must fail.

mod power;

use std::time::Duration;

use anyhow::{Context, Result};
use madang_tests::backends::{Backends, skipped};
use madang_tests::{Service, Shop};
use rusqlite::Connection;

use crate::visit::{Death, visit};

pub(crate) use power::lose_commits;

/// How long anything may take here: what the shop does not do by then it does not do at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

const CONSUMERS: &[Service] =
    &[Service::Inventory, Service::Payments, Service::Shipping, Service::Notifications];

/// A mechanism that is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// One event in four is lost between commit and relay, as where events are published after the commit, without an outbox.
    Outbox,
    /// A consumer's cursor does not move.
    Cursor,
    /// A consumer's cursor moves one too far now and then: an event is taken for applied.
    Skip,
    /// A request_id is not kept.
    Requests,
    /// A void of a payment that finds nothing leaves nothing.
    Tombstones,
    /// What was committed is lost: [`lose_commits`].
    Durability,
}

impl Control {
    /// A shop without the mechanism; none where this run is on other backends than the triggers are for.
    pub(crate) async fn open(self) -> Option<Shop> {
        if Backends::of_this_run().is_ok_and(|backends| backends != Backends::LOCAL) {
            skipped(&format!("the control {self:?}"), "its triggers are SQLite's");
            return None;
        }
        let mut shop = Shop::open().await.expect("a shop opens");
        self.install(&mut shop).await.expect("the mechanism is switched off");
        Some(shop)
    }

    /// Switches it off while the services are dead.
    async fn install(self, shop: &mut Shop) -> Result<()> {
        let Some((services, trigger)) = self.trigger() else { return Ok(()) };
        for service in services {
            shop.kill_nine(*service)?;
            let file = shop.file(*service).context("it is on SQLite")?;
            Connection::open(file)?.execute_batch(&format!("CREATE TRIGGER control AFTER {trigger}; END"))?;
            shop.start(*service).await?;
        }
        Ok(())
    }

    fn trigger(self) -> Option<(&'static [Service], &'static str)> {
        Some(match self {
            Self::Outbox => (
                &[Service::Orders, Service::Payments, Service::Shipping],
                "INSERT ON events_outbox WHEN substr(hex(NEW.event_id), 32, 1) IN ('3', '7', 'A', 'E')
                 BEGIN DELETE FROM events_outbox WHERE seq = NEW.seq; UPDATE events_relay SET position = position - 1",
            ),
            Self::Cursor => (
                CONSUMERS,
                "UPDATE ON events_cursors
                 BEGIN UPDATE events_cursors SET position = OLD.position WHERE producer = NEW.producer",
            ),
            Self::Skip => (
                CONSUMERS,
                "UPDATE ON events_cursors WHEN NEW.position > OLD.position AND NEW.position % 4 = 0
                 BEGIN UPDATE events_cursors SET position = NEW.position + 1 WHERE producer = NEW.producer",
            ),
            Self::Requests => (
                &[Service::Orders],
                "INSERT ON events_requests
                 BEGIN DELETE FROM events_requests WHERE request_id = NEW.request_id",
            ),
            Self::Tombstones => (
                &[Service::Payments],
                "INSERT ON payments WHEN NEW.state = 'VOIDED' AND NEW.amount IS NULL
                 BEGIN DELETE FROM payments WHERE order_id = NEW.order_id",
            ),
            Self::Durability => return None,
        })
    }

    /// Makes visits that a whole shop survives, until one fails. Says which check failed, or nothing where none did.
    pub(crate) async fn caught(self, mut shop: Shop, deaths: &[(Service, &str)]) -> Option<String> {
        for (service, point) in deaths {
            let death = Death { service: *service, point: (*point).to_owned(), hit: 1, stalls: false };
            if let Err(error) = visit(&mut shop, std::slice::from_ref(&death), PATIENCE).await {
                return Some(format!("without {self:?}, {death}: {}", caught_by(&error)));
            }
        }
        None
    }
}

/// The checks that may catch a control; nothing else may fail.
const CHECKS: [&str; 6] = [
    "the audit: ",
    "one order for each request: ",
    "an acknowledged order is lost: ",
    "told once: ",
    "paid once: ",
    "a parcel to depart",
];

/// Which check failed and how; of an audit's report, the first violations.
///
/// # Panics
/// Where it was no check.
pub(crate) fn caught_by(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    assert!(CHECKS.iter().any(|check| text.contains(check)), "no check failed: {text}");
    let report = text.lines().skip_while(|line| !line.contains("\"violations\": [")).map(str::trim);
    let violations = report.filter(|line| line.starts_with("\"detail\"") || line.starts_with("\"rule\""));
    let told: Vec<_> = text.lines().take(1).chain(violations.take(4)).collect();
    told.join(" ")
}
