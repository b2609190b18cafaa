//! The shop as its customers reach it: calls at the gateway, each with a deadline.

pub(crate) mod orders;

use std::error::Error as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::catalog::v1::{GetProductRequest, ListProductsRequest, Product, SearchProductsRequest};
use madang_api::{error, within};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::book::Book;
use crate::catalogue::Catalogue;
use crate::engine::Work;
use crate::failure::{Failure, may_be_done};
use crate::intent::{Intent, Outcome};
use crate::load::Error;
use crate::mix::Kind;
use crate::random::Random;
use crate::settings::Settings;

use orders::Buyer;

const CONNECT: Duration = Duration::from_secs(3);
/// For what is asked before the load.
const BEFORE: Duration = Duration::from_secs(10);
/// The pause before a call is sent again, where the shop does not say how long it should be; it doubles each time, and up to as
/// much again is added by chance, so that those who were refused together do not come again together.
const AGAIN: Duration = Duration::from_millis(20);
const PAGE_SIZE: i32 = 200;
/// On a page that a visitor sees.
const SEEN: i32 = 20;
/// Lists longer than this are a service that never ends its pages.
const MAX_PAGES: usize = 1_000;

/// The shop at the end of some connections.
#[derive(Debug)]
pub(crate) struct Shop {
    /// At least one.
    channels: Vec<Channel>,
    catalogue: Catalogue,
    buyer: Buyer,
    deadline: Duration,
    retries: u32,
    traced: bool,
    book: Mutex<Book>,
}

/// How a call went that may have been tried more than once.
struct Tried<T> {
    first: Result<(), Failure>,
    last: Result<T, Status>,
    /// Whether some try may have been done though it failed.
    may_be_done: bool,
}

impl Shop {
    /// Connects, and reads what there is to choose from.
    ///
    /// # Errors
    /// [`Error`] where the gateway is not there, or has no products.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Error> {
        let channels = connect(settings).await?;
        let products =
            products(channels[0].clone()).await.map_err(|status| Error::Catalogue(Box::new(status)))?;
        let catalogue = Catalogue::new(&products, &settings.products).ok_or(Error::NoProducts)?;
        Ok(Self {
            channels,
            catalogue,
            buyer: Buyer::new(settings.run),
            deadline: settings.deadline,
            retries: settings.retries,
            traced: settings.traced,
            book: Mutex::default(),
        })
    }

    /// The connection of a call: each in its turn.
    pub(crate) fn channel(&self, number: u64) -> Channel {
        let index = usize::try_from(number).unwrap_or_default() % self.channels.len();
        self.channels[index].clone()
    }

    /// All orders that were asked for. It is whole between two uses of it, whoever panicked.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn visit(&self, intent: Intent, channel: Channel) -> Outcome {
        let catalog = CatalogServiceClient::new(channel);
        let tried = self.tried(intent, |limit| self.look(catalog.clone(), intent, limit)).await;
        tried.outcome()
    }

    async fn look(
        &self,
        mut catalog: CatalogServiceClient<Channel>,
        intent @ Intent { kind, draw, .. }: Intent,
        limit: Duration,
    ) -> Result<(), Status> {
        let (page_size, page_token) = (SEEN, String::new());
        match kind {
            Kind::SearchProducts => {
                let query = self.catalogue.word(draw).to_owned();
                let request = SearchProductsRequest { query, page_size, page_token };
                catalog.search_products(self.asked(intent, limit, request)).await.map(drop)
            }
            Kind::GetProduct => {
                let product_id = self.catalogue.product(draw).to_owned();
                let request = GetProductRequest { product_id };
                catalog.get_product(self.asked(intent, limit, request)).await.map(drop)
            }
            Kind::ListProducts | Kind::PlaceOrder => {
                let request = ListProductsRequest { page_size, page_token };
                catalog.list_products(self.asked(intent, limit, request)).await.map(drop)
            }
        }
    }

    async fn order(&self, intent: Intent, channel: Channel) -> Outcome {
        let placed = self.buyer.request(intent, self.catalogue.product(intent.draw));
        let place = |limit| orders::place(channel.clone(), self.asked(intent, limit, placed.clone()));
        let tried = self.tried(intent, place).await;
        let mut book = self.book();
        match &tried.last {
            Ok(order) => book.acknowledge(order),
            Err(_) if tried.may_be_done => book.miss(placed),
            Err(_) => book.refuse(),
        }
        drop(book);
        tried.outcome()
    }

    /// A call of the load.
    fn asked<T>(&self, Intent { number, draw, .. }: Intent, limit: Duration, message: T) -> Request<T> {
        let mut request = within(limit, message);
        if !self.traced {
            // An id is not zero.
            let (trace, span) = (number.saturating_add(1), draw | 1);
            let traceparent = format!("00-{draw:016x}{trace:016x}-{span:016x}-00");
            if let Ok(value) = MetadataValue::try_from(traceparent) {
                request.metadata_mut().insert("traceparent", value);
            }
        }
        request
    }

    /// Calls, and again where that is wanted, all within the deadline.
    async fn tried<T, F>(&self, intent: Intent, call: impl Fn(Duration) -> F + Send + Sync) -> Tried<T>
    where
        F: Future<Output = Result<T, Status>> + Send,
    {
        let end = Instant::now() + self.deadline;
        let bounded = async || {
            let answer = timeout_at(end, call(end.saturating_duration_since(Instant::now()))).await;
            match answer {
                // What a tonic says that gave up itself, here or in the shop.
                Ok(Err(status)) if status.code() == Code::Cancelled && Instant::now() >= end => Err(late()),
                Ok(answer) => answer.map_err(of_connection),
                Err(_) => Err(late()),
            }
        };
        let mut last = bounded().await;
        let first = last.as_ref().map(drop).map_err(Failure::from);
        let mut unsure = last.as_ref().is_err_and(may_be_done);
        let (mut pause, mut chance) = (AGAIN, Random::new(intent.draw, 0));
        for _ in 0..self.retries {
            let Some(told) = last.as_ref().err().and_then(again) else { break };
            pause = pause.max(told);
            let wait = pause.mul_f64(1.0 + chance.fraction());
            if Instant::now() + wait >= end {
                break;
            }
            sleep(wait).await;
            pause *= 2;
            last = bounded().await;
            unsure |= last.as_ref().is_err_and(may_be_done);
        }
        Tried { first, last, may_be_done: unsure }
    }
}

