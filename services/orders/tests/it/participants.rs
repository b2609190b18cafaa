//! Catalogue, inventory, payments and shipping as scripts: each call takes the next answer of its method's script, or is done.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use madang_api::catalog::v1::catalog_service_server::CatalogService;
use madang_api::catalog::v1::{self as catalog, Product};
use madang_api::error;
use madang_api::inventory::v1::inventory_service_server::InventoryService;
use madang_api::inventory::v1::{self as inventory};
use madang_api::payments::v1::payments_service_server::PaymentsService;
use madang_api::payments::v1::{self as payments};
use madang_api::shipping::v1::shipping_service_server::ShippingService;
use madang_api::shipping::v1::{self as shipping};
use madang_api::types::v1::Money;
use tokio::sync::{Semaphore, watch};
use tokio_stream::Empty;
use tonic::{Code, Request, Response, Status};

/// What a call is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// FAILED_PRECONDITION with this reason.
    Refused(&'static str),
    /// No answer that tells anything.
    Lost,
    /// The mesh's own refusal, which is no participant's.
    MeshDenied,
    /// Held back until [`Participants::let_go`].
    Held,
}

/// All participants.
#[derive(Debug, Clone)]
pub(crate) struct Participants {
    script: Arc<Mutex<HashMap<&'static str, VecDeque<Answer>>>>,
    calls: Arc<watch::Sender<Vec<&'static str>>>,
    held: Arc<Semaphore>,
}

impl Participants {
    pub(crate) fn new() -> Self {
        Self {
            script: Arc::default(),
            calls: Arc::new(watch::Sender::new(vec![])),
            held: Arc::new(Semaphore::new(0)),
        }
    }

    pub(crate) fn answer(&self, method: &'static str, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().entry(method).or_default().extend(answers);
    }

    /// The methods called so far, in order; pricing is left out.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.calls.borrow().clone()
    }

    /// Waits until a method was called so many times.
    pub(crate) async fn called(&self, method: &str, times: usize) {
        let enough = |calls: &Vec<&str>| calls.iter().filter(|call| **call == method).count() >= times;
        self.calls.subscribe().wait_for(enough).await.unwrap();
    }

    /// Lets one held call go on.
    pub(crate) fn let_go(&self) {
        self.held.add_permits(1);
    }

    async fn call<T: Default>(&self, method: &'static str) -> Result<Response<T>, Status> {
        let answer = self.script.lock().unwrap().get_mut(method).and_then(VecDeque::pop_front);
        self.calls.send_modify(|calls| calls.push(method));
        match answer {
            None => Ok(Response::new(T::default())),
            Some(Answer::Refused(reason)) => Err(error::status(Code::FailedPrecondition, reason, "scripted")),
            Some(Answer::Lost) => Err(Status::unavailable("lost")),
            Some(Answer::MeshDenied) => Err(Status::permission_denied("RBAC: access denied")),
            Some(Answer::Held) => {
                self.held.acquire().await.unwrap().forget();
                Ok(Response::new(T::default()))
            }
        }
    }
}

#[tonic::async_trait]
impl CatalogService for Participants {
    async fn get_product(
        &self,
        _: Request<catalog::GetProductRequest>,
    ) -> Result<Response<catalog::GetProductResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn batch_get_products(
        &self,
        request: Request<catalog::BatchGetProductsRequest>,
    ) -> Result<Response<catalog::BatchGetProductsResponse>, Status> {
        if let Some(answer) =
            self.script.lock().unwrap().get_mut("BatchGetProducts").and_then(VecDeque::pop_front)
        {
            return Err(Status::unavailable(format!("{answer:?}")));
        }
        let products: Option<Vec<Product>> =
            request.into_inner().product_ids.iter().map(|id| product(id)).collect();
        let products = products.ok_or_else(|| error::status(Code::NotFound, "PRODUCT_NOT_FOUND", ""))?;
        Ok(Response::new(catalog::BatchGetProductsResponse { products }))
    }

