//! The forms in which the shop is installed.

mod forms;

use crate::charts::Charts;
use crate::object::Object;
use crate::table::{Entry, Table};

/// A form of the shop: the values that make it, and what then is so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) sets: &'static [&'static str],
    /// One PostgreSQL for all services.
    pub(crate) joined: bool,
    /// A service whose database is managed by somebody else.
    pub(crate) managed: Option<&'static str>,
    pub(crate) nats: Nats,
    pub(crate) telemetry: bool,
    /// A service that has a canary.
    pub(crate) canary: Option<&'static str>,
    /// The edge has a certificate.
    pub(crate) edge_tls: bool,
}

/// What carries events beside the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nats {
    /// A server of the shop's own.
    Own,
    /// Somebody else's.
    Managed,
    /// Nothing: the feed alone.
    None,
}

/// The shop as it is without any values.
pub(crate) const PLAIN: Variant = Variant {
    sets: &[],
    joined: false,
    managed: None,
    nats: Nats::Own,
    telemetry: true,
    canary: None,
    edge_tls: false,
};

/// All forms.
pub(crate) const ALL: [Variant; 9] = [
    PLAIN,
    Variant { sets: &["global.joinPostgres=true"], joined: true, ..PLAIN },
    Variant {
        sets: &[
            "orders.database.managed.enabled=true",
            "orders.database.managed.host=db.example.com",
            "orders.database.managed.addresses={192.0.2.7/32}",
            "orders.database.caSecret=database-ca",
        ],
        managed: Some("orders"),
        ..PLAIN
    },
    Variant {
        sets: &[
            "global.nats.host=nats.example.com",
            "global.nats.url=tls://nats.example.com:4222",
            "global.nats.addresses={192.0.2.8/32}",
            "global.nats.caSecret=nats-ca",
        ],
        nats: Nats::Managed,
        ..PLAIN
    },
    Variant { sets: &["global.nats.enabled=false"], nats: Nats::None, ..PLAIN },
    Variant { sets: &["global.telemetry.enabled=false"], telemetry: false, ..PLAIN },
    Variant { sets: &["commons.edge.tlsSecret=edge-tls"], edge_tls: true, ..PLAIN },
    Variant {
        sets: &["catalog.canary.enabled=true", "catalog.canary.weight=10", "catalog.canary.image.tag=0.2.0"],
        canary: Some("catalog"),
        ..PLAIN
    },
    Variant {
        sets: &["gateway.canary.enabled=true", "gateway.canary.weight=10", "gateway.canary.image.tag=0.2.0"],
        canary: Some("gateway"),
        ..PLAIN
    },
];

impl Variant {
    /// The shop in this form.
    pub(crate) fn shop(&self, charts: &Charts) -> Vec<Object> {
        charts.shop(self.sets)
    }

    /// The PostgreSQL server of the shop's own that a service uses; none where it uses none of these.
    pub(crate) fn postgres(&self, name: &str, entry: &Entry) -> Option<String> {
        let own = entry.database && self.managed != Some(name);
        own.then(|| if self.joined { "postgres".to_owned() } else { format!("{name}-postgres") })
    }

    /// The services that speak to a broker, where there is one.
    pub(crate) fn with_events<'a>(&self, table: &'a Table) -> Vec<&'a str> {
        let there = self.nats != Nats::None;
        let events = table.table.iter().filter(|(_, entry)| entry.publishes || !entry.consumes.is_empty());
        events.filter(|_| there).map(|(name, _)| name.as_str()).collect()
    }
}

/// What a rule finds wrong with any form of the shop.
pub(crate) fn wrong(
    charts: &Charts,
    rule: impl Fn(&[Object], &Table, &Variant) -> Vec<String>,
) -> Vec<String> {
    let table = charts.table();
    let all = ALL.iter().flat_map(|variant| {
        let found = rule(&variant.shop(charts), &table, variant);
        found.into_iter().map(move |line| format!("{:?}: {line}", variant.sets))
    });
    all.collect()
}