impl<T> Tried<T> {
    fn outcome(self) -> Outcome {
        Outcome { first: self.first, last: self.last.map(drop).map_err(|status| Failure::from(&status)) }
    }
}

impl Work for Shop {
    async fn call(&self, intent: Intent) -> Outcome {
        let channel = self.channel(intent.number);
        match intent.kind {
            Kind::PlaceOrder => self.order(intent, channel).await,
            Kind::ListProducts | Kind::SearchProducts | Kind::GetProduct => self.visit(intent, channel).await,
        }
    }
}

/// What a tonic says of a connection that ends is CANCELLED, UNKNOWN or another code, by how far the call had come. To gRPC all
/// of it is UNAVAILABLE: the shop did not answer, and another try may reach it. A status with a source is no answer.
fn of_connection(status: Status) -> Status {
    match status.source() {
        Some(_) => Status::unavailable(status.message()),
        None => status,
    }
}

/// Whether a call is worth another try, and after how long at least: nobody answered, or the shop says when to come again.
fn again(status: &Status) -> Option<Duration> {
    error::retry_after(status).or_else(|| (status.code() == Code::Unavailable).then_some(Duration::ZERO))
}

fn late() -> Status {
    Status::deadline_exceeded("no answer came in time")
}

async fn connect(settings: &Settings) -> Result<Vec<Channel>, Error> {
    let gateway = &settings.gateway;
    let endpoint = Endpoint::from_shared(gateway.clone())
        .map_err(|source| Error::Address { gateway: gateway.clone(), source })?
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        // Whatever is in flight waits at the connection, and not for room before it.
        .buffer_size(settings.in_flight);
    let connected = try_join_all((0..settings.connections).map(|_| endpoint.connect())).await;
    connected.map_err(|source| Error::Unreachable { gateway: gateway.clone(), source })
}

async fn products(channel: Channel) -> Result<Vec<Product>, Status> {
    let mut catalog = CatalogServiceClient::new(channel);
    let (mut products, mut page_token) = (Vec::new(), String::new());
    for _ in 0..MAX_PAGES {
        let request = within(BEFORE, ListProductsRequest { page_size: PAGE_SIZE, page_token });
        let page = catalog.list_products(request).await?.into_inner();
        products.extend(page.products);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(products);
        }
    }
    Err(Status::internal("the catalogue does not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_says_is_unavailable_and_what_the_shop_says_stays() {
        let broken = Status::from_error(Box::new(std::io::Error::other("broken pipe")));
        assert_eq!((broken.code(), of_connection(broken).code()), (Code::Unknown, Code::Unavailable));
        assert_eq!(of_connection(Status::cancelled("by the shop")).code(), Code::Cancelled);
    }
}
