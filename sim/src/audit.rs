//! What must hold once everything is healed and at rest.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use madang_api::inventory::v1::BatchGetStockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::notifications::v1::{ListNotificationsRequest, NotificationKind};
use madang_api::orders::v1::orders_operator_service_client::OrdersOperatorServiceClient;
use madang_api::orders::v1::{AuditOrdersRequest, Order, OrderState};
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::payments::v1::{AuditLedgerRequest, PaymentState};
use madang_api::shipping::v1::GetShipmentRequest;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_chassis::{Client, Platform};
use madang_cli::audit::{Facts, judge};
use tonic::Code;

use crate::customers::{Inner, Wish};
use crate::host::uri;

const PAGE_SIZE: i32 = 200;

/// Reads what the services say, as `madang audit` does. There are fewer of everything than a page has.
///
/// # Errors
/// Where a service does not answer, which nothing excuses any more.
pub(crate) async fn facts(platform: &Platform, products: BTreeSet<String>) -> Result<Facts> {
    let client = |host| Client::new(uri(host), platform);
    let mut facts = Facts::default();
    let request = AuditOrdersRequest { page_size: PAGE_SIZE, ..Default::default() };
    let mut orders = OrdersOperatorServiceClient::new(client("orders"));
    facts.orders = orders.audit_orders(request).await?.into_inner().orders;
    let request = AuditLedgerRequest { page_size: PAGE_SIZE, ..Default::default() };
    let ledger = PaymentsServiceClient::new(client("payments")).audit_ledger(request).await?.into_inner();
    facts.payments = ledger.payments.into_iter().map(|it| (it.order_id.clone(), it)).collect();
    (facts.inconsistent, facts.balances) = (ledger.inconsistent_order_ids, ledger.balances);
    let request = BatchGetStockRequest { product_ids: products.into_iter().collect() };
    let mut inventory = InventoryServiceClient::new(client("inventory"));
    facts.stocks = inventory.batch_get_stock(request).await?.into_inner().stocks;
    let mut shipping = ShippingServiceClient::new(client("shipping"));
    for Order { order_id, .. } in &facts.orders {
        match shipping.get_shipment(GetShipmentRequest { order_id: order_id.clone() }).await {
            Ok(answer) => {
                facts.shipments.extend(answer.into_inner().shipment.map(|it| (order_id.clone(), it)))
            }
            Err(status) if status.code() == Code::NotFound => {}
            Err(status) => return Err(status.into()),
        }
    }
    let mut notifications = NotificationsServiceClient::new(client("notifications"));
    let customers: BTreeSet<_> = facts.orders.iter().map(|order| order.customer_id.clone()).collect();
    for customer_id in customers {
        let request = ListNotificationsRequest { customer_id, page_size: PAGE_SIZE, ..Default::default() };
        facts
            .notifications
            .extend(notifications.list_notifications(request).await?.into_inner().notifications);
    }
    Ok(facts)
}

/// All that is wrong: by the rules of `madang audit`, and by what customers were told.
pub(crate) fn wrong(facts: &Facts, wishes: &[Wish], told: &Inner) -> Vec<String> {
    let mut wrong = told.wrong.clone();
    for check in judge(facts).checks {
        let violations = check.violations.iter();
        wrong.extend(violations.map(|it| format!("{}: {}: {}", check.rule, it.subject, it.detail)));
    }
    // Every customer asked until there was an answer.
    if facts.orders.len() != wishes.len() {
        wrong.push(format!("{} requests became {} orders", wishes.len(), facts.orders.len()));
    }
    let orders: BTreeMap<_, _> = facts.orders.iter().map(|order| (order.order_id.as_str(), order)).collect();
    wrong.extend(answers(&orders, wishes, told));
    wrong.extend(cancellations(&orders, told));
    wrong.extend(departures(facts));
    wrong
}

fn answers(orders: &BTreeMap<&str, &Order>, wishes: &[Wish], told: &Inner) -> Vec<String> {
    let mut wrong = Vec::new();
    for Wish { request, .. } in wishes {
        let request_id = &request.request_id;
        let answers = told.placed.iter().filter(|(id, _)| id == request_id);
        let ids: BTreeSet<_> = answers.map(|(_, order)| &order.order_id).collect();
        if ids.len() != 1 {
            wrong.push(format!("the request {request_id} was told {} orders", ids.len()));
        }
    }
    for (request_id, told) in &told.placed {
        let Some(order) = orders.get(told.order_id.as_str()) else {
            wrong.push(format!("the acknowledged order {} of {request_id} is lost", told.order_id));
            continue;
        };
        let stays = match told.state() {
            OrderState::Rejected | OrderState::Cancelled => order.state() == told.state(),
            OrderState::Confirmed => [OrderState::Confirmed, OrderState::Cancelled].contains(&order.state()),
            OrderState::Unspecified
            | OrderState::Pending
            | OrderState::Cancelling
            | OrderState::Rejecting
            | OrderState::Stuck => true,
        };
        if !stays || order.lines != told.lines || order.total != told.total {
            wrong.push(format!(
                "{} was told as {:?} and is {:?}",
                told.order_id,
                told.state(),
                order.state()
            ));
        }
    }
    wrong
}

/// A cancellation's answer stays true, and no order is cancelled that nobody cancelled.
fn cancellations(orders: &BTreeMap<&str, &Order>, told: &Inner) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, ended) in &told.cancelled {
        let state = orders.get(id.as_str()).map(|order| order.state());
        let expected = match ended {
            Ok(OrderState::Cancelled) => Some(OrderState::Cancelled),
            Err(reason) if reason == "SHIPMENT_DEPARTED" => Some(OrderState::Confirmed),
            Err(reason) if reason == "ORDER_REJECTED" => Some(OrderState::Rejected),
            _ => state,
        };
        if state != expected {
            wrong.push(format!("the cancellation of {id} was told as {ended:?}, and it is {state:?}"));
        }
    }
    let asked = |order: &Order| told.cancelled.iter().any(|(id, _)| *id == order.order_id);
    let strays = orders.values().filter(|order| order.state() == OrderState::Cancelled && !asked(order));
    wrong.extend(strays.map(|order| format!("{} was cancelled by nobody", order.order_id)));
    wrong
}

/// Each captured order's customer was told once that the parcel left, and nobody was told that a payment is outstanding.
fn departures(facts: &Facts) -> Vec<String> {
    let mut wrong = Vec::new();
    for order in &facts.orders {
        let told = |kind| {
            let of_order = facts.notifications.iter().filter(|it| it.order_id == order.order_id);
            of_order.filter(|it| it.kind() == kind).count()
        };
        let captured =
            facts.payments.get(&order.order_id).is_some_and(|it| it.state() == PaymentState::Captured);
        let departed = told(NotificationKind::ShipmentDeparted);
        if departed != usize::from(captured) || told(NotificationKind::PaymentOutstanding) != 0 {
            wrong
                .push(format!("{}: captured {captured}, told {departed} times that it left", order.order_id));
        }
        if order.state() == OrderState::Confirmed && !captured {
            wrong.push(format!("{} is confirmed and not paid", order.order_id));
        }
    }
    wrong
}
