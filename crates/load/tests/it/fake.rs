//! A shop that does with each order what a test says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madang_api::catalog::v1::catalog_service_server::{CatalogService, CatalogServiceServer};
use madang_api::catalog::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, GetProductRequest, GetProductResponse,
    ListProductsRequest, ListProductsResponse, LocalizedText, Product, SearchProductsRequest,
    SearchProductsResponse, UpsertProductRequest, UpsertProductResponse,
};
use madang_api::error;
use madang_api::orders::v1::orders_service_server::{OrdersService, OrdersServiceServer};
use madang_api::orders::v1::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, Order, OrderState, PlaceOrderRequest, PlaceOrderResponse, WatchOrderRequest,
    WatchOrderResponse,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};

/// When those come again whose fate is [`Fate::Later`].
pub(crate) const LATER: Duration = Duration::from_millis(300);

/// What the shop does with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Confirm,
    Reject,
    /// It stays PENDING.
    Wait,
    Stuck,
    /// It is placed, and the first answer is UNAVAILABLE.
    LoseTheAnswer,
    /// The first answer is UNAVAILABLE, and nothing is done.
    FailOnce,
    /// The first answer is that it should come again, and nothing is done.
    Later,
    /// It is answered and forgotten.
    Forget,
    /// It is placed twice.
    Double,
    Refuse,
}

