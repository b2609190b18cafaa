use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use madang_api::catalog::v1::ListProductsRequest;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::inventory::v1::{BatchGetStockRequest, Stock};
use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::notifications::v1::{ListNotificationsRequest, Notification};
use madang_api::orders::v1::orders_operator_service_client::OrdersOperatorServiceClient;
use madang_api::orders::v1::{AuditOrdersRequest, Order};
use madang_api::payments::v1::AuditLedgerRequest;
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::shipping::v1::{GetShipmentRequest, Shipment};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::{Facts, is_final};
use crate::client::{PAGE_SIZE, all, call, connect};
use crate::shop::{Service, Shop};

/// Calls under way at once.
const AT_ONCE: usize = 32;

/// Reads all orders.
///
/// # Errors
/// Where orders cannot be read.
pub async fn orders(shop: &Shop) -> Result<Vec<Order>> {
    let client = OrdersOperatorServiceClient::new(connect(shop.url(Service::Orders)).await?);
    let page = async |page_token| {
        let request = AuditOrdersRequest { page_size: PAGE_SIZE, page_token, states: Vec::new() };
        let answer = client.clone().audit_orders(call(request)).await?.into_inner();
        Ok((answer.orders, answer.next_page_token))
    };
    all(page).await.context("reading the orders")
}

/// Reads what belongs to these orders from all other services.
pub(super) async fn facts(shop: &Shop, orders: Vec<Order>) -> Result<Facts> {
    let mut facts = Facts { orders, ..Facts::default() };
    ledger(shop, &mut facts).await.context("reading the ledger")?;
    facts.stocks = stocks(shop, &facts.orders).await.context("reading the stock")?;
    facts.shipments = shipments(shop, &facts.orders).await.context("reading the shipments")?;
    facts.notifications = notifications(shop, &facts.orders).await.context("reading the notifications")?;
    Ok(facts)
}

async fn ledger(shop: &Shop, facts: &mut Facts) -> Result<()> {
    let mut client = PaymentsServiceClient::new(connect(shop.url(Service::Payments)).await?);
    let mut page_token = String::new();
    let mut inconsistent = BTreeSet::new();
    loop {
        let is_first = page_token.is_empty();
        let request = AuditLedgerRequest { page_size: PAGE_SIZE, page_token };
        let answer = client.audit_ledger(call(request)).await?.into_inner();
        facts.payments.extend(answer.payments.into_iter().map(|it| (it.order_id.clone(), it)));
        inconsistent.extend(answer.inconsistent_order_ids);
        if is_first {
            facts.balances = answer.balances;
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            facts.inconsistent = inconsistent.into_iter().collect();
            return Ok(());
        }
    }
}

async fn stocks(shop: &Shop, orders: &[Order]) -> Result<Vec<Stock>> {
    let mut products = products(shop).await?;
    products.extend(orders.iter().flat_map(|order| &order.lines).map(|line| line.product_id.clone()));
    let products: Vec<String> = products.into_iter().collect();
    let mut client = InventoryServiceClient::new(connect(shop.url(Service::Inventory)).await?);
    let mut stocks = Vec::new();
    for product_ids in products.chunks(usize::try_from(PAGE_SIZE)?) {
        let request = BatchGetStockRequest { product_ids: product_ids.to_vec() };
        stocks.extend(client.batch_get_stock(call(request)).await?.into_inner().stocks);
    }
    Ok(stocks)
}

async fn products(shop: &Shop) -> Result<BTreeSet<String>> {
    let client = CatalogServiceClient::new(connect(shop.url(Service::Catalog)).await?);
    let page = async |page_token| {
        let request = ListProductsRequest { page_size: PAGE_SIZE, page_token };
        let answer = client.clone().list_products(call(request)).await?.into_inner();
        Ok((answer.products, answer.next_page_token))
    };
    Ok(all(page).await?.into_iter().map(|product| product.product_id).collect())
}

async fn shipments(shop: &Shop, orders: &[Order]) -> Result<BTreeMap<String, Shipment>> {
    let client = ShippingServiceClient::new(connect(shop.url(Service::Shipping)).await?);
    let finals = orders.iter().filter(|order| is_final(order.state()));
    let asked = finals.map(|order| shipment(client.clone(), order.order_id.clone()));
    let found: Vec<Option<Shipment>> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().map(|it| (it.order_id.clone(), it)).collect())
}

async fn shipment(
    mut client: ShippingServiceClient<Channel>,
    order_id: String,
) -> Result<Option<Shipment>, Status> {
    match client.get_shipment(call(GetShipmentRequest { order_id })).await {
        Ok(answer) => Ok(answer.into_inner().shipment),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

async fn notifications(shop: &Shop, orders: &[Order]) -> Result<Vec<Notification>> {
    let client = NotificationsServiceClient::new(connect(shop.url(Service::Notifications)).await?);
    let customers: BTreeSet<String> = orders.iter().map(|order| order.customer_id.clone()).collect();
    let told = customers.into_iter().map(|customer| told(client.clone(), customer));
    let told: Vec<Vec<Notification>> = stream::iter(told).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(told.into_iter().flatten().collect())
}

async fn told(
    client: NotificationsServiceClient<Channel>,
    customer_id: String,
) -> Result<Vec<Notification>, Status> {
    let page = async |page_token| {
        let customer_id = customer_id.clone();
        let request = ListNotificationsRequest { customer_id, page_size: PAGE_SIZE, page_token };
        let answer = client.clone().list_notifications(call(request)).await?.into_inner();
        Ok((answer.notifications, answer.next_page_token))
    };
    all(page).await
}
