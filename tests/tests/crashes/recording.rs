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

    /// Deaths at each point, up to so many: each of its hits, or some from the first to the last, with and without a stall.
    pub(crate) fn deaths(&self, most: usize) -> Vec<Death> {
        let deaths = |((service, point), hits): (&(Service, String), &usize)| {
            let death = |(hit, stalls)| Death { service: *service, point: point.clone(), hit, stalls };
            spread(*hits, most).into_iter().map(death).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(deaths).collect()
    }
}

/// Of so many hits those that are visited, each with whether it stalls.
fn spread(hits: usize, most: usize) -> Vec<(usize, bool)> {
    if 2 * hits <= most {
        return (1..=hits).flat_map(|hit| [(hit, false), (hit, true)]).collect();
    }
    let count = most.min(hits);
    // The first and the last, and others at equal distances.
    let hit = |index: usize| 1 + index * (hits - 1) / (count - 1).max(1);
    (0..count).map(|index| (hit(index), index % 2 == 1)).collect()
}

#[test]
fn few_hits_are_visited_in_both_ways_and_many_are_spread() {
    assert_eq!(spread(1, 6), [(1, false), (1, true)]);
    assert_eq!(spread(4, 6), [(1, false), (2, true), (3, false), (4, true)]);
    assert_eq!(spread(26, 6), [(1, false), (6, true), (11, false), (16, true), (21, false), (26, true)]);
    assert_eq!(spread(3, 1), [(1, false)]);
}
