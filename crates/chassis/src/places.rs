//! Places for what is taken on at once. Who finds none is refused, and told when to come again: one after the other, as fast as places
//! were given back lately. If all were told the same short time, then the more of them there are, the more would be spent on refusing them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Nobody is told to come sooner.
const SOONEST: Duration = Duration::from_millis(200);
/// Nor later: a place may be free long before, for all that was seen.
const LATEST: Duration = Duration::from_secs(10);
/// How long to count places that are given back before the pace is set by them.
const WINDOW: Duration = Duration::from_millis(500);

/// So many places. Clones share them.
#[derive(Debug, Clone)]
pub struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    taken: AtomicUsize,
    /// Places that were given back, ever.
    given_back: AtomicU64,
    turns: Mutex<Turns>,
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub struct Place(Arc<Shared>);

/// The times that the refused are told.
#[derive(Debug)]
struct Turns {
    window: Instant,
    /// Places that had been given back when the window began.
    given_back: u64,
    /// Between one turn and the next.
    apart: Duration,
    /// The last one that was told.
    last: Instant,
}

impl Places {
    /// That many, all free.
    pub fn new(most: usize) -> Self {
        let now = Instant::now();
        let turns = Turns { window: now, given_back: 0, apart: Duration::ZERO, last: now };
        let (taken, given_back, turns) = (AtomicUsize::new(0), AtomicU64::new(0), Mutex::new(turns));
        Self(Arc::new(Shared { most, taken, given_back, turns }))
    }

    /// Takes a place.
    ///
    /// # Errors
    /// All are taken: the time after which to try again, from 200 ms to 10 s.
    pub fn take(&self) -> Result<Place, Duration> {
        let Shared { most, taken, given_back, turns } = &*self.0;
        let one_more = |taken| (taken < *most).then_some(taken + 1);
        if taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok() {
            return Ok(Place(Arc::clone(&self.0)));
        }
        let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
        Err(turns.next(given_back.load(Ordering::Relaxed)))
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0.given_back.fetch_add(1, Ordering::Relaxed);
    }
}

impl Turns {
    fn next(&mut self, given_back: u64) -> Duration {
        let now = Instant::now();
        let passed = now - self.window;
        if passed >= WINDOW {
            // In a long time without a refusal, places were given back as they were asked for: that is not how fast they could be.
            if passed < 2 * WINDOW {
                let places = u32::try_from(given_back - self.given_back).unwrap_or(u32::MAX);
                self.apart = passed / places.max(1);
            }
            (self.window, self.given_back) = (now, given_back);
        }
        self.last = (self.last.max(now + SOONEST) + self.apart).min(now + LATEST);
        self.last - now
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Places are taken for so long each, while others find none.
    async fn busy(places: &Places, calls: usize, each: Duration) {
        const REFUSED: u32 = 5;
        for _ in 0..calls {
            let _place = places.take().unwrap();
            for _ in 0..REFUSED {
                places.take().unwrap_err();
                advance(each / REFUSED).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_again_once_it_is_dropped() {
        let places = Places::new(2);
        let (one, other) = (places.take().unwrap(), places.clone().take().unwrap());
        assert_eq!(places.taken(), 2);
        assert!(places.take().is_err());
        drop(one);
        let again = places.take().unwrap();
        assert!(places.take().is_err());
        drop((other, again));
        assert_eq!(places.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn before_anything_is_known_all_are_told_the_soonest() {
        let places = Places::new(0);
        let told: Vec<Duration> = (0..100).map(|_| places.take().unwrap_err()).collect();
        assert_eq!(told, vec![SOONEST; 100]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_refused_come_one_after_the_other_as_fast_as_places_are_given_back() {
        let places = Places::new(1);
        busy(&places, 50, 20 * MS).await;
        let held = places.take().unwrap();
        let told: Vec<Duration> = (0..50).map(|_| places.take().unwrap_err()).collect();
        assert!(told.windows(2).all(|pair| pair[1] - pair[0] == 20 * MS), "{told:?}");
        drop(held);
        // The turns that were told are kept, however few are refused after that.
        advance(400 * MS).await;
        let _held = places.take().unwrap();
        assert_eq!(places.take().unwrap_err(), told[49] - 400 * MS + 20 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_told_to_come_later_than_the_latest() {
        let places = Places::new(1);
        busy(&places, 4, 1_000 * MS).await;
        let _held = places.take().unwrap();
        assert_eq!((0..1_000).map(|_| places.take().unwrap_err()).max(), Some(LATEST));
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_time_does_not_slow_the_turns() {
        let places = Places::new(1);
        busy(&places, 50, 20 * MS).await;
        advance(Duration::from_secs(3_600)).await;
        let _held = places.take().unwrap();
        assert_eq!(places.take().unwrap_err(), SOONEST + 20 * MS);
    }
}
