//! Holds money: one transaction.

use std::path::Path;

use anyhow::Result;
use madang_api::payments::v1::payments_service_server::PaymentsService;
use madang_api::payments::v1::{
    AuditLedgerRequest, AuditLedgerResponse, AuthorizePaymentRequest, AuthorizePaymentResponse,
    CapturePaymentRequest, CapturePaymentResponse, GetPaymentRequest, GetPaymentResponse, Payment,
    PaymentState, RefundPaymentRequest, RefundPaymentResponse, VoidPaymentRequest, VoidPaymentResponse,
};
use rusqlite::{Connection, params};
use tonic::{Request, Response, Status};

use super::orders::id;
use super::store::{Store, now};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS payments (order_id BYTEA NOT NULL PRIMARY KEY, state TEXT NOT NULL, amount BIGINT,
    currency TEXT, customer_id TEXT, card_digest BYTEA, refunded BIGINT NOT NULL, decline_reason TEXT,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, version BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS ledger_entries (order_id BYTEA NOT NULL REFERENCES payments (order_id), sequence BIGINT NOT NULL,
    account TEXT NOT NULL, minor_units BIGINT NOT NULL, currency TEXT NOT NULL, entered_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, sequence));";

#[derive(Debug)]
pub(crate) struct Payments(Store);

impl Payments {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        Ok(Self(Store::open(path, SCHEMA)?))
    }
}

fn authorize(conn: &Connection, request: &AuthorizePaymentRequest, at: i64) -> rusqlite::Result<()> {
    let (order, money) = (id(&request.order_id)?, request.amount.clone().unwrap_or_default());
    // As long as the digest that the shop keeps of the token.
    let digest = [7_u8; 32];
    let mut payment = conn.prepare_cached(
        "INSERT INTO payments (order_id, state, amount, currency, customer_id, card_digest, refunded, created_at, \
         updated_at, version) VALUES (?1, 'AUTHORIZED', ?2, ?3, ?4, ?5, 0, ?6, ?6, 1)",
    )?;
    payment.execute(params![
        order,
        money.minor_units,
        money.currency_code,
        request.customer_id,
        digest,
        at
    ])?;
    let mut entry = conn.prepare_cached(
        "INSERT INTO ledger_entries (order_id, sequence, account, minor_units, currency, entered_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (sequence, account, units) in [(1, "customer", -money.minor_units), (2, "held", money.minor_units)] {
        entry.execute(params![order, sequence, account, units, money.currency_code, at])?;
    }
    Ok(())
}

#[tonic::async_trait]
impl PaymentsService for Payments {
    async fn authorize_payment(
        &self,
        request: Request<AuthorizePaymentRequest>,
    ) -> Result<Response<AuthorizePaymentResponse>, Status> {
        let (request, at) = (request.into_inner(), now());
        let payment = Payment {
            order_id: request.order_id.clone(),
            amount: request.amount.clone(),
            state: PaymentState::Authorized.into(),
            ..Payment::default()
        };
        self.0.write(move |conn| authorize(conn, &request, at)).await?;
        Ok(Response::new(AuthorizePaymentResponse { payment: Some(payment) }))
    }

    async fn void_payment(
        &self,
        _: Request<VoidPaymentRequest>,
    ) -> Result<Response<VoidPaymentResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn capture_payment(
        &self,
        _: Request<CapturePaymentRequest>,
    ) -> Result<Response<CapturePaymentResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn refund_payment(
        &self,
        _: Request<RefundPaymentRequest>,
    ) -> Result<Response<RefundPaymentResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn get_payment(
        &self,
        _: Request<GetPaymentRequest>,
    ) -> Result<Response<GetPaymentResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn audit_ledger(
        &self,
        _: Request<AuditLedgerRequest>,
    ) -> Result<Response<AuditLedgerResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }
}
