//! Customers: what they want, by the seed, and what they were told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use madang_api::error;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{CancelOrderRequest, Order, OrderState, PlaceOrderRequest};
use madang_api::types::v1::{Address, ProductQuantity};
use madang_chassis::{Client, Platform};
use tonic::{Code, Request, Status};

use crate::host::{Ground, uri};
use crate::{Random, Trace};

/// A story of one order.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// What is asked for; its request_id names the story.
    pub(crate) request: PlaceOrderRequest,
    /// When it is first asked for, once for each copy of the same request.
    pub(crate) at: Vec<Duration>,
    /// When it is cancelled after the first answer, if it is.
    pub(crate) cancel: Option<Duration>,
}

/// What customers were told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Inner>>);

/// The same, open.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// Stories under way.
    pub(crate) open: usize,
    /// Each answer to a PlaceOrder: the request_id and the order.
    pub(crate) placed: Vec<(String, Order)>,
    /// Each end of a CancelOrder: the order's id, and its state or the reason of the refusal.
    pub(crate) cancelled: Vec<(String, Result<OrderState, String>)>,
    /// What must never be answered.
    pub(crate) wrong: Vec<String>,
}

impl Told {
    /// What was told so far.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const CARDS: &[(u64, &str)] = &[
    (60, "tok_visa"),
    (10, "tok_declined"),
    (7, "tok_insufficient_funds"),
    (13, "tok_lost_answer"),
    (6, "tok_slow"),
    (4, "tok_unknown"),
];
/// The last two have few pieces, so that some orders find none.
const PRODUCTS: [&str; 7] = [
    "celadon-tea-cup",
    "nokcha-green-tea",
    "jegi-shuttlecock",
    "hanji-notebook",
    "bojagi-wrap",
    "ramie-summer-blanket",
    "bojagi-patchwork-ramie",
];
const PERSONS: [&str; 4] = ["mina", "jisoo", "haneul", "bora"];

/// What customers want within a time, by the seed.
pub(crate) fn wishes(seed: u64, within: Duration) -> Vec<Wish> {
    let random = Random::new(seed, "wishes");
    let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    (0..5 + random.below(26)).map(|_| wish(&random, within)).collect()
}

fn wish(random: &Random, within: u64) -> Wish {
    let mut lines: Vec<ProductQuantity> = Vec::new();
    for _ in 0..random.weighted(&[(6, 1), (2, 2), (1, 3), (1, 5)]).unwrap_or(1) {
        let product_id = PRODUCTS[random.index(PRODUCTS.len())].to_owned();
        let quantity = random.weighted(&[(6, 1), (3, 2), (2, 4), (2, 15)]).unwrap_or(1);
        if lines.iter().all(|line| line.product_id != product_id) {
            lines.push(ProductQuantity { product_id, quantity });
        }
    }
    let request = PlaceOrderRequest {
        request_id: request_id(random),
        customer_id: PERSONS[random.index(PERSONS.len())].to_owned(),
        lines,
        address: Some(address()),
        card_token: random.weighted(CARDS).unwrap_or("tok_visa").to_owned(),
    };
    let copies = random.weighted(&[(70, 1_u8), (15, 2), (10, 3), (5, 6)]).unwrap_or(1);
    let first = random.millis(0, within);
    let together = random.percent(50);
    let later = || if together { first } else { first + random.millis(0, 8_000) };
    let at = (0..copies).map(|copy| if copy == 0 { first } else { later() }).collect();
    let cancel = random.percent(35).then(|| random.weighted(&[(1, 300), (1, 3_000), (1, 30_000)]));
    Wish { request, at, cancel: cancel.flatten().map(|most| random.millis(0, most)) }
}

/// Where all parcels go.
pub(crate) fn address() -> Address {
    Address {
        region_code: "KR".to_owned(),
        postal_code: "03056".to_owned(),
        recipient: "Kim Mina".to_owned(),
        address_lines: vec!["1 Bukchon-ro".to_owned()],
    }
}

/// A version 4 UUID.
pub(crate) fn request_id(random: &Random) -> String {
    let (high, low) = (random.next(), random.next());
    let [a, b, c] = [high >> 32, high >> 16 & 0xffff, high & 0xfff];
    format!("{a:08x}-{b:04x}-4{c:03x}-8{:03x}-{:012x}", low >> 48 & 0xfff, low & 0xffff_ffff_ffff)
}

/// Lets all customers of a ground begin their stories, each in a task of its own.
pub(crate) fn begin(wishes: &[Wish], told: &Told, ground: &Ground, platform: &Platform) {
    let random = Random::new(ground.seed, "customers");
    let client = OrdersServiceClient::new(Client::new(uri("orders"), platform));
    let trace = ground.trace.clone();
    let customer = Customer { client, told: told.clone(), trace, random };
    for wish in wishes {
        for (copy, at) in wish.at.iter().enumerate() {
            told.lock().open += 1;
            let (customer, wish, at) = (customer.clone(), wish.clone(), *at);
            platform.tasks.spawn("customer", async move {
                tokio::time::sleep(at).await;
                let order = customer.place(&wish).await;
                if let (Some(order), Some(after), 0) = (order, wish.cancel, copy) {
                    tokio::time::sleep(after).await;
                    customer.cancel(order).await;
                }
                customer.told.lock().open -= 1;
            });
        }
    }
}

#[derive(Clone)]
struct Customer {
    client: OrdersServiceClient<Client>,
    told: Told,
    trace: Trace,
    random: Random,
}

impl Customer {
    /// Asks until there is an answer. Nothing that is asked for here may be refused by an error.
    async fn place(&self, wish: &Wish) -> Option<Order> {
        let name = &wish.request.request_id;
        loop {
            let request = self.in_time(wish.request.clone());
            match self.client.clone().place_order(request).await {
                Ok(answer) => {
                    let order = answer.into_inner().order?;
                    self.trace.tell(format_args!("told {name} is {} {:?}", order.order_id, order.state()));
                    self.told.lock().placed.push((name.clone(), order.clone()));
                    return Some(order);
                }
                Err(status) if passes(&status) => self.pause().await,
                Err(status) => {
                    self.told.lock().wrong.push(format!("PlaceOrder {name} was refused: {status}"));
                    return None;
                }
            }
        }
    }

    async fn cancel(&self, order: Order) {
        let message = CancelOrderRequest { request_id: request_id(&self.random), order_id: order.order_id };
        let id = message.order_id.clone();
        let ended = loop {
            match self.client.clone().cancel_order(self.in_time(message.clone())).await {
                Ok(answer) => break Ok(answer.into_inner().order.unwrap_or_default().state()),
                Err(status) if passes(&status) => self.pause().await,
                Err(status) => break Err(error::reason(&status).unwrap_or_else(|| status.to_string())),
            }
        };
        self.trace.tell(format_args!("told the cancellation of {id} is {ended:?}"));
        if let Err(reason) = &ended
            && !["SHIPMENT_DEPARTED", "ORDER_REJECTED"].contains(&reason.as_str())
        {
            self.told.lock().wrong.push(format!("CancelOrder of {id} was refused: {reason}"));
        }
        self.told.lock().cancelled.push((id, ended));
    }

    fn in_time<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.random.millis(300, 9_000));
        request
    }

    async fn pause(&self) {
        tokio::time::sleep(self.random.millis(50, 1_500)).await;
    }
}

/// Whether the same call may be sent again.
fn passes(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Cancelled
    )
}
