use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use madang_api::events::v1::{Event, OrderCancelled, OrderConfirmed};
use madang_api::orders::v1::CancelOrderRequest;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::payments::v1::{GetPaymentRequest, PaymentState};
use madang_api::within;
use prost::Name;
use tonic::Code;
use tonic::transport::Channel;

use crate::carrier::{Carrier, Positions};
use crate::events::{dead_letters, unread};
use crate::shop::{USUAL, connect, id, order, stock};
use crate::{Experiment, Limit, Needs, Setup, Trial};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "event-order",
    claim: "Events of one order are applied in the order in which they were published, whatever fails meanwhile.",
    hypothesis: "The carrier hands events on in reverse and twice, and the consumer dies: each order that was confirmed and then cancelled is charged and then paid back all the same, and no event fails.",
    steps: &[
        "payments reads the events of orders through a carrier that gathers them for a second, and hands them on last first and twice",
        "48 customers place an order each; two of three cancel theirs as soon as it is confirmed",
        "payments is killed (SIGKILL) and started again meanwhile, three times",
        "once payments has read all, each payment is compared with the order's events as they were published",
    ],
    control: "Positions are given by the carrier, as it hands events on, and not by the producer's outbox, as they happened.",
    needs: Needs::Local,
    limit: Duration::from_secs(90),
    by_hand: &[
        "madang up --data /tmp/shop --ports free",
        "madang order place --shop /tmp/shop/shop.json --line celadon-tea-cup=1",
        "grpcurl -plaintext -d '{\"consumer\":\"me\"}' ORDERS madang.events.v1.EventFeedService/Subscribe",
        "cargo test -p madang-events        # the order of each key, gaps, duplicates, redrives",
    ],
    code: &[
        "crates/events/src/outbox/relay.rs",
        "crates/events/src/consumer/batch.rs",
        "crates/events/src/consumer/runner.rs",
    ],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

const CUSTOMERS: usize = 48;
const AT_ONCE: usize = 8;
const KILLS: u64 = 3;
/// So that the kills are spread over the load.
const BETWEEN: Duration = Duration::from_millis(300);
/// The longest pause before a consumer subscribes again, and a start of its process on a busy machine.
const READ: Duration = Duration::from_secs(10);

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    let positions = if trial.is_control() { Positions::Carrier } else { Positions::Producer };
    let carrier = Carrier::begin(connect(&world.url("orders")?).await?, positions).await?;
    world.kill("payments").await?;
    world.machine()?.tell("payments", "MADANG_ORDERS_URL", carrier.url()).await?;
    world.start("payments").await?;
    trial.mark("payments reads events through a carrier that keeps no order");
    let channel = connect(&world.gateway()).await?;
    let run = id().simple().to_string();
    let customers = stream::iter(0..CUSTOMERS)
        .map(|number| visit(channel.clone(), format!("c{number}-{run}"), number % 3 > 0))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>();
    let (visited, killed) = futures::join!(customers, kill_payments(trial));
    visited?;
    killed?;
    trial.mark("all customers have their answers");
    let unread = unread(world, ("payments", "orders"), READ).await?;
    let dead_letters = dead_letters(world, "payments").await?;
    trial.mark("payments has read all");

    let published = carrier.published();
    let ends = ends(&published);
    let reversed = reversed(&carrier.handed_on());
    let wrong = wrong(connect(&world.url("payments")?).await?, &ends).await?;
    trial.count("times that payments was killed", KILLS, Limit::AtLeast(3.0));
    trial.count(
        "orders whose cancellation was handed on before their confirmation",
        reversed,
        Limit::AtLeast(5.0),
    );
    trial.count("events that payments has not read", unread, Limit::AtMost(0.0));
    trial.count("payments that are not what their order's events make", wrong, Limit::AtMost(0.0));
    trial.count(
        "events that were set aside, or parked behind such",
        dead_letters.len() as u64,
        Limit::AtMost(0.0),
    );
    Ok(())
}

/// Orders, and changes their mind.
async fn visit(channel: Channel, customer: String, cancels: bool) -> Result<()> {
    let mut orders = OrdersServiceClient::new(channel);
    let placed = orders.place_order(within(USUAL, order(&customer))).await?.into_inner();
    let order_id = placed.order.context("the answer has no order")?.order_id;
    if cancels {
        let request = CancelOrderRequest { request_id: id().to_string(), order_id };
        match orders.cancel_order(within(USUAL, request)).await {
            Ok(_) => {}
            // The parcel was faster.
            Err(status) if status.code() == Code::FailedPrecondition => {}
            Err(status) => return Err(status).context("a cancellation was refused"),
        }
    }
    Ok(())
}

async fn kill_payments(trial: &Trial) -> Result<()> {
    for _ in 0..KILLS {
        tokio::time::sleep(BETWEEN).await;
        trial.world().kill("payments").await?;
        trial.mark("killed: payments");
        trial.world().start("payments").await?;
    }
    Ok(())
}

/// What the payment of each confirmed order is in the end, if its events are applied as they were published.
fn ends(published: &[Event]) -> BTreeMap<&str, PaymentState> {
    let mut ends = BTreeMap::new();
    for event in published {
        let key = event.key.as_str();
        if event.r#type == OrderConfirmed::full_name() {
            ends.insert(key, PaymentState::Captured);
        } else if event.r#type == OrderCancelled::full_name() {
            ends.entry(key).and_modify(|end| *end = PaymentState::Refunded);
        }
    }
    ends
}

/// Orders whose events came in reverse.
fn reversed(handed_on: &[Event]) -> u64 {
    let (mut cancelled, mut reversed) = (BTreeSet::new(), 0);
    for event in handed_on {
        if event.r#type == OrderCancelled::full_name() {
            cancelled.insert(&event.key);
        } else if event.r#type == OrderConfirmed::full_name() && cancelled.contains(&event.key) {
            reversed += 1;
        }
    }
    reversed
}

async fn wrong(channel: Channel, ends: &BTreeMap<&str, PaymentState>) -> Result<u64> {
    let (mut payments, mut wrong) = (PaymentsServiceClient::new(channel), 0);
    for (order_id, end) in ends {
        let request = GetPaymentRequest { order_id: (*order_id).to_owned() };
        let found = payments.get_payment(within(USUAL, request)).await?.into_inner();
        let payment = found.payment.context("the answer has no payment")?;
        wrong += u64::from(payment.state() != *end);
    }
    Ok(wrong)
}
