//! InventoryService through the real server, on a real database, over connections in memory.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use madang_api::error;
use madang_api::events::v1::{ListCursorsRequest, cursor_service_client::CursorServiceClient};
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::inventory::v1::{
    BatchGetStockRequest, GetStockRequest, ReleaseStockRequest, ReservationState, ReserveStockRequest,
    RestockRequest, Stock,
};
use madang_api::types::v1::ProductQuantity;
use madang_chassis::{Client, Network, Platform, config};
use madang_db::testing::Fresh;
use madang_inventory::{Config, SERVICE};
use tonic::{Code, Status};

const CUP: &str = "celadon-tea-cup";
const JAR: &str = "moon-jar-master";

/// The service in memory, with its shipped stock.
struct Shop {
    inventory: InventoryServiceClient<Client>,
    cursors: CursorServiceClient<Client>,
    platform: Platform,
    _data: Fresh,
}

impl Shop {
    async fn open() -> Self {
        let data = Fresh::new();
        let network = Network::new();
        let mut platform = Platform::test(SERVICE);
        platform.connector = network.connector();
        let args = ["inventory", "--database", &data.url(), "--orders-url", "http://orders"];
        let config: Config = config::try_parse_from(&SERVICE, args).unwrap();
        let (listener, running) = (network.listen("inventory"), platform.clone());
        platform.tasks.spawn("inventory", async move {
            madang_inventory::run(config, listener, running).await.unwrap();
        });
        let client = Client::new("http://inventory".parse().unwrap(), &platform);
        let inventory = InventoryServiceClient::new(client.clone());
        Self { inventory, cursors: CursorServiceClient::new(client), platform, _data: data }
    }

    async fn stock(&mut self, product: &str) -> Stock {
        let request = GetStockRequest { product_id: product.into() };
        self.inventory.get_stock(request).await.unwrap().into_inner().stock.unwrap()
    }

    async fn reserve(&mut self, order: u8, lines: &[(&str, i64)]) -> Result<ReservationState, Status> {
        let line = |(product, quantity): &(&str, i64)| ProductQuantity {
            product_id: (*product).into(),
            quantity: *quantity,
        };
        let lines = lines.iter().map(line).collect();
        let request = ReserveStockRequest { order_id: order_id(order), lines, expire_time: None };
        let answer = self.inventory.reserve_stock(request).await?.into_inner();
        Ok(answer.reservation.unwrap().state())
    }

    async fn release(&mut self, order: u8) -> Result<ReservationState, Status> {
        let request = ReleaseStockRequest { order_id: order_id(order) };
        Ok(self.inventory.release_stock(request).await?.into_inner().reservation.unwrap().state())
    }

    async fn restock(&mut self, request: u8, product: &str, quantity: i64) -> Result<Stock, Status> {
        let request = RestockRequest { request_id: order_id(request), product_id: product.into(), quantity };
        Ok(self.inventory.restock(request).await?.into_inner().stock.unwrap())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.platform.shutdown.begin();
    }
}

fn order_id(n: u8) -> String {
    format!("0198c0de-0000-7000-8000-0000000000{n:02x}")
}

fn told<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), error::reason(&status).unwrap_or_default())
}

fn fields(status: &Status) -> Vec<String> {
    error::violations(status).into_iter().map(|violation| violation.field).collect()
}

#[tokio::test]
async fn the_shipped_stock_is_there_from_the_start() {
    let mut shop = Shop::open().await;
    let stock = shop.stock(JAR).await;
    assert_eq!((stock.received, stock.available, stock.reserved, stock.sold), (3, 3, 0, 0));
}

#[tokio::test]
async fn an_unknown_product_has_no_stock() {
    let mut shop = Shop::open().await;
    let answer = shop.inventory.get_stock(GetStockRequest { product_id: "no-such-thing".into() }).await;
    assert_eq!(told(answer), (Code::NotFound, "PRODUCT_NOT_FOUND".into()));
}

#[tokio::test]
async fn a_product_id_that_is_none_is_refused() {
    let mut shop = Shop::open().await;
    let answer = shop.inventory.get_stock(GetStockRequest { product_id: "No such!".into() }).await;
    assert_eq!(told(answer), (Code::InvalidArgument, error::INVALID_REQUEST.into()));
}

#[tokio::test]
async fn a_batch_keeps_the_order_and_leaves_out_what_is_unknown() {
    let mut shop = Shop::open().await;
    let ids =
        |ids: &[&str]| BatchGetStockRequest { product_ids: ids.iter().map(|id| (*id).into()).collect() };
    let answer = shop.inventory.batch_get_stock(ids(&[JAR, "no-such-thing", CUP])).await.unwrap();
    let found: Vec<_> = answer.into_inner().stocks.into_iter().map(|stock| stock.product_id).collect();
    assert_eq!(found, [JAR, CUP]);
    let status = shop.inventory.batch_get_stock(ids(&[CUP, "", CUP])).await.unwrap_err();
    assert_eq!(fields(&status), ["product_ids[1]", "product_ids[2]"]);
}

#[tokio::test]
async fn a_reservation_sets_pieces_aside_and_a_release_gives_them_back() {
    let mut shop = Shop::open().await;
    assert_eq!(shop.reserve(1, &[(JAR, 2)]).await.unwrap(), ReservationState::Reserved);
    let stock = shop.stock(JAR).await;
    assert_eq!((stock.received, stock.available, stock.reserved), (3, 1, 2));
    assert_eq!(shop.release(1).await.unwrap(), ReservationState::Released);
    assert_eq!(shop.stock(JAR).await.available, 3);
}

