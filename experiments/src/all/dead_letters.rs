use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::events::v1::{DeadLetter, DiscardDeadLetterRequest, RedriveDeadLetterRequest};
use madang_api::faults::v1::Fault;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::inventory::v1::{GetStockRequest, ReserveStockRequest};
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{CancelOrderRequest, Order, OrderState};
use madang_api::types::v1::ProductQuantity;
use madang_api::within;
use tonic::Code;
use tonic::transport::Channel;

use crate::events::{dead_letters, unread};
use crate::shop::{PRODUCT, USUAL, connect, fault, harm, heal, id, keep, order, put_back, stock};
use crate::{Experiment, Limit, Needs, Setup, Trial, Variant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "dead-letters",
    claim: "An event that cannot be applied holds up its own order alone, and nothing of it is lost.",
    hypothesis: "Inventory comes back from a backup and cannot sell what 6 orders reserved since: their events are set aside, all 20 orders after them are sold, and once the cause is gone a redrive makes the books right.",
    steps: &[
        "a copy of the database of inventory is kept",
        "6 orders are confirmed, and 2 of them cancelled; no parcel departs, since shipping does not hear from payments",
        "inventory is killed (SIGKILL) and comes back with the copy: it reads of orders that reserved nothing",
        "20 more orders are placed; it is counted what is set aside, and what is sold",
        "the operator reserves the pieces by hand, and redrives what was set aside; audit",
    ],
    control: "What cannot be applied is skipped, as it is where nothing is set aside: each dead letter is discarded.",
    needs: Needs::Local,
    limit: Duration::from_secs(90),
    by_hand: &[
        "madang up --data /tmp/shop --ports free",
        "kill -9 $(jq .services.inventory.pid /tmp/shop/shop.json)     # then put an older copy of its database back",
        "madang dead-letters list --shop /tmp/shop/shop.json",
        "madang dead-letters redrive --shop /tmp/shop/shop.json --all",
        "madang audit --shop /tmp/shop/shop.json",
    ],
    code: &[
        "crates/events/src/consumer/batch.rs",
        "crates/events/src/consumer/redrive.rs",
        "crates/events/src/consumer/runner.rs",
    ],
    setup,
    run: |trial| Box::pin(run(trial)),
};

const FEED: &str = "/madang.events.v1.EventFeedService/Subscribe";
const EARLY: usize = 6;
/// Of those; each leaves one event parked behind a dead letter.
const CANCELLED: usize = 2;
const LATE: usize = 20;
const AT_ONCE: usize = 4;
/// The longest pause before a consumer subscribes again, with room for a busy machine.
const READ: Duration = Duration::from_secs(10);

fn setup(variant: Variant) -> Setup {
    Setup::usual(variant).with("payments", "MADANG_FAULTS", "true")
}

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    keep(world, "inventory").await?;
    let channel = connect(&world.gateway()).await?;
    hold_parcels(trial).await?;
    let early = place(channel.clone(), EARLY).await?;
    cancel(channel.clone(), &early[..CANCELLED]).await?;
    trial.mark("6 orders are confirmed, 2 of them cancelled");
    put_back(world, "inventory").await?;
    trial.mark("inventory is back, without their reservations");
    heal(world, "payments").await?;
    let late = place(channel, LATE).await?;
    let unread = unread(world, ("inventory", "orders"), READ).await?;
    trial.mark("20 more orders are confirmed, and inventory has read all");

    let letters = dead_letters(world, "inventory").await?;
    let keys: BTreeSet<&str> = early.iter().map(|order| order.order_id.as_str()).collect();
    let strangers = letters.iter().filter(|letter| !keys.contains(key(letter))).count() as u64;
    let parked = letters.iter().filter(|letter| letter.parked).count() as u64;
    let sold = sold(trial).await?;
    settle(trial, &early, &letters).await?;
    let left = dead_letters(world, "inventory").await?.len() as u64;
    let audit = world.audit().await?;
    trial.mark("audited");

    let set_aside = letters.len() as u64 - parked;
    trial.count(
        "events that could not be applied and were set aside",
        set_aside,
        Limit::AtLeast(EARLY as f64),
    );
    trial.count(
        "later events of their orders that wait behind them",
        parked,
        Limit::AtLeast(CANCELLED as f64),
    );
    trial.count("events of other orders that were held up", strangers, Limit::AtMost(0.0));
    trial.count("events that inventory has not read", unread, Limit::AtMost(0.0));
    trial.count("other orders", late.len() as u64, Limit::AtLeast(LATE as f64));
    trial.count("of them those not sold", (late.len() as u64).abs_diff(sold), Limit::AtMost(0.0));
    trial.count("events that are still set aside after the redrive", left, Limit::AtMost(0.0));
    trial.count("violations that the audit found", audit.violations.len() as u64, Limit::AtMost(0.0));
    Ok(())
}

