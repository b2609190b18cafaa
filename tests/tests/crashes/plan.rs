//! Which visits are made. MADANG_CRASH_VISITS says how many (`all` for each hit of each point), MADANG_TEST_SEED which ones
//! and in which order, MADANG_CRASH_POINT names a single one, as a failure does.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use madang_tests::backends::Carrier;
use madang_tests::random::{self, Random};
use madang_tests::{Backends, Service};

use crate::recording::Recording;
use crate::visit::Death;

const VISITS: &str = "MADANG_CRASH_VISITS";
const POINT: &str = "MADANG_CRASH_POINT";

/// Deaths at each point, spread over the hits that two scenarios bring: orders come by on all their ways.
const DEATHS: usize = 6;
/// Visits of one point and of two points, of a short run and of a full one.
const SHORT: (usize, usize) = (24, 4);
const FULL: (usize, usize) = (usize::MAX, 100);

/// Openings of a short run.
const OPENINGS: usize = 3;

/// Points that no scenario reaches for sure where NATS carries the events: then the feed is read only by who starts, or has
/// missed something.
const BY_CHANCE_WITH_NATS: &str = "feed/";

/// The visits of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Each with the deaths that it brings.
    pub(crate) visits: Vec<Vec<Death>>,
    /// Points that are not visited.
    pub(crate) left_out: BTreeSet<String>,
}

impl Plan {
    /// What the variables ask for.
    ///
    /// # Errors
    /// Where they say nonsense.
    pub(crate) fn of_this_run(recording: &Recording) -> Result<Self> {
        let variable = |name| std::env::var(name).ok();
        let seed = random::seed();
        let with_nats = Backends::of_this_run()?.carrier == Carrier::Nats;
        let by_chance = |death: &Death| with_nats && death.point.starts_with(BY_CHANCE_WITH_NATS);
        let (left_out, deaths): (Vec<_>, Vec<_>) = recording.deaths(DEATHS).into_iter().partition(by_chance);
        let left_out =
            left_out.iter().map(|Death { service, point, .. }| format!("{service} at {point}")).collect();
        if let Some(named) = variable(POINT) {
            let known = |name: &str| deaths.iter().find(|death| death.to_string() == name).cloned();
            let visit: Option<Vec<_>> = named.split(" and ").map(known).collect();
            let visit = visit.with_context(|| format!("{POINT}={named}: there is no such point"))?;
            return Ok(Self { seed, visits: vec![visit], left_out });
        }
        let (single, double) = match variable(VISITS).as_deref() {
            None => SHORT,
            Some("all") => FULL,
            Some(count) => (count.parse().with_context(|| format!("{VISITS}={count}"))?, SHORT.1),
        };
        let mut random = Random::new(seed, 0);
        let mut visits: Vec<_> =
            sample(deaths.clone(), &mut random, single).into_iter().map(|it| vec![it]).collect();
        visits.extend((0..double).map(|_| pair(&deaths, &mut random)));
        Ok(Self { seed, visits, left_out })
    }
}

/// So many of them in any order, and first one of each service.
fn sample(mut deaths: Vec<Death>, random: &mut Random, count: usize) -> Vec<Death> {
    deaths.sort_by_cached_key(|_| random.below(u64::MAX));
    let mut met: BTreeSet<Service> = BTreeSet::new();
    let (mut sample, rest): (Vec<_>, Vec<_>) =
        deaths.into_iter().partition(|death| met.insert(death.service));
    sample.extend(rest);
    sample.truncate(count);
    sample
}

/// Openings of a shop, in each of which every service dies where it was seen to write, until all have died everywhere; of a
/// short run some.
pub(crate) fn openings(recording: &Recording) -> Vec<Vec<Death>> {
    let is_full = std::env::var(VISITS).is_ok_and(|count| count == "all");
    let (deaths, most) = if is_full { (DEATHS, usize::MAX) } else { (1, OPENINGS) };
    let mut random = Random::new(random::seed(), 1);
    let writes = |death: &Death| death.point.starts_with("commit/") || death.point.starts_with("migrate/");
    let mut deaths: Vec<_> = recording.deaths(deaths).into_iter().filter(writes).collect();
    deaths.sort_by_cached_key(|_| random.below(u64::MAX));
    let mut openings: Vec<Vec<Death>> = Vec::new();
    for death in deaths {
        let free = openings.iter_mut().find(|it| it.iter().all(|other| other.service != death.service));
        match free {
            Some(opening) => opening.push(death),
            None => openings.push(vec![death]),
        }
    }
    openings.truncate(most);
    openings
}

/// Two deaths, every fourth time of the same service: the second while it takes up what the first left.
fn pair(deaths: &[Death], random: &mut Random) -> Vec<Death> {
    let (first, again) = (random.one_of(deaths).clone(), random.percent(25));
    let others: Vec<_> = deaths.iter().filter(|death| (death.service == first.service) == again).collect();
    let second = (*random.one_of(&others)).clone();
    vec![first, second]
}
