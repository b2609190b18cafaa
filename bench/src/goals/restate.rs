//! The shop beside Restate with the same saga on it, written in two ways: `bench/peers`.

use anyhow::Result;

use super::durable;
use super::measure::{Plan, Seen, Target};
use super::pair::{self, WARM, in_turn};
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::peer::Peer;
use crate::skeleton::Skeleton;

/// Orders in flight, and how many times Restate's orders a second are wanted then.
const IN_FLIGHT: [(usize, f64); 2] = [(1, 2.5), (64, 6.0)];
/// How the saga is written there, whether the skeleton's participants take part, and how the server is set.
const WAYS: [Way; 4] = [
    Way { name: "objects", skeleton: false, args: &["objects"] },
    Way { name: "objects, 1 partition", skeleton: false, args: &["--partitions", "1", "objects"] },
    Way { name: "services", skeleton: true, args: &["services"] },
    Way { name: "services, 1 partition", skeleton: true, args: &["--partitions", "1", "services"] },
];

/// One of them.
#[derive(Debug, Clone, Copy)]
struct Way {
    name: &'static str,
    skeleton: bool,
    args: &'static [&'static str],
}

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for way in WAYS {
        rows.extend(beside(args, way).await?);
    }
    Ok(rows)
}

async fn beside(args: &Args, way: Way) -> Result<Vec<Row>> {
    let form = way.name;
    let skeleton = if way.skeleton { Some(Skeleton::open(&std::env::current_exe()?).await?) } else { None };
    let participants = skeleton.iter().flat_map(Skeleton::participants).flat_map(|(flag, url)| [flag, url]);
    let all: Vec<&str> = way.args.iter().copied().chain(participants).collect();
    let (shop, peer) = (pair::open().await?, Peer::open(&all).await?);
    let (ours, mut yard) = (Target::shop(&shop)?, Target::peer(&peer));
    yard.pids.extend(skeleton.iter().flat_map(Skeleton::pids));
    ours.load(WARM).await?;
    yard.load(WARM).await?;
    let mut seen = vec![Vec::new(); IN_FLIGHT.len()];
    for round in 0..args.rounds {
        for (at, (in_flight, _)) in IN_FLIGHT.into_iter().enumerate() {
            let plan = Plan::orders(in_flight, args.duration());
            let both = in_turn(round, ours.load(plan), yard.load(plan)).await?;
            args.note(&format!(
                "restate ({form}), round {round}, {in_flight} in flight: {:.0} and {:.0} orders/s",
                both.0.per_second, both.1.per_second
            ));
            seen[at].push(both);
        }
    }
    let mut rows = Vec::new();
    for ((in_flight, least), both) in IN_FLIGHT.into_iter().zip(&seen) {
        rows.extend(told(form, (in_flight, least), both));
        match syncs((&ours, &yard), Plan::orders(in_flight, args.duration())).await {
            Ok(both) => {
                let what = format!("syncs for an order, {in_flight} in flight ({form})");
                rows.push(Row::ratio(Goal::Restate.name(), what, Wanted::Nothing, vec![both]));
            }
            Err(error) => args.note(&format!("restate: no syncs are told: {error:#}")),
        }
    }
    peer.close().await?;
    shop.audit().await?;
    shop.close().await?;
    Ok(rows)
}

fn told(form: &str, (in_flight, least): (usize, f64), both: &[(Seen, Seen)]) -> [Row; 2] {
    let of = |value: fn(&Seen) -> f64| both.iter().map(|(ours, yard)| (value(ours), value(yard))).collect();
    let name = Goal::Restate.name();
    let what = |number: &str| format!("{number}, {in_flight} in flight ({form})");
    [
        Row::ratio(name, what("orders a second"), Wanted::AtLeast(least), of(|it| it.per_second)),
        Row::ratio(name, what("ms of CPU for an order"), Wanted::Nothing, of(|it| it.cpu_ms)),
    ]
}

/// Syncs for an order on both sides, in a load of their own.
async fn syncs((ours, yard): (&Target, &Target), plan: Plan) -> Result<(f64, f64)> {
    let (ours, _) = durable::count(ours, plan).await?;
    Ok((ours, durable::count(yard, plan).await?.0))
}
