//! The shop in the mesh beside the same pods without sidecars: two shops on a cluster whose nodes are this machine.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use super::measure::{Plan, Seen, Target};
use super::pair::{WARM, in_turn};
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::process::{cpu, named};
use crate::stats::float;

const IN_FLIGHT: [usize; 3] = [1, 16, 64];

/// A load on one of them, and what all pods of this machine used meanwhile.
#[derive(Debug)]
struct Turn {
    seen: Seen,
    used: Used,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    took: Duration,
    services: Duration,
    proxies: Duration,
}

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let edge = |url: &Option<String>| {
        let url = url.clone().context("--mesh and --bare say where the two shops are")?;
        Ok::<_, anyhow::Error>(Target { url, pids: Vec::new() })
    };
    let (mesh, bare) = (edge(&args.mesh)?, edge(&args.bare)?);
    mesh.load(WARM).await?;
    bare.load(WARM).await?;
    let mut seen: Vec<Vec<(Turn, Turn)>> = IN_FLIGHT.map(|_| Vec::new()).into();
    for round in 0..args.rounds {
        // Probes, metrics and the proxies' own work, of both: it is no order's.
        let rest = used(sleep(args.duration())).await?.1;
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            let plan = Plan::orders(in_flight, args.duration());
            let both = in_turn(round, turn(&mesh, plan, rest), turn(&bare, plan, rest)).await?;
            let (ours, yard) = (&both.0.seen, &both.1.seen);
            args.note(&format!(
                "sidecar, round {round}, {in_flight} in flight: {:.0} and {:.0} orders/s, {:.0} and {:.0} failed",
                ours.per_second, yard.per_second, ours.failed, yard.failed
            ));
            seen[at].push(both);
        }
    }
    Ok(IN_FLIGHT.into_iter().zip(&seen).flat_map(|(in_flight, turns)| told(in_flight, turns)).collect())
}

fn told(in_flight: usize, turns: &[(Turn, Turn)]) -> [Row; 5] {
    let row = |what: &str, value: fn(&Turn) -> f64| {
        let rounds = turns.iter().map(|(mesh, bare)| (value(mesh), value(bare))).collect();
        Row::ratio(Goal::Sidecar.name(), format!("{what}, {in_flight} in flight"), Wanted::Nothing, rounds)
    };
    [
        row("orders a second", |turn| turn.seen.per_second)
            .on("orders a second in the mesh", float(in_flight as u64)),
        row("ms until an order is answered, p50", |turn| turn.seen.ms(0.5)),
        row("the same, p99", |turn| turn.seen.ms(0.99)),
        row("ms of the services' CPU for an order", |turn| per_order(turn, turn.used.services)),
        row("ms of the proxies' CPU for an order", |turn| per_order(turn, turn.used.proxies)),
    ]
}

fn per_order(turn: &Turn, used: Duration) -> f64 {
    1_000.0 * used.as_secs_f64() / turn.seen.ok
}

async fn turn(target: &Target, plan: Plan, rest: Used) -> Result<Turn> {
    let (seen, used) = used(target.load(plan)).await?;
    Ok(Turn { seen: seen?, used: used.beyond(rest) })
}

impl Used {
    /// Without what is used at rest in the same time.
    fn beyond(self, rest: Self) -> Self {
        let share = self.took.div_duration_f64(rest.took);
        let less = |used: Duration, rest: Duration| used.saturating_sub(rest.mul_f64(share));
        let (services, proxies) = (less(self.services, rest.services), less(self.proxies, rest.proxies));
        Self { services, proxies, ..self }
    }
}

/// What the pods of this machine use meanwhile.
async fn used<T>(work: impl Future<Output = T>) -> Result<(T, Used)> {
    let services = named(|name| name.starts_with("madang-"))?;
    let proxies = named(|name| name == "envoy" || name == "pilot-agent")?;
    let counted = || Ok::<_, anyhow::Error>((cpu(&services)?, cpu(&proxies)?));
    let (begin, before) = (Instant::now(), counted()?);
    let done = work.await;
    let (now, took) = (counted()?, begin.elapsed());
    let (services, proxies) = (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1));
    Ok((done, Used { took, services, proxies }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_at_rest_is_no_orders() {
        let of = |took, services, proxies| {
            let [took, services, proxies] = [took, services, proxies].map(Duration::from_millis);
            Used { took, services, proxies }
        };
        let beyond = of(6_000, 900, 100).beyond(of(3_000, 200, 80));
        assert_eq!((beyond.services, beyond.proxies), (Duration::from_millis(500), Duration::ZERO));
    }
}
