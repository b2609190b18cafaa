use madang_api::catalog::v1::{ListProductsRequest, ListProductsResponse, Product};
use madang_api::events::v1::{
    Cursor, GetLastPositionRequest, GetLastPositionResponse, ListCursorsRequest, ListCursorsResponse,
};
use madang_api::inventory::v1::{BatchGetStockRequest, BatchGetStockResponse, Stock};
use madang_api::notifications::v1::{
    ListNotificationsRequest, ListNotificationsResponse, Notification, NotificationKind,
};
use madang_api::orders::v1::{AuditOrdersRequest, AuditOrdersResponse, Order, OrderLine, OrderState};
use madang_api::payments::v1::{
    AccountBalance, AuditLedgerRequest, AuditLedgerResponse, Payment, PaymentState,
};
use madang_api::shipping::v1::{GetShipmentRequest, GetShipmentResponse, Shipment, ShipmentState};
use madang_api::types::v1::Money;
use serde_json::Value;

use crate::fake::Fake;

const ORDERS: [&str; 2] = ["0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000002"];

fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency_code: "USD".into() })
}

fn order(order_id: &str) -> Order {
    Order {
        order_id: order_id.into(),
        customer_id: "mina".into(),
        state: OrderState::Confirmed.into(),
        lines: vec![OrderLine { product_id: "cup".into(), quantity: 1, unit_price: usd(1_000) }],
        shipping_price: usd(500),
        total: usd(1_500),
        ..Order::default()
    }
}

/// Two confirmed orders, on two pages, and all that belongs to them. Every log ends at 2; consumers have come this far.
pub(crate) fn shop(position: i64) -> Fake {
    books(events(Fake::default(), position))
        .on("/madang.orders.v1.OrdersOperatorService/AuditOrders", |request: AuditOrdersRequest| {
            let (order_id, next) =
                if request.page_token.is_empty() { (ORDERS[0], "2") } else { (ORDERS[1], "") };
            Ok(AuditOrdersResponse { orders: vec![order(order_id)], next_page_token: next.into() })
        })
        .on("/madang.catalog.v1.CatalogService/ListProducts", |_: ListProductsRequest| {
            let products = vec![Product { product_id: "cup".into(), ..Product::default() }];
            Ok(ListProductsResponse { products, ..ListProductsResponse::default() })
        })
        .on("/madang.inventory.v1.InventoryService/BatchGetStock", |request: BatchGetStockRequest| {
            assert_eq!(request.product_ids, ["cup"]);
            let stock = Stock { product_id: "cup".into(), received: 9, available: 7, reserved: 0, sold: 2 };
            Ok(BatchGetStockResponse { stocks: vec![stock] })
        })
        .on("/madang.shipping.v1.ShippingService/GetShipment", |GetShipmentRequest { order_id }| {
            let state = ShipmentState::Departed.into();
            Ok(GetShipmentResponse { shipment: Some(Shipment { order_id, state, ..Shipment::default() }) })
        })
}

fn events(fake: Fake, position: i64) -> Fake {
    fake.on("/madang.events.v1.EventFeedService/GetLastPosition", |_: GetLastPositionRequest| {
        Ok(GetLastPositionResponse { position: 2, unstamped: 0 })
    })
    .on("/madang.events.v1.CursorService/ListCursors", move |_: ListCursorsRequest| {
        let cursor = |producer: &str| Cursor { producer: producer.into(), position, ..Cursor::default() };
        Ok(ListCursorsResponse { cursors: ["orders", "payments", "shipping"].map(cursor).into() })
    })
}

fn books(fake: Fake) -> Fake {
    fake.on("/madang.payments.v1.PaymentsService/AuditLedger", |_: AuditLedgerRequest| {
        let payment = |order_id: &str| Payment {
            order_id: order_id.into(),
            amount: usd(1_500),
            state: PaymentState::Captured.into(),
            ..Payment::default()
        };
        let balance = |account: &str, units| AccountBalance { account: account.into(), balance: usd(units) };
        Ok(AuditLedgerResponse {
            balances: vec![balance("customer", -3_000), balance("shop", 3_000)],
            payments: ORDERS.map(payment).into(),
            ..AuditLedgerResponse::default()
        })
    })
    .on(
        "/madang.notifications.v1.NotificationsService/ListNotifications",
        |request: ListNotificationsRequest| {
            assert_eq!(request.customer_id, "mina");
            let told = |order_id: &str| Notification {
                order_id: order_id.into(),
                kind: NotificationKind::OrderConfirmed.into(),
                ..Notification::default()
            };
            Ok(ListNotificationsResponse { notifications: ORDERS.map(told).into(), ..Default::default() })
        },
    )
}

#[tokio::test]
async fn a_sound_shop_is_found_in_order() {
    let output = shop(2).madang(&["audit"]).await;
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.ends_with("2 orders (2 CONFIRMED), event lag 0: the books are in order\n"), "{told}");
}

#[tokio::test]
async fn a_violation_is_listed_with_its_order_and_ends_with_1() {
    let lost =
        shop(2).on("/madang.shipping.v1.ShippingService/GetShipment", |GetShipmentRequest { order_id }| {
            let state =
                if order_id == ORDERS[1] { ShipmentState::Cancelled } else { ShipmentState::Departed };
            let shipment = Shipment { order_id, state: state.into(), ..Shipment::default() };
            Ok(GetShipmentResponse { shipment: Some(shipment) })
        });
    let output = lost.madang(&["audit", "--output", "json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["clean"], false);
    assert_eq!(report["violations"].as_array().unwrap().len(), 1);
    assert_eq!(report["violations"][0]["subject"], ORDERS[1]);
}

#[tokio::test]
async fn events_that_stay_under_way_are_told_after_the_wait() {
    let output = shop(1).madang(&["audit", "--wait", "1"]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("events are still under way") && told.contains("1 event behind"), "{told}");
}
