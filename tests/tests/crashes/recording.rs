//! Which points there are and how often each is reached, learned from a run in which nobody dies.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use madang_tests::wait::PATIENCE;
use madang_tests::{Service, Shop};
use tempfile::TempDir;

use crate::books;
use crate::scenario::{Cast, lived_in};
use crate::visit::Death;

/// The variable of the crate madang-crash.
const LOG: &str = "MADANG_CRASH_LOG";
/// Producers before consumers, so that no subscription is made twice, which is no visit's way.
const ORDER: [Service; 8] = [
    Service::Catalog,
    Service::Orders,
    Service::Payments,
    Service::Shipping,
    Service::Inventory,
    Service::Notifications,
    Service::Gateway,
    Service::Console,
];

/// How often the scenario is played, so that points that it reaches once have a second hit.
const PLAYS: usize = 2;

/// The hits of each point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording(BTreeMap<(Service, String), usize>);

impl Recording {
    /// Plays the scenario in a shop whose every process was just started on the data it had, as in a visit.
    ///
    /// # Errors
    /// Where the shop fails, or has no points.
    pub(crate) async fn of_a_visit() -> Result<Self> {
        let logs = TempDir::new()?;
        let mut shop = lived_in().await?;
        for service in ORDER {
            shop.kill_nine(service)?;
            shop.set(service, LOG, logs.path().join(service.name()).to_str());
            shop.start(service).await?;
        }
        let cast = Cast::new(&shop, PATIENCE);
        let mut played = Vec::new();
        for _ in 0..PLAYS {
            played.extend(cast.play().await?);
        }
        books::check(&shop, &[(cast, played)], PATIENCE).await?;
        Self::read(&logs)
    }

    /// Opens a shop on empty databases.
    ///
    /// # Errors
    /// Where the shop fails, or has no points.
    pub(crate) async fn of_an_opening() -> Result<Self> {
        let logs = TempDir::new()?;
        let log = |service: &Service| logs.path().join(service.name());
        let logs_of = ORDER.map(|service| (service, log(&service).display().to_string()));
        let settings = logs_of.each_ref().map(|(service, log)| (*service, LOG, log.as_str()));
        let mut shop = Shop::new(&settings)?;
        for service in ORDER {
            shop.start(service).await?;
        }
        Self::read(&logs)
    }

    fn read(logs: &TempDir) -> Result<Self> {
        let mut hits = BTreeMap::new();
        for service in ORDER {
            // A process without a point has no log.
            let log = std::fs::read_to_string(logs.path().join(service.name())).unwrap_or_default();
            for point in log.lines() {
                *hits.entry((service, point.to_owned())).or_default() += 1;
            }
        }
        ensure!(
            !hits.is_empty(),
            "the binaries have no points: build them with --features madang-crash/points, as `make test` does"
        );
        Ok(Self(hits))
    }

    /// How many points each service has.
    pub(crate) fn points(&self) -> BTreeMap<Service, usize> {
        let mut counts = BTreeMap::new();
        for (service, _) in self.0.keys() {
            *counts.entry(*service).or_default() += 1;
        }
        counts
    }

    /// Each hit of each point, up to so many of each.
    pub(crate) fn deaths(&self, most: usize) -> Vec<Death> {
        let deaths = |((service, point), hits): (&(Service, String), &usize)| {
            let (service, point) = (*service, point.clone());
            (1..=most.min(*hits)).map(move |hit| Death { service, point: point.clone(), hit })
        };
        self.0.iter().flat_map(deaths).collect()
    }
}