#[derive(Debug, Default)]
struct Books {
    fates: Vec<Fate>,
    /// By request_id: the fate and the order's id.
    requests: BTreeMap<String, (Fate, String)>,
    orders: BTreeMap<String, Order>,
    queries: Vec<String>,
    timeouts: BTreeSet<String>,
    traceparents: Vec<Option<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Fake {
    books: Arc<Mutex<Books>>,
    /// Calls of the catalogue pass while it is open.
    pub(crate) gate: watch::Sender<bool>,
    /// Calls at the gate, and calls in all.
    pub(crate) seen: watch::Sender<(usize, usize)>,
}

/// A fake that serves until it is dropped.
pub(crate) struct Serving {
    pub(crate) fake: Fake,
    pub(crate) url: String,
    _server: JoinSet<Result<(), tonic::transport::Error>>,
}

impl Fake {
    /// Orders have these fates, in turn.
    pub(crate) async fn serve(fates: &[Fate]) -> Serving {
        let books = Books { fates: fates.to_vec(), ..Books::default() };
        let fake = Self {
            books: Arc::new(Mutex::new(books)),
            gate: watch::channel(true).0,
            seen: watch::channel((0, 0)).0,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(CatalogServiceServer::new(fake.clone()))
            .add_service(OrdersServiceServer::new(fake.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let mut task = JoinSet::new();
        task.spawn(server);
        Serving { fake, url, _server: task }
    }

    /// Requests of orders, by request_id.
    pub(crate) fn requests(&self) -> usize {
        self.books.lock().unwrap().requests.len()
    }

    pub(crate) fn products_ordered(&self) -> BTreeSet<String> {
        let books = self.books.lock().unwrap();
        books.orders.values().map(|order| order.lines[0].product_id.clone()).collect()
    }

    pub(crate) fn queries(&self) -> Vec<String> {
        self.books.lock().unwrap().queries.clone()
    }

    pub(crate) fn timeouts(&self) -> BTreeSet<String> {
        self.books.lock().unwrap().timeouts.clone()
    }

    /// Of all orders; none where none was sent.
    pub(crate) fn traceparents(&self) -> Vec<Option<String>> {
        self.books.lock().unwrap().traceparents.clone()
    }

    async fn pass(&self) {
        self.seen.send_modify(|(waiting, _)| *waiting += 1);
        let mut gate = self.gate.subscribe();
        gate.wait_for(|open| *open).await.unwrap();
        self.seen.send_modify(|(waiting, all)| (*waiting, *all) = (*waiting - 1, *all + 1));
    }
}

impl Books {
    fn place(&mut self, request: &PlaceOrderRequest) -> Result<Order, Status> {
        let number = self.requests.len();
        let is_new = !self.requests.contains_key(&request.request_id);
        let fate = self.fates[number % self.fates.len()];
        let (fate, id) = self
            .requests
            .entry(request.request_id.clone())
            .or_insert_with(|| (fate, format!("order-{number}")))
            .clone();
        if fate == Fate::Refuse {
            return Err(error::status(Code::FailedPrecondition, "REGION_NOT_SERVED", "not there"));
        }
        if fate == Fate::FailOnce && is_new {
            return Err(Status::unavailable("nobody is there"));
        }
        if fate == Fate::Later && is_new {
            return Err(error::retry_later(error::OVERLOADED, "not now", LATER));
        }
        let order = order(&id, request, fate);
        if fate != Fate::Forget {
            self.orders.insert(id.clone(), order.clone());
        }
        if fate == Fate::Double {
            let second = Order { order_id: format!("{id}-again"), ..order.clone() };
            self.orders.insert(second.order_id.clone(), second);
        }
        match fate == Fate::LoseTheAnswer && is_new {
            true => Err(Status::unavailable("the connection broke")),
            false => Ok(order),
        }
    }
}

fn order(id: &str, request: &PlaceOrderRequest, fate: Fate) -> Order {
    let state = match fate {
        Fate::Reject => OrderState::Rejected,
        Fate::Wait => OrderState::Pending,
        Fate::Stuck => OrderState::Stuck,
        Fate::Confirm
        | Fate::LoseTheAnswer
        | Fate::FailOnce
        | Fate::Later
        | Fate::Forget
        | Fate::Double
        | Fate::Refuse => OrderState::Confirmed,
    };
    let line = &request.lines[0];
    let line = madang_api::orders::v1::OrderLine {
        product_id: line.product_id.clone(),
        quantity: line.quantity,
        unit_price: None,
    };
    Order {
        order_id: id.to_owned(),
        customer_id: request.customer_id.clone(),
        state: state.into(),
        reason: if fate == Fate::Reject { "OUT_OF_STOCK".to_owned() } else { String::new() },
        lines: vec![line],
        ..Order::default()
    }
}

fn product(id: &str, en: &str) -> Product {
    let name = Some(LocalizedText { en: en.to_owned(), ko: en.to_owned() });
    Product { product_id: id.to_owned(), name, ..Product::default() }
}

#[tonic::async_trait]
impl CatalogService for Fake {
    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        self.pass().await;
        let product = product(&request.into_inner().product_id, "Something");
        Ok(Response::new(GetProductResponse { product: Some(product) }))
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        self.pass().await;
        // Two pages, so that a list is read to its end.
        let is_first = request.get_ref().page_token.is_empty();
        let (product, next) =
            if is_first { (product("tea-cup", "Tea"), "2") } else { (product("kite", "Kite"), "") };
        Ok(Response::new(ListProductsResponse { products: vec![product], next_page_token: next.to_owned() }))
    }

    async fn search_products(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        self.pass().await;
        self.books.lock().unwrap().queries.push(request.into_inner().query);
        Ok(Response::new(SearchProductsResponse::default()))
    }

    async fn batch_get_products(
        &self,
        _: Request<BatchGetProductsRequest>,
    ) -> Result<Response<BatchGetProductsResponse>, Status> {
        Err(Status::unimplemented("no load asks this"))
    }

    async fn upsert_product(
        &self,
        _: Request<UpsertProductRequest>,
    ) -> Result<Response<UpsertProductResponse>, Status> {
        Err(Status::unimplemented("no load asks this"))
    }
}

#[tonic::async_trait]
impl OrdersService for Fake {
    type WatchOrderStream = tokio_stream::Empty<Result<WatchOrderResponse, Status>>;

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let timeout = request.metadata().get("grpc-timeout").unwrap().to_str().unwrap().to_owned();
        let traceparent = request.metadata().get("traceparent");
        let traceparent = traceparent.map(|value| value.to_str().unwrap().to_owned());
        let mut books = self.books.lock().unwrap();
        books.timeouts.insert(timeout);
        books.traceparents.push(traceparent);
        let order = books.place(request.get_ref())?;
        Ok(Response::new(PlaceOrderResponse { order: Some(order) }))
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let order = self.books.lock().unwrap().orders.get(&request.get_ref().order_id).cloned();
        let order = order.ok_or_else(|| error::status(Code::NotFound, "ORDER_NOT_FOUND", "no such order"))?;
        Ok(Response::new(GetOrderResponse { order: Some(order) }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let ListOrdersRequest { customer_id, page_token, .. } = request.into_inner();
        let books = self.books.lock().unwrap();
        let mut orders =
            books.orders.values().filter(|it| it.customer_id == customer_id && it.order_id > page_token);
        // One to a page.
        let orders: Vec<Order> = orders.next().cloned().into_iter().collect();
        let next_page_token = orders.first().map(|order| order.order_id.clone()).unwrap_or_default();
        Ok(Response::new(ListOrdersResponse { orders, next_page_token }))
    }

    async fn cancel_order(
        &self,
        _: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        Err(Status::unimplemented("no load asks this"))
    }

    async fn watch_order(
        &self,
        _: Request<WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        Err(Status::unimplemented("no load asks this"))
    }
}
