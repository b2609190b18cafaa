use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use madang_api::faults::v1::Fault;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{ListOrdersRequest, PlaceOrderRequest};
use madang_api::within;
use tonic::Code;
use tonic::transport::Channel;

use crate::shop::{USUAL, connect, fault, harm, id, order, stock};
use crate::{Experiment, Limit, Needs, Setup, Trial, Variant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "exactly-once-effects",
    claim: "Calls and events may come twice; what they do is done once.",
    hypothesis: "Half of all answers are lost, at each step of an order, and everybody asks again: each customer has exactly the orders that they wanted, paid, reserved, shipped and told once.",
    steps: &[
        "orders, payments, inventory and shipping do half of their calls and lose the answers (FaultService)",
        "40 customers place one order each, and ask again under the same key until they have an answer",
        "notifications is killed (SIGKILL) and started again meanwhile, three times",
        "the orders of each customer are counted; audit",
    ],
    control: "Customers ask again under a new key each time.",
    needs: Needs::Local,
    limit: Duration::from_secs(90),
    by_hand: &[
        "MADANG_FAULTS=true madang up --data /tmp/shop --ports free",
        "grpcurl -plaintext -d '{\"fault\":{\"fault_id\":\"lost\",\"percent\":50,\"lose_answer\":true},\"ttl\":\"60s\"}' ORDERS madang.faults.v1.FaultService/SetFault",
        "madang load --shop /tmp/shop/shop.json --rate 20 --duration 5s --mix order=1 --retries 10",
        "madang audit --shop /tmp/shop/shop.json",
    ],
    code: &[
        "services/orders/src/app/place.rs",
        "crates/events/src/consumer.rs",
        "crates/events/src/outbox.rs",
    ],
    setup,
    run: |trial| Box::pin(run(trial)),
};

const HARMED: [(&str, &str); 4] = [
    ("orders", "/madang.orders.v1.OrdersService/PlaceOrder"),
    ("payments", "/madang.payments.v1.PaymentsService/AuthorizePayment"),
    ("inventory", "/madang.inventory.v1.InventoryService/ReserveStock"),
    ("shipping", "/madang.shipping.v1.ShippingService/ArrangeShipment"),
];
const CUSTOMERS: usize = 40;
const AT_ONCE: usize = 8;
/// Half of the answers are lost: one of a million million customers has none after so many.
const TRIES: usize = 40;

fn setup(variant: Variant) -> Setup {
    let all = HARMED.iter().map(|(service, _)| *service);
    all.fold(Setup::usual(variant), |setup, service| setup.with(service, "MADANG_FAULTS", "true"))
}

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    stock(world).await?;
    for (service, method) in HARMED {
        harm(world, service, Fault { percent: 50, lose_answer: true, ..fault(method) }).await?;
    }
    trial.mark("half of the answers of orders, payments, inventory and shipping are lost");
    let channel = connect(&world.gateway()).await?;
    let run = id().simple().to_string();
    let customers: Vec<String> = (0..CUSTOMERS).map(|number| format!("c{number}-{run}")).collect();
    let placing = stream::iter(customers.clone()).map(|customer| place(trial, channel.clone(), customer));
    let (tries, killed) = futures::join!(
        placing.buffer_unordered(AT_ONCE).try_collect::<Vec<usize>>(),
        kill_notifications(trial)
    );
    let (tries, kills) = (tries?, killed?);
    trial.mark("each customer has an answer");
    let mut orders = 0;
    for customer in &customers {
        orders += count(channel.clone(), customer).await?;
    }
    let audit = world.audit().await?;
    trial.mark("audited");

    let (wanted, asked) = (CUSTOMERS as u64, tries.iter().sum::<usize>() as u64);
    trial.count("calls for these orders", asked, Limit::AtLeast((CUSTOMERS + 1) as f64));
    trial.count("times that notifications was killed", kills, Limit::AtLeast(1.0));
    trial.count("orders that nobody wanted", orders.saturating_sub(wanted), Limit::AtMost(0.0));
    trial.count("orders that are missing", wanted.saturating_sub(orders), Limit::AtMost(0.0));
    trial.count("violations that the audit found", audit.violations.len() as u64, Limit::AtMost(0.0));
    Ok(())
}

/// Asks until there is an answer; tells how often.
async fn place(trial: &Trial, channel: Channel, customer: String) -> Result<usize> {
    let (mut orders, mut wanted) = (OrdersServiceClient::new(channel), order(&customer));
    for tries in 1..=TRIES {
        match orders.place_order(within(USUAL, wanted.clone())).await {
            Ok(_) => return Ok(tries),
            Err(error) if matches!(error.code(), Code::Unavailable | Code::DeadlineExceeded) => {}
            Err(error) => return Err(error).context("an order was refused"),
        }
        if trial.is_control() {
            wanted = PlaceOrderRequest { request_id: id().to_string(), ..wanted };
        }
    }
    anyhow::bail!("{customer} had no answer in {TRIES} tries")
}

async fn kill_notifications(trial: &Trial) -> Result<u64> {
    const KILLS: u64 = 3;
    for _ in 0..KILLS {
        trial.world().kill("notifications").await?;
        trial.mark("killed: notifications");
        trial.world().start("notifications").await?;
    }
    Ok(KILLS)
}

async fn count(channel: Channel, customer: &str) -> Result<u64> {
    let request = ListOrdersRequest {
        customer_id: customer.to_owned(),
        page_size: 200,
        ..ListOrdersRequest::default()
    };
    let listed = OrdersServiceClient::new(channel).list_orders(within(USUAL, request)).await?.into_inner();
    Ok(listed.orders.len() as u64)
}
