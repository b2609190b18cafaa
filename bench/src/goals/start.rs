//! How soon a service is ready, and how soon a shop takes its first order.

mod restart;

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{OrderState, PlaceOrderRequest};
use madang_api::types::v1::{Address, ProductQuantity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::{Duration, Instant, sleep};
use uuid::Uuid;

use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::shop::{PRODUCT, Shop};
use crate::skeleton::Skeleton;

/// Starts of a service in a round.
const STARTS: usize = 5;
const READY: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_micros(200);
/// Those that have data of their own.
const SERVICES: [&str; 4] = ["catalog", "inventory", "payments", "shipping"];

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let (mut ready, mut opened) = (vec![Vec::new(); SERVICES.len()], Vec::new());
    for _ in 0..args.rounds {
        for (at, service) in SERVICES.into_iter().enumerate() {
            for _ in 0..STARTS {
                ready[at].push(start(service).await?);
            }
        }
        let ours = Instant::now();
        let shop = Shop::start(&[], &["--no-traces"]).await?;
        order(&shop.text("gateway", "url")).await?;
        let ours = ms(ours);
        shop.audit().await?;
        shop.close().await?;
        let yard = Instant::now();
        let skeleton = Skeleton::open(&std::env::current_exe()?).await?;
        order(skeleton.url()).await?;
        opened.push((ours, ms(yard)));
    }
    let name = Goal::Start.name();
    let mut rows: Vec<Row> = SERVICES
        .into_iter()
        .zip(ready)
        .map(|(service, ready)| {
            Row::plain(name, format!("ms until {service} is ready"), Wanted::AtMost(8.0), ready)
        })
        .collect();
    let ours = opened.iter().map(|(ours, _)| *ours).collect();
    rows.push(Row::plain(name, "ms until a shop has its first order", Wanted::AtMost(150.0), ours));
    rows.push(Row::ratio(name, "the same, beside the skeleton", Wanted::Nothing, opened));
    rows.extend(restart::rows(args).await?);
    Ok(rows)
}

fn ms(since: Instant) -> f64 {
    1_000.0 * since.elapsed().as_secs_f64()
}

/// Starts a service with nothing in its database, and ends it when it is ready; how many ms that took.
async fn start(service: &str) -> Result<f64> {
    let data = tempfile::tempdir()?;
    let program = std::env::current_exe()?.with_file_name(format!("madang-{service}"));
    let (listen, admin) = (free().await?, free().await?);
    let database = format!("sqlite:{}", data.path().join("a.db").display());
    let mut command = Command::new(&program);
    command.args(["--listen", &listen, "--admin-listen", &admin, "--database", &database]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let begun = Instant::now();
    let mut process = command.spawn().with_context(|| format!("{} does not start", program.display()))?;
    while !is_ready(&admin).await {
        ensure!(process.try_wait()?.is_none(), "{service} has ended");
        ensure!(begun.elapsed() < READY, "{service} does not get ready");
        sleep(BETWEEN).await;
    }
    let took = ms(begun);
    process.kill().await?;
    Ok(took)
}

async fn is_ready(admin: &str) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(admin).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    asked.await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// An address that nobody has now.
async fn free() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string())
}

async fn order(gateway: &str) -> Result<()> {
    let mut orders = OrdersServiceClient::connect(gateway.to_owned()).await?;
    let address = Address {
        region_code: "KR".to_owned(),
        postal_code: "04524".to_owned(),
        recipient: "First Customer".to_owned(),
        address_lines: vec!["1 Courtyard Road".to_owned()],
    };
    let place = PlaceOrderRequest {
        request_id: Uuid::from_u128(1).to_string(),
        customer_id: "first".to_owned(),
        lines: vec![ProductQuantity { product_id: PRODUCT.to_owned(), quantity: 1 }],
        address: Some(address),
        card_token: "tok_visa".to_owned(),
    };
    let order = orders.place_order(place).await?.into_inner().order.context("the answer has no order")?;
    ensure!(order.state() == OrderState::Confirmed, "the first order is {:?}", order.state());
    Ok(())
}
