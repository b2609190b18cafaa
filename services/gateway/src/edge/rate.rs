//! A token bucket for each client.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::client::Client;

/// Clients of a generation at most; two generations are kept.
const GENERATION: usize = 16 * 1024;

/// What clients have used of their rates. A bucket is one moment: when it will be full again.
///
/// The table is bounded by generations: once the young one is full it becomes the old one, and what was old and not asked
/// for meanwhile is forgotten. Who is forgotten has a full bucket again, so a flood of addresses costs strictness, not
/// memory.
#[derive(Debug)]
pub(super) struct Clients {
    every: Duration,
    burst: Duration,
    generation: usize,
    young: HashMap<Client, Instant>,
    old: HashMap<Client, Instant>,
}

impl Clients {
    /// So many requests a second, and so many at once after a rest.
    pub(super) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let every = Duration::from_secs(1) / per_second.get();
        let burst = every.saturating_mul(burst.get());
        Self { every, burst, generation: GENERATION, young: HashMap::new(), old: HashMap::new() }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub(super) fn admit(&mut self, client: Client, now: Instant) -> Result<(), Duration> {
        let known = self.young.get(&client).or_else(|| self.old.get(&client));
        let full = known.map_or(now, |full| *full.max(&now)) + self.every;
        let wait = (full - now).saturating_sub(self.burst);
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        // Who is refused is remembered as well: it must not be forgotten for being refused.
        self.young.insert(client, if wait.is_zero() { full } else { full - self.every });
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(per_second: u32, burst: u32) -> Clients {
        Clients::new(NonZeroU32::new(per_second).unwrap(), NonZeroU32::new(burst).unwrap())
    }

    fn client(last: u8) -> Client {
        Client::Address([10, 0, 0, last].into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate() {
        let mut clients = clients(10, 3);
        for _ in 0..3 {
            assert_eq!(clients.admit(client(1), Instant::now()), Ok(()));
        }
        assert_eq!(clients.admit(client(1), Instant::now()), Err(Duration::from_millis(100)));
        assert_eq!(clients.admit(client(2), Instant::now()), Ok(()));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(clients.admit(client(1), Instant::now()), Ok(()));
        assert_eq!(clients.admit(client(1), Instant::now()), Err(Duration::from_millis(100)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_rest_gives_no_more_than_a_burst() {
        let mut clients = clients(10, 2);
        tokio::time::advance(Duration::from_secs(3600)).await;
        let passed = (0..5).filter(|_| clients.admit(client(1), Instant::now()).is_ok()).count();
        assert_eq!(passed, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_is_bounded_and_keeps_who_is_active() {
        let mut clients = Clients { generation: 4, ..clients(1, 1) };
        let now = Instant::now();
        clients.admit(client(0), now).unwrap();
        for other in 1..=255 {
            clients.admit(client(other), now).unwrap();
            assert!(clients.young.len() <= 4 && clients.old.len() <= 4);
        }
        assert!(clients.admit(client(255), now).is_err());
        assert!(clients.admit(client(0), now).is_ok());
    }
}