    async fn list_products(
        &self,
        _: Request<catalog::ListProductsRequest>,
    ) -> Result<Response<catalog::ListProductsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn search_products(
        &self,
        _: Request<catalog::SearchProductsRequest>,
    ) -> Result<Response<catalog::SearchProductsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn upsert_product(
        &self,
        _: Request<catalog::UpsertProductRequest>,
    ) -> Result<Response<catalog::UpsertProductResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// tea-cup is 10.00 USD and 100 g, gold-jar costs nearly all there is, won-cup is priced in won; nothing else is sold.
fn product(id: &str) -> Option<Product> {
    let (minor_units, currency) = match id {
        "tea-cup" => (1_000, "USD"),
        "gold-jar" => (i64::MAX / 2, "USD"),
        "won-cup" => (9_000, "KRW"),
        _ => return None,
    };
    let price = Some(Money { minor_units, currency_code: currency.into() });
    Some(Product { product_id: id.into(), price, weight_grams: 100, ..Product::default() })
}

#[tonic::async_trait]
impl InventoryService for Participants {
    async fn get_stock(
        &self,
        _: Request<inventory::GetStockRequest>,
    ) -> Result<Response<inventory::GetStockResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn batch_get_stock(
        &self,
        _: Request<inventory::BatchGetStockRequest>,
    ) -> Result<Response<inventory::BatchGetStockResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn restock(
        &self,
        _: Request<inventory::RestockRequest>,
    ) -> Result<Response<inventory::RestockResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn reserve_stock(
        &self,
        _: Request<inventory::ReserveStockRequest>,
    ) -> Result<Response<inventory::ReserveStockResponse>, Status> {
        self.call("ReserveStock").await
    }

    async fn release_stock(
        &self,
        _: Request<inventory::ReleaseStockRequest>,
    ) -> Result<Response<inventory::ReleaseStockResponse>, Status> {
        self.call("ReleaseStock").await
    }
}

#[tonic::async_trait]
impl PaymentsService for Participants {
    async fn authorize_payment(
        &self,
        _: Request<payments::AuthorizePaymentRequest>,
    ) -> Result<Response<payments::AuthorizePaymentResponse>, Status> {
        self.call("AuthorizePayment").await
    }

    async fn void_payment(
        &self,
        _: Request<payments::VoidPaymentRequest>,
    ) -> Result<Response<payments::VoidPaymentResponse>, Status> {
        self.call("VoidPayment").await
    }

    async fn capture_payment(
        &self,
        _: Request<payments::CapturePaymentRequest>,
    ) -> Result<Response<payments::CapturePaymentResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn refund_payment(
        &self,
        _: Request<payments::RefundPaymentRequest>,
    ) -> Result<Response<payments::RefundPaymentResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_payment(
        &self,
        _: Request<payments::GetPaymentRequest>,
    ) -> Result<Response<payments::GetPaymentResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn audit_ledger(
        &self,
        _: Request<payments::AuditLedgerRequest>,
    ) -> Result<Response<payments::AuditLedgerResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl ShippingService for Participants {
    type TrackShipmentStream = Empty<Result<shipping::TrackShipmentResponse, Status>>;

    async fn quote_shipping(
        &self,
        request: Request<shipping::QuoteShippingRequest>,
    ) -> Result<Response<shipping::QuoteShippingResponse>, Status> {
        let refused = |reason| Err(error::status(Code::FailedPrecondition, reason, "scripted"));
        match request.into_inner() {
            request if request.region_code == "AQ" => refused("REGION_NOT_SERVED"),
            request if request.weight_grams > 30_000 => refused("PARCEL_TOO_HEAVY"),
            _ => {
                let price = Some(Money { minor_units: 500, currency_code: "USD".into() });
                Ok(Response::new(shipping::QuoteShippingResponse { price, zone: "domestic".into() }))
            }
        }
    }

    async fn arrange_shipment(
        &self,
        _: Request<shipping::ArrangeShipmentRequest>,
    ) -> Result<Response<shipping::ArrangeShipmentResponse>, Status> {
        self.call("ArrangeShipment").await
    }

    async fn cancel_shipment(
        &self,
        _: Request<shipping::CancelShipmentRequest>,
    ) -> Result<Response<shipping::CancelShipmentResponse>, Status> {
        self.call("CancelShipment").await
    }

    async fn get_shipment(
        &self,
        _: Request<shipping::GetShipmentRequest>,
    ) -> Result<Response<shipping::GetShipmentResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn track_shipment(
        &self,
        _: Request<shipping::TrackShipmentRequest>,
    ) -> Result<Response<Self::TrackShipmentStream>, Status> {
        Err(Status::unimplemented(""))
    }
}
