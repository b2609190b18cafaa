use std::time::Duration;

use anyhow::Result;
use madang_api::orders::v1::{Order, OrderState, PlaceOrderRequest};
use madang_api::types::v1::{Address, Money, ProductQuantity};

use super::stage::Stage;
use super::teller::{PATIENCE, Teller};
use crate::order::show::{money, outcome};
use crate::output::Progress;
use crate::shop::Service;
use crate::supervisor::Supervisor;
use crate::system;

const CUP: &str = "celadon-tea-cup";
const TEA: &str = "nokcha-green-tea";
const KITE: &str = "bangpae-kite";
/// Three of it are in stock, and four would be too heavy for a parcel.
const JAR: &str = "moon-jar-master";
/// How long a customer waits while payments is dead: shorter than it stays so.
const SHORT: Duration = Duration::from_millis(1_500);

/// The whole story, in three acts.
pub(super) async fn play(stage: &Stage, supervisor: &mut Supervisor, teller: &mut Teller<'_>) -> Result<()> {
    business(stage, teller).await?;
    repeats(stage, teller).await?;
    outage(stage, supervisor, teller).await?;
    teller.scene("the first customer was told", "told once", told(stage, "mina")).await
}

/// What a shop does all day.
async fn business(stage: &Stage, teller: &mut Teller<'_>) -> Result<()> {
    let one = order("mina", &[(CUP, 1)]);
    let several = order("jun", &[(CUP, 2), (TEA, 1), (KITE, 3)]);
    let far = PlaceOrderRequest { address: Some(address("US", "10001")), ..order("ada", &[(KITE, 1)]) };
    let last = order("sora", &[(JAR, 3)]);
    let none_left = order("dan", &[(JAR, 1)]);
    teller.scene("the catalogue is searched for tea", "found", found(stage)).await?;
    teller.scene("one tea cup", "CONFIRMED", outcome_of(stage, one)).await?;
    teller.scene("several lines", "CONFIRMED", outcome_of(stage, several)).await?;
    teller.scene("to another continent", "CONFIRMED", outcome_of(stage, far)).await?;
    teller.scene("the last three moon jars", "CONFIRMED", outcome_of(stage, last)).await?;
    teller.scene("a moon jar more", "REJECTED OUT_OF_STOCK", outcome_of(stage, none_left)).await?;
    let declined = paid("tok_declined", "yuna");
    teller.scene("a declined card", "REJECTED CARD_DECLINED", outcome_of(stage, declined)).await?;
    let poor = paid("tok_insufficient_funds", "theo");
    teller.scene("a card without funds", "REJECTED INSUFFICIENT_FUNDS", outcome_of(stage, poor)).await?;
    let slow = paid("tok_slow", "iris");
    teller.scene("a slow card", "CONFIRMED", outcome_of(stage, slow)).await?;
    let lost = paid("tok_lost_answer", "leo");
    teller.scene("payments' answer is lost", "CONFIRMED, held once", held_once(stage, lost)).await
}

/// What careless clients send.
async fn repeats(stage: &Stage, teller: &mut Teller<'_>) -> Result<()> {
    let first = order("hana", &[(TEA, 2)]);
    let other = PlaceOrderRequest { lines: lines(&[(TEA, 3)]), ..first.clone() };
    let unknown = order("finn", &[("no-such-product", 1)]);
    teller.scene("the same request twice", "CONFIRMED, one order", twice(stage, first)).await?;
    let reused = "ALREADY_EXISTS REQUEST_ID_REUSED";
    teller.scene("its id again, for another order", reused, outcome_of(stage, other)).await?;
    teller.scene("an unknown product", "NOT_FOUND PRODUCT_NOT_FOUND", outcome_of(stage, unknown)).await
}

