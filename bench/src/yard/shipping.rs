//! Books a parcel: one transaction.

use std::path::Path;

use anyhow::Result;
use madang_api::shipping::v1::shipping_service_server::ShippingService;
use madang_api::shipping::v1::{
    ArrangeShipmentRequest, ArrangeShipmentResponse, CancelShipmentRequest, CancelShipmentResponse,
    GetShipmentRequest, GetShipmentResponse, QuoteShippingRequest, QuoteShippingResponse, Shipment,
    ShipmentState, TrackShipmentRequest, TrackShipmentResponse,
};
use rusqlite::{Connection, params};
use serde_json::json;
use tonic::{Request, Response, Status};

use super::gateway::Streamed;
use super::orders::id;
use super::store::{Store, now};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS shipments (order_id BYTEA PRIMARY KEY, state TEXT NOT NULL, customer_id TEXT,
    weight_grams BIGINT, address TEXT, tracking_number TEXT, arranged_at BIGINT, departed_at BIGINT, ended_at BIGINT,
    refusal TEXT, version BIGINT NOT NULL);";

#[derive(Debug)]
pub(crate) struct Shipping(Store);

impl Shipping {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        Ok(Self(Store::open(path, SCHEMA)?))
    }
}

fn arrange(
    conn: &Connection,
    request: &ArrangeShipmentRequest,
    (tracking, at): (&str, i64),
) -> rusqlite::Result<()> {
    let address = request.address.clone().unwrap_or_default();
    let address = json!({
        "region_code": address.region_code,
        "postal_code": address.postal_code,
        "recipient": address.recipient,
        "address_lines": address.address_lines,
    });
    let mut shipment = conn.prepare_cached(
        "INSERT INTO shipments (order_id, state, customer_id, weight_grams, address, tracking_number, arranged_at, version) \
         VALUES (?1, 'ARRANGED', ?2, ?3, ?4, ?5, ?6, 1)",
    )?;
    let (order, weight) = (id(&request.order_id)?, request.weight_grams);
    shipment.execute(params![order, request.customer_id, weight, address.to_string(), tracking, at]).map(drop)
}

#[tonic::async_trait]
impl ShippingService for Shipping {
    type TrackShipmentStream = Streamed<TrackShipmentResponse>;

    async fn arrange_shipment(
        &self,
        request: Request<ArrangeShipmentRequest>,
    ) -> Result<Response<ArrangeShipmentResponse>, Status> {
        let (request, at) = (request.into_inner(), now());
        let tracking_number = format!("MD{:012}", at % 1_000_000_000_000);
        let shipment = Shipment {
            order_id: request.order_id.clone(),
            tracking_number: tracking_number.clone(),
            address: request.address.clone(),
            weight_grams: request.weight_grams,
            state: ShipmentState::Arranged.into(),
            steps: Vec::new(),
        };
        self.0.write(move |conn| arrange(conn, &request, (&tracking_number, at))).await?;
        Ok(Response::new(ArrangeShipmentResponse { shipment: Some(shipment) }))
    }

    async fn quote_shipping(
        &self,
        _: Request<QuoteShippingRequest>,
    ) -> Result<Response<QuoteShippingResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn cancel_shipment(
        &self,
        _: Request<CancelShipmentRequest>,
    ) -> Result<Response<CancelShipmentResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn get_shipment(
        &self,
        _: Request<GetShipmentRequest>,
    ) -> Result<Response<GetShipmentResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn track_shipment(
        &self,
        _: Request<TrackShipmentRequest>,
    ) -> Result<Response<Self::TrackShipmentStream>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }
}