#[tokio::test]
async fn a_repeated_step_has_one_effect_and_answers_the_present_state() {
    let mut shop = Shop::open().await;
    for _ in 0..3 {
        assert_eq!(shop.reserve(1, &[(JAR, 1)]).await.unwrap(), ReservationState::Reserved);
    }
    assert_eq!(shop.stock(JAR).await.reserved, 1);
    for _ in 0..2 {
        assert_eq!(shop.release(1).await.unwrap(), ReservationState::Released);
    }
    assert_eq!(shop.stock(JAR).await.available, 3);
    let late = shop.reserve(1, &[(JAR, 1)]).await;
    assert_eq!(told(late), (Code::FailedPrecondition, error::STEP_UNDONE.into()));
}

#[tokio::test]
async fn a_step_with_other_lines_under_the_same_order_is_refused() {
    let mut shop = Shop::open().await;
    shop.reserve(1, &[(JAR, 1)]).await.unwrap();
    let other = shop.reserve(1, &[(JAR, 2)]).await;
    assert_eq!(told(other), (Code::AlreadyExists, error::REQUEST_ID_REUSED.into()));
}

#[tokio::test]
async fn all_lines_or_none_and_the_refusal_is_repeated_even_after_a_restock() {
    let mut shop = Shop::open().await;
    let before = shop.stock(CUP).await;
    for _ in 0..2 {
        let status = shop.reserve(1, &[(CUP, 1), (JAR, 4)]).await.unwrap_err();
        assert_eq!(error::facts(&status)["product_ids"], JAR);
        assert_eq!(told(Err::<(), _>(status)), (Code::FailedPrecondition, "OUT_OF_STOCK".into()));
        shop.restock(9, JAR, 10).await.unwrap();
    }
    assert_eq!(shop.stock(CUP).await, before);
    assert_eq!(shop.release(1).await.unwrap(), ReservationState::Released);
    assert_eq!(shop.stock(CUP).await, before);
}

#[tokio::test]
async fn an_undo_before_the_step_leaves_a_tombstone() {
    let mut shop = Shop::open().await;
    assert_eq!(shop.release(1).await.unwrap(), ReservationState::Released);
    let late = shop.reserve(1, &[(JAR, 1)]).await;
    assert_eq!(told(late), (Code::FailedPrecondition, error::STEP_UNDONE.into()));
    assert_eq!(shop.stock(JAR).await.available, 3);
}

#[tokio::test]
async fn a_restock_has_one_effect_for_one_request_id() {
    let mut shop = Shop::open().await;
    for _ in 0..3 {
        assert_eq!(shop.restock(1, JAR, 5).await.unwrap().available, 8);
    }
    let reused = shop.restock(1, JAR, 6).await;
    assert_eq!(told(reused), (Code::AlreadyExists, error::REQUEST_ID_REUSED.into()));
    assert_eq!(shop.restock(2, "brand-new-thing", 1).await.unwrap().received, 1);
}

#[tokio::test]
async fn a_restock_of_too_many_pieces_is_refused() {
    let mut shop = Shop::open().await;
    let status = shop.restock(1, JAR, 1_000_001).await.unwrap_err();
    assert_eq!(fields(&status), ["quantity"]);
}

#[tokio::test]
async fn every_violation_of_a_reservation_is_told_and_nothing_is_written() {
    let mut shop = Shop::open().await;
    let line = |product_id: &str, quantity| ProductQuantity { product_id: product_id.into(), quantity };
    let request = ReserveStockRequest {
        order_id: "no UUID".into(),
        lines: vec![line(JAR, 0), line(CUP, -1), line("", i64::MAX), line(JAR, 1)],
        expire_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
    };
    let status = shop.inventory.reserve_stock(request).await.unwrap_err();
    let expected = [
        "order_id",
        "lines[0].quantity",
        "lines[1].quantity",
        "lines[2].product_id",
        "lines[2].quantity",
        "lines[3].product_id",
        "expire_time",
    ];
    assert_eq!(fields(&status), expected);
    assert_eq!(shop.stock(JAR).await.reserved, 0);
    let empty = ReserveStockRequest { order_id: order_id(1), lines: vec![], expire_time: None };
    let status = shop.inventory.reserve_stock(empty).await.unwrap_err();
    assert_eq!(fields(&status), ["lines"]);
}

#[tokio::test]
async fn a_release_or_restock_without_ids_names_every_field() {
    let mut shop = Shop::open().await;
    let status = shop.inventory.release_stock(ReleaseStockRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["order_id"]);
    let status = shop.inventory.restock(RestockRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["request_id", "product_id", "quantity"]);
}

#[tokio::test]
async fn the_cursor_of_orders_is_told() {
    let mut shop = Shop::open().await;
    let answer = shop.cursors.list_cursors(ListCursorsRequest {}).await.unwrap().into_inner();
    let cursors: Vec<_> =
        answer.cursors.into_iter().map(|cursor| (cursor.producer, cursor.position)).collect();
    assert_eq!(cursors, [("orders".to_owned(), 0)]);
}
