//! One visit: processes die at their points while the scenario is played, and come back. Then the books are checked.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop};
use tokio::time::Instant;

use crate::books;
use crate::scenario::{Cast, Played};

/// The variable of the crate madang-crash.
const AT: &str = "MADANG_CRASH_AT";

/// How long a thread may stand at a point before its process dies, so that what others must not do meanwhile, say answer
/// before a COMMIT, is done and seen.
const STALL_MS: u8 = 50;

/// Where a process dies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Death {
    pub(crate) service: Service,
    pub(crate) point: String,
    /// The hit of the point, from 1.
    pub(crate) hit: usize,
    /// Whether the thread that is there stands still before.
    pub(crate) stalls: bool,
}

impl Death {
    /// As the process is told it.
    fn at(&self) -> String {
        let at = format!("{}#{}", self.point, self.hit);
        if self.stalls { format!("{at}~{STALL_MS}") } else { at }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.service, self.at())
    }
}

/// Has processes of an open shop die at these points, and checks what is left. A service that stands there twice dies again
/// after its start. Gives the orders that the shop has then.
///
/// # Errors
/// What does not hold, or that a point was not reached.
pub(crate) async fn visit(shop: &mut Shop, deaths: &[Death], patience: Duration) -> Result<u64> {
    let cast = Cast::new(shop, patience);
    let before = books::brought(&cast).await?;
    for service in BTreeSet::from_iter(deaths.iter().map(|death| death.service)) {
        shop.kill_nine(service)?;
        start(shop, service, deaths).await?;
    }
    let plays = survive(shop, &cast, deaths).await?;
    let orders = books::check(shop, &plays, patience).await?;
    let (brought, times) = (books::brought(&cast).await? - before, plays.len());
    ensure!(usize::try_from(brought) == Ok(times), "{times} restocks brought {brought} pieces");
    all_alive(shop)?;
    Ok(orders)
}

/// Opens a shop on empty databases whose processes die at these points, and checks what is left.
///
/// # Errors
/// Like [`visit`].
pub(crate) async fn open(deaths: &[Death]) -> Result<u64> {
    let mut shop = Shop::new(&[])?;
    for service in Service::ALL {
        start(&mut shop, service, deaths).await?;
    }
    let cast = Cast::new(&shop, PATIENCE);
    let plays = survive(&mut shop, &cast, deaths).await?;
    let orders = books::check(&shop, &plays, PATIENCE).await?;
    all_alive(&mut shop)?;
    Ok(orders)
}

fn all_alive(shop: &mut Shop) -> Result<()> {
    let ended = shop.ended();
    ensure!(ended.is_empty(), "{}", ended.join(", "));
    Ok(())
}

/// Starts a service, to die where the first of these deaths that is its own says.
async fn start(shop: &mut Shop, service: Service, deaths: &[Death]) -> Result<()> {
    let at = deaths.iter().find(|death| death.service == service);
    shop.set(service, AT, at.map(Death::at).as_deref());
    shop.start_or_die(service).await
}

/// Plays the scenario until all have died, each time with another customer, and starts each process again as soon as it is
/// dead.
async fn survive(shop: &mut Shop, cast: &Cast, deaths: &[Death]) -> Result<Vec<(Cast, Vec<Played>)>> {
    let end = Instant::now() + cast.patience;
    let mut ahead = deaths.to_vec();
    let mut plays = Vec::new();
    while !ahead.is_empty() && Instant::now() < end {
        let (cast, over) = (cast.with_another(), Cell::new(false));
        let play = async {
            let played = cast.play().await;
            over.set(true);
            played
        };
        let (played, revived) = futures::join!(play, revive(shop, &mut ahead, &over));
        revived?;
        plays.push((cast, played?));
    }
    let named: Vec<_> = ahead.iter().map(Death::to_string).collect();
    ensure!(named.is_empty(), "{} was not reached in {} scenarios", named.join(", "), plays.len());
    Ok(plays)
}

/// Starts each service that is to die again as soon as it is dead, until none is left or the scenario is over.
async fn revive(shop: &mut Shop, ahead: &mut Vec<Death>, over: &Cell<bool>) -> Result<()> {
    // Longer than the scenario waits for anything: what it waited for in vain says more.
    wait::until("the scenario to end", 2 * PATIENCE, async || {
        // Read first: who dies at the end of the scenario is seen after it.
        let last = over.get();
        for service in BTreeSet::from_iter(ahead.iter().map(|death| death.service)) {
            if shop.is_dead(service)? {
                let died = ahead.iter().position(|death| death.service == service);
                died.map(|died| ahead.remove(died));
                start(shop, service, ahead).await.context("the start after the death")?;
            }
        }
        Ok((last || ahead.is_empty()).then_some(()))
    })
    .await
}
