//! Sets pieces aside: one transaction.

use std::path::Path;

use anyhow::Result;
use madang_api::inventory::v1::inventory_service_server::InventoryService;
use madang_api::inventory::v1::{
    BatchGetStockRequest, BatchGetStockResponse, GetStockRequest, GetStockResponse, ReleaseStockRequest,
    ReleaseStockResponse, Reservation, ReservationState, ReserveStockRequest, ReserveStockResponse,
    RestockRequest, RestockResponse,
};
use rusqlite::{Connection, params};
use serde_json::json;
use tonic::{Request, Response, Status};

use super::orders::id;
use super::store::Store;
use crate::shop::PRODUCT;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS stock (product_id TEXT PRIMARY KEY, received BIGINT NOT NULL, available BIGINT NOT NULL,
    reserved BIGINT NOT NULL, sold BIGINT NOT NULL, version BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS reservations (order_id BYTEA PRIMARY KEY, state TEXT NOT NULL, lines TEXT, short TEXT,
    expires_at BIGINT, version BIGINT NOT NULL);";
const STOCK: i64 = 1_000_000_000_000;

#[derive(Debug)]
pub(crate) struct Inventory(Store);

impl Inventory {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let stock = format!("INSERT OR IGNORE INTO stock VALUES ('{PRODUCT}', {STOCK}, {STOCK}, 0, 0, 1)");
        Ok(Self(Store::open(path, &format!("{SCHEMA}{stock};"))?))
    }
}

fn reserve(conn: &Connection, request: &ReserveStockRequest) -> rusqlite::Result<()> {
    for line in &request.lines {
        let mut stock = conn.prepare_cached(
            "UPDATE stock SET available = available - ?2, reserved = reserved + ?2, version = version + 1 \
             WHERE product_id = ?1 AND available >= ?2",
        )?;
        stock.execute(params![line.product_id, line.quantity])?;
    }
    let lines: Vec<_> = request.lines.iter().map(|line| json!([line.product_id, line.quantity])).collect();
    let mut reservation = conn.prepare_cached(
        "INSERT INTO reservations (order_id, state, lines, version) VALUES (?1, 'RESERVED', ?2, 1)",
    )?;
    reservation.execute(params![id(&request.order_id)?, json!(lines).to_string()]).map(drop)
}

#[tonic::async_trait]
impl InventoryService for Inventory {
    async fn reserve_stock(
        &self,
        request: Request<ReserveStockRequest>,
    ) -> Result<Response<ReserveStockResponse>, Status> {
        let request = request.into_inner();
        let reservation = Reservation {
            order_id: request.order_id.clone(),
            lines: request.lines.clone(),
            state: ReservationState::Reserved.into(),
            expire_time: None,
        };
        self.0.write(move |conn| reserve(conn, &request)).await?;
        Ok(Response::new(ReserveStockResponse { reservation: Some(reservation) }))
    }

    async fn get_stock(&self, _: Request<GetStockRequest>) -> Result<Response<GetStockResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn batch_get_stock(
        &self,
        _: Request<BatchGetStockRequest>,
    ) -> Result<Response<BatchGetStockResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn restock(&self, _: Request<RestockRequest>) -> Result<Response<RestockResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn release_stock(
        &self,
        _: Request<ReleaseStockRequest>,
    ) -> Result<Response<ReleaseStockResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }
}