/// Payments is killed while the shop is open. Nobody loses an order; one who changes their mind may.
async fn outage(stage: &Stage, supervisor: &mut Supervisor, teller: &mut Teller<'_>) -> Result<()> {
    supervisor.kill(Service::Payments).await?;
    let (mut waits, mut leaves) = (Order::default(), Order::default());
    let (wait, leave) = (order("noa", &[(CUP, 1)]), order("emil", &[(CUP, 1)]));
    teller.scene("payments is killed (-9); an order", "PENDING", placed(stage, wait, &mut waits)).await?;
    teller.scene("meanwhile, the catalogue", "found", found(stage)).await?;
    teller.scene("meanwhile, another order", "PENDING", placed(stage, leave, &mut leaves)).await?;
    let cancelled = cancel(stage, leaves.order_id.clone());
    teller.scene("and it is cancelled", "accepted", cancelled).await?;
    teller.scene("payments is started again", "ready", start(supervisor, Service::Payments)).await?;
    teller.scene("the order that waited", "CONFIRMED", end_of(stage, waits.order_id)).await?;
    teller.scene("the order that was cancelled", "CANCELLED", end_of(stage, leaves.order_id)).await
}

async fn found(stage: &Stage) -> Result<String> {
    let count = stage.search("tea").await?;
    Ok(if count > 0 { "found" } else { "nothing found" }.to_owned())
}

async fn outcome_of(stage: &Stage, request: PlaceOrderRequest) -> Result<String> {
    Ok(outcome(&stage.complete(request).await?))
}

async fn end_of(stage: &Stage, order_id: String) -> Result<String> {
    Ok(outcome(&stage.end(order_id).await?))
}

async fn placed(stage: &Stage, request: PlaceOrderRequest, order: &mut Order) -> Result<String> {
    *order = stage.place(SHORT, request).await?;
    Ok(outcome(order))
}

async fn cancel(stage: &Stage, order_id: String) -> Result<String> {
    let state = stage.cancel(SHORT, order_id).await?;
    let accepted = matches!(state, OrderState::Cancelling | OrderState::Cancelled);
    Ok(if accepted { "accepted" } else { state.as_str_name() }.to_owned())
}

async fn held_once(stage: &Stage, request: PlaceOrderRequest) -> Result<String> {
    let order = stage.complete(request).await?;
    let payment = stage.payment(&order.order_id).await?;
    let held = if same(payment.amount.as_ref(), order.total.as_ref()) {
        "held once".to_owned()
    } else {
        format!("held {} of {}", money(payment.amount.as_ref()), money(order.total.as_ref()))
    };
    Ok(format!("{}, {held}", outcome(&order)))
}

async fn twice(stage: &Stage, request: PlaceOrderRequest) -> Result<String> {
    let first = stage.complete(request.clone()).await?;
    let second = stage.complete(request.clone()).await?;
    let orders = stage.count(&request.customer_id).await?;
    let one = first.order_id == second.order_id && orders == 1;
    let told = if one { "one order".to_owned() } else { format!("{orders} orders") };
    Ok(format!("{}, {told}", outcome(&second)))
}

async fn told(stage: &Stage, customer: &str) -> Result<String> {
    let times = stage.told(customer).await?;
    Ok(if times == 1 { "told once".to_owned() } else { format!("told {times} times") })
}

async fn start(supervisor: &mut Supervisor, service: Service) -> Result<String> {
    supervisor.start(service)?;
    supervisor.wait_ready(&[service], PATIENCE, &mut Progress::hidden()).await?;
    Ok("ready".to_owned())
}

fn same(one: Option<&Money>, other: Option<&Money>) -> bool {
    one.is_some() && one == other
}

fn paid(card: &str, customer: &str) -> PlaceOrderRequest {
    PlaceOrderRequest { card_token: card.to_owned(), ..order(customer, &[(CUP, 1)]) }
}

fn order(customer: &str, wanted: &[(&str, i64)]) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: system::request_id(),
        customer_id: customer.to_owned(),
        lines: lines(wanted),
        address: Some(address("KR", "04524")),
        card_token: "tok_visa".to_owned(),
    }
}

fn lines(wanted: &[(&str, i64)]) -> Vec<ProductQuantity> {
    let line = |(product, quantity): &(&str, i64)| ProductQuantity {
        product_id: (*product).to_owned(),
        quantity: *quantity,
    };
    wanted.iter().map(line).collect()
}

fn address(region: &str, postal_code: &str) -> Address {
    Address {
        region_code: region.to_owned(),
        postal_code: postal_code.to_owned(),
        recipient: "Demo Customer".to_owned(),
        address_lines: vec!["1 Courtyard Road".to_owned()],
    }
}
