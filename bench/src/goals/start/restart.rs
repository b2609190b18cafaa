//! A shop that was killed with many orders in it, finished ones and open ones.

use anyhow::{Result, ensure};
use madang_api::orders::v1::ListSagasRequest;
use madang_api::orders::v1::orders_operator_service_client::OrdersOperatorServiceClient;
use madang_load::{Load, Settings};
use rustix::process::Signal;
use tokio::time::{Duration, Instant, sleep};

use super::ms;
use crate::goals::measure::{Plan, Target, settings};
use crate::goals::pair::open;
use crate::goals::table::{Row, Wanted};
use crate::goals::{Args, Goal};
use crate::process::signal;
use crate::shop::Shop;
use crate::stats::float;

/// Open orders at most; half as many as there are finished ones where those are few.
const OPEN: u64 = 10_000;
/// In flight while orders stay open: each is answered after most of its deadline.
const WAITING: usize = 500;
const DEADLINE: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let begun = Instant::now();
    let empty = Shop::start(&[], &["--no-traces"]).await?;
    let empty_ms = ms(begun);
    empty.close().await?;

    let shop = open().await?;
    let target = Target::shop(&shop)?;
    let (mut finished, mut new) = (0.0, 0.0);
    while finished < float(args.orders) {
        let seen = target.load(Plan::orders(64, args.duration())).await?;
        (finished, new) = (finished + seen.ok, seen.per_second);
    }
    let open = leave_open(&shop, args.orders.min(2 * OPEN) / 2).await?;
    args.note(&format!("start, killed with {finished} finished orders and {open} open ones"));
    let data = shop.kill().await?;

    let begun = Instant::now();
    let shop = Shop::on(data, &[], &["--no-traces"]).await?;
    let ready_ms = ms(begun);
    while has_open(&shop).await? {
        ensure!(begun.elapsed() < PATIENCE, "open orders do not come to an end");
        sleep(BETWEEN).await;
    }
    let rate = open / (begun.elapsed().as_secs_f64() - ready_ms / 1_000.0);
    shop.audit().await?;
    shop.close().await?;
    let name = Goal::Start.name();
    let what = format!(
        "ms until a shop is ready, killed with {finished} orders and {open} open, beside an empty one"
    );
    Ok(vec![
        Row::ratio(name, what, Wanted::AtMost(2.0), vec![(ready_ms, empty_ms)]),
        Row::ratio(
            name,
            "open orders finished a second, beside new ones",
            Wanted::AtLeast(1.0 / 1.3),
            vec![(rate, new)],
        ),
    ])
}

/// Has customers order while payments stands still; how many orders are open then.
async fn leave_open(shop: &Shop, orders: u64) -> Result<f64> {
    signal(shop.pid("payments")?, Signal::STOP)?;
    let gateway = shop.text("gateway", "url");
    let mut placed = 0.0;
    while placed < float(orders) {
        let settings = settings(&gateway, Plan::orders(WAITING, Duration::from_secs(1)))?;
        let patience = Duration::from_millis(1);
        let load = Load::start(Settings { deadline: DEADLINE, patience, ..settings }).await?;
        load.done().await;
        let report = load.report(std::future::ready(())).await?;
        ensure!(report.orders.acknowledged > 0, "no order stays open: {:?}", report.errors);
        placed += float(report.orders.acknowledged);
    }
    Ok(placed)
}

async fn has_open(shop: &Shop) -> Result<bool> {
    let mut operator = OrdersOperatorServiceClient::connect(shop.text("orders", "url")).await?;
    let ask = ListSagasRequest { page_size: 1, ..ListSagasRequest::default() };
    Ok(!operator.list_sagas(ask).await?.into_inner().sagas.is_empty())
}