/// Shipping subscribes anew and is refused until payments is healed: a parcel that departs could not be cancelled.
async fn hold_parcels(trial: &Trial) -> Result<()> {
    let world = trial.world();
    harm(world, "payments", Fault { code: Code::Unavailable.into(), ..fault(FEED) }).await?;
    world.kill("shipping").await?;
    world.start("shipping").await?;
    trial.mark("shipping does not hear from payments");
    Ok(())
}

/// Places orders, and has each confirmed.
async fn place(channel: Channel, count: usize) -> Result<Vec<Order>> {
    let placing = stream::iter(0..count).map(|_| {
        let mut orders = OrdersServiceClient::new(channel.clone());
        async move {
            let placed = orders.place_order(within(USUAL, order("sora"))).await?.into_inner();
            let order = placed.order.context("the answer has no order")?;
            anyhow::ensure!(order.state() == OrderState::Confirmed, "an order is {:?}", order.state());
            Ok(order)
        }
    });
    placing.buffered(AT_ONCE).try_collect().await
}

async fn cancel(channel: Channel, orders: &[Order]) -> Result<()> {
    let mut client = OrdersServiceClient::new(channel);
    for order in orders {
        let request = CancelOrderRequest { request_id: id().to_string(), order_id: order.order_id.clone() };
        let cancelled = client.cancel_order(within(USUAL, request)).await?.into_inner().order;
        let state = cancelled.context("the answer has no order")?.state();
        anyhow::ensure!(state == OrderState::Cancelled, "a cancelled order is {state:?}");
    }
    Ok(())
}

/// Pieces that inventory sold, after its backup.
async fn sold(trial: &Trial) -> Result<u64> {
    let mut inventory = InventoryServiceClient::new(connect(&trial.world().url("inventory")?).await?);
    let request = GetStockRequest { product_id: PRODUCT.to_owned() };
    let stock = inventory.get_stock(within(USUAL, request)).await?.into_inner().stock;
    Ok(stock.context("the answer has no stock")?.sold.unsigned_abs())
}

/// What the operator does: the cause is removed, and what was set aside is applied; or, in the control, skipped.
async fn settle(trial: &Trial, early: &[Order], letters: &[DeadLetter]) -> Result<()> {
    let channel = connect(&trial.world().url("inventory")?).await?;
    let mut inventory = InventoryServiceClient::new(channel.clone());
    for order in early {
        let lines = vec![ProductQuantity { product_id: PRODUCT.to_owned(), quantity: 1 }];
        let order_id = order.order_id.clone();
        let reserve = ReserveStockRequest { order_id, lines, expire_time: None };
        inventory.reserve_stock(within(USUAL, reserve)).await.context("reserving by hand")?;
    }
    let mut client = DeadLetterServiceClient::new(channel);
    for letter in letters.iter().filter(|letter| !letter.parked) {
        let dead_letter_id = letter.dead_letter_id.clone();
        if trial.is_control() {
            let reason = "control: skipped".to_owned();
            client
                .discard_dead_letter(within(USUAL, DiscardDeadLetterRequest { dead_letter_id, reason }))
                .await?;
        } else {
            client.redrive_dead_letter(within(USUAL, RedriveDeadLetterRequest { dead_letter_id })).await?;
        }
    }
    trial.mark(if trial.is_control() { "control: discarded" } else { "redriven" });
    Ok(())
}

fn key(letter: &DeadLetter) -> &str {
    letter.event.as_ref().map_or("", |event| &event.key)
}
