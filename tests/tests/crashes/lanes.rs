//! Makes many visits, some at the same time, each lane in a shop of its own.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use madang_tests::Shop;
use madang_tests::wait::PATIENCE;
use tokio::runtime::Builder;

use crate::scenario::lived_in;
use crate::visit::{Death, visit};

/// Visits at the same time: a visit mostly waits, for a process to be up or a pause to be over.
const LANES: usize = 3;
/// Visits in one shop: each reads all that is there.
const IN_ONE_SHOP: usize = 25;
/// So many failures say enough.
const FAILURES: usize = 5;

/// What the visits came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) visits: usize,
    pub(crate) deaths: usize,
    /// Orders that were audited; each counts once, though it is audited after every later visit too.
    pub(crate) orders: u64,
    pub(crate) failures: Vec<String>,
}

/// Makes all visits, or as many as it takes to see that the shop is broken.
pub(crate) fn make(visits: Vec<Vec<Death>>) -> Tally {
    let (queue, tally) = (Mutex::new(VecDeque::from(visits)), Mutex::default());
    // Threads: to make and to drop a shop blocks, on PostgreSQL for seconds.
    std::thread::scope(|threads| {
        for _ in 0..LANES {
            threads.spawn(|| block_on(lane(&queue, &tally)));
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Does something on this thread.
pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    Builder::new_current_thread().enable_all().build().expect("a runtime starts").block_on(work)
}

async fn lane(queue: &Mutex<VecDeque<Vec<Death>>>, tally: &Mutex<Tally>) {
    let mut rest = true;
    while rest && lock(tally).failures.len() < FAILURES {
        rest = match lived_in().await {
            Ok(mut shop) => in_one_shop(&mut shop, queue, tally).await,
            Err(error) => {
                lock(tally).failures.push(format!("no shop: {error:#}"));
                false
            }
        };
    }
}

/// Makes visits in a shop until it is old or broken; says whether there may be more.
async fn in_one_shop(shop: &mut Shop, queue: &Mutex<VecDeque<Vec<Death>>>, tally: &Mutex<Tally>) -> bool {
    let mut known = 0;
    for _ in 0..IN_ONE_SHOP {
        let Some(deaths) = lock(queue).pop_front() else { return false };
        let visited = visit(shop, &deaths, PATIENCE).await;
        let mut tally = lock(tally);
        tally.visits += 1;
        match visited {
            Ok(orders) => {
                tally.deaths += deaths.len();
                tally.orders += orders - known;
                known = orders;
            }
            Err(error) => {
                tally.failures.push(failure(shop, &deaths, &error));
                return true;
            }
        }
    }
    true
}

fn failure(shop: &Shop, deaths: &[Death], error: &anyhow::Error) -> String {
    let named: Vec<_> = deaths.iter().map(Death::to_string).collect();
    let words: Vec<_> = deaths.iter().map(|death| shop.last_words(death.service)).collect();
    format!("{}: {error:#}\n{}", named.join(" and "), words.join("\n"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
