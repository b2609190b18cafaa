//! What goes wrong and when, besides the messages: drawn from the seed before the start.

use std::time::Duration;

use crate::Random;
use crate::host::Role;

/// One thing that goes wrong, or is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The host's process is killed.
    Crash(Role),
    /// The host's process is told to end.
    Stop(Role),
    /// The host's process is started, and killed before where it still runs.
    Start(Role),
    /// Nothing passes between these any more; what is on its way is lost.
    Part(&'static str, &'static str),
    /// Nothing passes from the first to the second.
    PartOneWay(&'static str, &'static str),
    /// What passes between these waits.
    Hold(&'static str, &'static str),
    /// Everything passes between these, and what waited comes.
    Join(&'static str, &'static str),
    /// The host's clock steps by so many seconds.
    Step(Role, i64),
}

/// The host of the customers.
pub(crate) const CUSTOMERS: &str = "customers";

/// How many links there are to harm.
const LINKS: [(&str, &str); 9] = [
    (CUSTOMERS, "orders"),
    ("orders", "catalog"),
    ("orders", "inventory"),
    ("orders", "payments"),
    ("orders", "shipping"),
    ("payments", "shipping"),
    ("notifications", "orders"),
    ("notifications", "payments"),
    ("notifications", "shipping"),
];

/// All acts within a time, in order. Some putting right may come later: the simulation heals everything then.
pub(crate) fn plan(seed: u64, within: Duration) -> Vec<(Duration, Act)> {
    let random = Random::new(seed, "plan");
    let most = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    let mut acts = Vec::new();
    // A host or a link is harmed by one thing at a time.
    let mut hosts = [Duration::ZERO; Role::ALL.len()];
    let mut links = [Duration::ZERO; LINKS.len()];
    let mut times: Vec<_> = (0..3 + random.below(12)).map(|_| random.millis(200, most)).collect();
    times.sort();
    for at in times {
        let (host, link) = (random.index(Role::ALL.len()), random.index(LINKS.len()));
        let role = Role::ALL[host];
        match random.below(10) {
            0..=3 if hosts[host] <= at => {
                let back = at
                    + random
                        .weighted(&[(3, 0), (3, 800), (2, 6_000)])
                        .map_or(Duration::ZERO, |most| random.millis(0, most));
                let graceful = random.percent(25);
                acts.push((at, if graceful { Act::Stop(role) } else { Act::Crash(role) }));
                acts.push((back, Act::Start(role)));
                hosts[host] = back + Duration::from_millis(1);
            }
            4..=7 if links[link] <= at => {
                let (a, b) = LINKS[link];
                let back = at
                    + random
                        .weighted(&[(2, 500), (3, 4_000), (1, 12_000)])
                        .map_or(Duration::ZERO, |most| random.millis(20, most));
                let act = random.weighted(&[
                    (4, Act::Part(a, b)),
                    (1, Act::PartOneWay(a, b)),
                    (1, Act::PartOneWay(b, a)),
                    (3, Act::Hold(a, b)),
                ]);
                acts.extend(act.map(|act| (at, act)));
                acts.push((back, Act::Join(a, b)));
                links[link] = back + Duration::from_millis(1);
            }
            8..=9 => {
                let size = random.weighted(&[(1, 5), (1, 600), (2, 3_600)]).unwrap_or(5);
                let seconds = i64::try_from(random.below(2 * size)).unwrap_or_default()
                    - i64::try_from(size).unwrap_or_default();
                acts.push((at, Act::Step(role, seconds)));
            }
            _ => {}
        }
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}
