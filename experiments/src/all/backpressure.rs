use std::time::Duration;

use anyhow::Result;
use madang_load::Report;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::outcome::ms;
use crate::shop::{Wanted, delay, harm, heal, stock};
use crate::{Experiment, Limit, Needs, Phase, Setup, Trial, Unit, Variant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "backpressure",
    claim: "Overload is refused at once, and what is taken on is done as well as ever.",
    hypothesis: "Payments can authorize 5 orders a second and 15 are asked for: two of three are refused at once, the others take no longer than in calm, and four fifths of the capacity are used at least.",
    steps: &[
        "payments takes 2 s for each authorization (FaultService), and 10 at once: 5 orders a second",
        "orders takes on 10 calls at once, no more than payments can work on",
        "orders at 2.5/s, 2 s",
        "orders at 15/s, 10 s",
        "payments is healed; every order is followed to its end",
    ],
    control: "Orders takes on all that comes, up to 1024 calls: what payments cannot work on waits.",
    needs: Needs::Local,
    limit: Duration::from_secs(120),
    by_hand: &[
        "MADANG_FAULTS=true MADANG_MAX_CONCURRENCY=10 madang up --data /tmp/shop --ports free",
        "grpcurl -plaintext -d '{\"fault\":{\"fault_id\":\"slow\",\"percent\":100,\"delay\":\"2s\"},\"ttl\":\"60s\"}' PAYMENTS madang.faults.v1.FaultService/SetFault",
        "madang load --shop /tmp/shop/shop.json --rate 15 --duration 10s --mix order=1",
    ],
    code: &["crates/chassis/src/server/limit.rs", "services/orders/src/app/place.rs"],
    setup,
    run: |trial| Box::pin(run(trial)),
};

const AUTHORIZE: &str = "/madang.payments.v1.PaymentsService/AuthorizePayment";
const DELAY: Duration = Duration::from_secs(2);
/// Orders that payments can work on at once. Were more taken on, some would find no place there and ask again, each time later.
const PLACES: &str = "10";
/// Orders a second that it can work on: its places by the time that each is taken.
const CAPACITY: f64 = 5.0;
const OFFERED: f64 = 3.0 * CAPACITY;
const SECONDS: u64 = 10;
/// Two authorizations: who takes so long has waited for others.
const WAITED: f64 = 4_000.0;
/// After four fifths of it who still waits is told that the order is pending: later than that.
const PATIENT: Duration = Duration::from_secs(10);
/// A refusal is a call through the gateway, and no work: far less than an authorization, also on a busy machine.
const AT_ONCE: f64 = 500.0;
const HEALED: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_millis(20);

fn setup(variant: Variant) -> Setup {
    let setup = Setup::usual(variant).with("payments", "MADANG_FAULTS", "true");
    let setup = setup.with("payments", "MADANG_MAX_CONCURRENCY", PLACES);
    match variant {
        Variant::Real => setup.with("orders", "MADANG_MAX_CONCURRENCY", PLACES),
        Variant::Control => setup,
    }
}

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    harm(world, "payments", delay(AUTHORIZE, DELAY)).await?;
    trial.mark("payments takes 2 s for each authorization");
    let calm = orders(Phase::Before, CAPACITY / 2.0, 2).run(trial).await?;
    trial.mark("orders at 15/s");
    let over = orders(Phase::During, OFFERED, SECONDS).begin(trial).await?;
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    end_fault(trial).await?;
    let over = over.end(trial).await?;
    trial.mark("every order has come to its end");

    let refused: u64 = over.errors.iter().filter(|it| is_refusal(it)).map(|it| it.at_last).sum();
    trial.count("orders that failed in calm", calm.failed, Limit::AtMost(0.0));
    trial.measure("95th percentile of the orders taken on in calm", (taken(&calm), Unit::Ms), None);
    trial.measure("orders asked for", (over.sent_rate, Unit::Rate), None);
    trial.measure(
        "orders taken on and answered",
        (answered(&over), Unit::Rate),
        Some(Limit::AtLeast(0.8 * CAPACITY)),
    );
    trial.measure(
        "95th percentile of the orders taken on",
        (taken(&over), Unit::Ms),
        Some(Limit::AtMost(WAITED)),
    );
    trial.count("orders refused", refused, Limit::AtLeast((over.sent / 2) as f64));
    trial.ms(
        "median of all answers, most of them refusals",
        over.latency.quantile(0.5),
        Limit::AtMost(AT_ONCE),
    );
    trial.count("orders that failed in another way", over.failed - refused, Limit::AtMost(0.0));
    trial.count("orders that were lost, stuck or doubled", over.orders.wrong(), Limit::AtMost(0.0));
    Ok(())
}

/// Payments may have no place for this call either: then the next that ends leaves one.
async fn end_fault(trial: &Trial) -> Result<()> {
    let end = Instant::now() + HEALED;
    while let Err(error) = heal(trial.world(), "payments").await {
        let is_full = error.downcast_ref::<Status>().is_some_and(|it| it.code() == Code::ResourceExhausted);
        if !is_full || Instant::now() >= end {
            return Err(error);
        }
        tokio::time::sleep(BETWEEN).await;
    }
    trial.mark("payments is healed");
    Ok(())
}

/// Refused orders are not asked for again.
fn orders(phase: Phase, rate: f64, seconds: u64) -> Wanted {
    Wanted { retries: 0, deadline: PATIENT, ..Wanted::orders(phase, rate, seconds) }
}

fn is_refusal(errors: &madang_load::Errors) -> bool {
    errors.code == "RESOURCE_EXHAUSTED" && errors.reason.as_deref() == Some("OVERLOADED")
}

/// What those took that were not refused, in milliseconds.
fn taken(report: &Report) -> f64 {
    let latencies = report.kinds.iter().map(|kind| kind.latency_ok.quantile(0.95));
    ms(latencies.max().unwrap_or_default())
}

/// How many were answered without an error a second, from when the first could be until the last was asked for. An order is
/// answered before its end only after 8 s: where 95 of 100 took less, these are orders done.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn answered(report: &Report) -> f64 {
    let window = DELAY.as_secs() * 1000..SECONDS * 1000;
    let within = report.series.buckets.iter().filter(|bucket| window.contains(&bucket.at_ms));
    let answered: u64 = within.map(|bucket| bucket.done - bucket.failed).sum();
    answered as f64 / (SECONDS - DELAY.as_secs()) as f64
}
