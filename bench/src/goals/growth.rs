//! A shop with many orders beside one with few.

use anyhow::{Context, Result};
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{GetOrderRequest, ListOrdersRequest};
use madang_load::Histogram;
use tokio::time::{Duration, Instant};
use tonic::transport::Channel;

use super::measure::{Plan, Seen, Target};
use super::pair::{in_turn, open};
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::shop::Shop;
use crate::stats::float;

/// In the small one, before it is measured.
const FEW: u64 = 1_000;
/// Orders in flight while a shop is filled, and while it is measured.
const IN_FLIGHT: usize = 64;
/// Reads of each kind in a round.
const READS: usize = 1_000;
/// A prime, so that reads go all over the orders.
const STRIDE: usize = 7_919;

/// A shop with orders in it.
struct Filled {
    shop: Shop,
    target: Target,
    /// One of each load by which it was filled.
    customers: Vec<String>,
}

/// p99 of GetOrder and of a customer's first page, in ms.
struct Reads {
    get: f64,
    list: f64,
}

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let (few, many) = (fill(args, FEW).await?, fill(args, args.orders).await?);
    let (mut loads, mut reads) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        reads.push(in_turn(round, Box::pin(many.read()), Box::pin(few.read())).await?);
        let plan = Plan::orders(IN_FLIGHT, args.duration());
        let both = in_turn(round, many.target.load(plan), few.target.load(plan)).await?;
        args.note(&format!(
            "growth, round {round}: {:.0} and {:.0} orders/s",
            both.0.per_second, both.1.per_second
        ));
        loads.push(both);
    }
    for filled in [few, many] {
        filled.shop.audit().await?;
        filled.shop.close().await?;
    }
    let name = Goal::Growth.name();
    let what = |what: &str| format!("{what}, {} orders beside {FEW}", args.orders);
    let load = |value: fn(&Seen) -> f64| {
        loads.iter().map(|(many, few)| (value(many), value(few))).collect::<Vec<_>>()
    };
    let read = |value: fn(&Reads) -> f64| {
        reads.iter().map(|(many, few)| (value(many), value(few))).collect::<Vec<_>>()
    };
    Ok(vec![
        Row::ratio(name, what("orders a second"), Wanted::AtLeast(0.9), load(|it| it.per_second)),
        Row::ratio(name, what("ms of CPU for an order"), Wanted::AtMost(1.1), load(|it| it.cpu_ms)),
        Row::ratio(name, what("p99 of GetOrder in ms"), Wanted::AtMost(1.2), read(|it| it.get)),
        Row::ratio(name, what("p99 of a first page in ms"), Wanted::AtMost(1.2), read(|it| it.list)),
    ])
}

/// Opens a shop and has customers order until there are so many orders.
async fn fill(args: &Args, orders: u64) -> Result<Filled> {
    let shop = open().await?;
    let target = Target::shop(&shop)?;
    let (mut filled, mut runs) = (0.0, Vec::new());
    while filled < float(orders) {
        let seen = target.load(Plan::orders(IN_FLIGHT, args.duration())).await?;
        filled += seen.ok;
        args.note(&format!("growth, {filled} of {orders} orders"));
        runs.push(seen.run.replace('-', ""));
    }
    // The load names its customers by its run.
    let customers = runs.iter().map(|run| format!("load-{run}-0")).collect();
    Ok(Filled { shop, target, customers })
}

impl Filled {
    /// Reads orders and first pages, one after the other, spread over all that it was filled with.
    async fn read(&self) -> Result<Reads> {
        let mut orders = OrdersServiceClient::connect(self.target.url.clone()).await?;
        let mut ids = Vec::new();
        for customer in &self.customers {
            ids.extend(page(&mut orders, customer, 200).await?);
        }
        let (mut get, mut list) = (Histogram::new(), Histogram::new());
        for number in 0..READS {
            let order_id = ids[number * STRIDE % ids.len()].clone();
            let begun = Instant::now();
            orders.get_order(GetOrderRequest { order_id }).await?;
            get.record(begun.elapsed());
            let customer = &self.customers[number % self.customers.len()];
            let begun = Instant::now();
            page(&mut orders, customer, 20).await?;
            list.record(begun.elapsed());
        }
        let ms = |histogram: &Histogram| Duration::as_secs_f64(&histogram.quantile(0.99)) * 1_000.0;
        Ok(Reads { get: ms(&get), list: ms(&list) })
    }
}

/// A customer's first page, as the ids on it.
async fn page(
    orders: &mut OrdersServiceClient<Channel>,
    customer: &str,
    page_size: i32,
) -> Result<Vec<String>> {
    let customer_id = customer.to_owned();
    let request = ListOrdersRequest { customer_id, page_size, page_token: String::new() };
    let page = orders.list_orders(request).await?.into_inner();
    page.orders.first().context("the customer has no orders")?;
    Ok(page.orders.into_iter().map(|order| order.order_id).collect())
}
