//! The steps and undos as calls. Each is keyed by the order's id.

use std::time::Duration;

use madang_api::convert::proto_lines;
use madang_api::error;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::inventory::v1::{ReleaseStockRequest, ReserveStockRequest};
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::payments::v1::{AuthorizePaymentRequest, VoidPaymentRequest};
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::shipping::v1::{ArrangeShipmentRequest, CancelShipmentRequest};
use madang_chassis::{Client, deadline};
use madang_saga::StepError;
use tonic::Status;

use crate::domain::Order;

/// How long one try of a step or an undo may take.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Reasons by which a participant decides against a step for good. Everything else is unknown and asked again.
const RESERVE_REFUSED: &[&str] =
    &["OUT_OF_STOCK", error::STEP_UNDONE, error::REQUEST_ID_REUSED, error::INVALID_REQUEST];
const AUTHORIZE_REFUSED: &[&str] = &[
    "CARD_DECLINED",
    "INSUFFICIENT_FUNDS",
    "UNKNOWN_CARD",
    error::STEP_UNDONE,
    error::REQUEST_ID_REUSED,
    error::INVALID_REQUEST,
];
const ARRANGE_REFUSED: &[&str] = &[
    "REGION_NOT_SERVED",
    "PARCEL_TOO_HEAVY",
    error::STEP_UNDONE,
    error::REQUEST_ID_REUSED,
    error::INVALID_REQUEST,
];
const RELEASE_REFUSED: &[&str] = &["RESERVATION_SOLD"];
const VOID_REFUSED: &[&str] = &["PAYMENT_CAPTURED"];
const CANCEL_REFUSED: &[&str] = &["SHIPMENT_DEPARTED"];

/// Those who take part in an order.
#[derive(Debug, Clone)]
pub struct Participants {
    inventory: InventoryServiceClient<Client>,
    payments: PaymentsServiceClient<Client>,
    shipping: ShippingServiceClient<Client>,
}

impl Participants {
    /// Over channels to inventory, payments and shipping.
    pub fn new(inventory: Client, payments: Client, shipping: Client) -> Self {
        Self {
            inventory: InventoryServiceClient::new(inventory),
            payments: PaymentsServiceClient::new(payments),
            shipping: ShippingServiceClient::new(shipping),
        }
    }

    pub(super) async fn reserve_stock(&self, order: &Order) -> Result<(), StepError> {
        let lines: Vec<_> = order.lines.iter().map(|line| (line.product.clone(), line.quantity)).collect();
        let request = ReserveStockRequest {
            order_id: order.id.to_string(),
            lines: proto_lines(&lines),
            expire_time: None,
        };
        let mut client = self.inventory.clone();
        done(client.reserve_stock(request), RESERVE_REFUSED).await
    }

    pub(super) async fn release_stock(&self, order: &Order) -> Result<(), StepError> {
        let request = ReleaseStockRequest { order_id: order.id.to_string() };
        let mut client = self.inventory.clone();
        done(client.release_stock(request), RELEASE_REFUSED).await
    }

    pub(super) async fn authorize_payment(&self, order: &Order) -> Result<(), StepError> {
        let request = AuthorizePaymentRequest {
            order_id: order.id.to_string(),
            amount: Some(order.total.into()),
            card_token: order.card.as_ref().map(|card| card.reveal().to_owned()).unwrap_or_default(),
            customer_id: order.customer.to_string(),
        };
        let mut client = self.payments.clone();
        done(client.authorize_payment(request), AUTHORIZE_REFUSED).await
    }

    pub(super) async fn void_payment(&self, order: &Order) -> Result<(), StepError> {
        let request = VoidPaymentRequest { order_id: order.id.to_string() };
        let mut client = self.payments.clone();
        done(client.void_payment(request), VOID_REFUSED).await
    }

    pub(super) async fn arrange_shipment(&self, order: &Order) -> Result<(), StepError> {
        let request = ArrangeShipmentRequest {
            order_id: order.id.to_string(),
            address: Some((&order.address).into()),
            weight_grams: order.weight_grams,
            customer_id: order.customer.to_string(),
        };
        let mut client = self.shipping.clone();
        done(client.arrange_shipment(request), ARRANGE_REFUSED).await
    }

    pub(super) async fn cancel_shipment(&self, order: &Order) -> Result<(), StepError> {
        let request = CancelShipmentRequest { order_id: order.id.to_string() };
        let mut client = self.shipping.clone();
        done(client.cancel_shipment(request), CANCEL_REFUSED).await
    }
}

async fn done<T>(
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    refusals: &[&str],
) -> Result<(), StepError> {
    deadline::within(STEP_TIMEOUT, call).await.map(drop).map_err(|status| classify(status, refusals))
}

/// Only a reason that Madang gave and that the step knows is a refusal.
fn classify(status: Status, refusals: &[&str]) -> StepError {
    match error::reason(&status) {
        Some(reason) if refusals.contains(&reason.as_str()) => StepError::Refused { reason },
        Some(_) | None => StepError::Unknown(Box::new(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt};

    fn is_refused(status: Status) -> bool {
        matches!(classify(status, RESERVE_REFUSED), StepError::Refused { .. })
    }

    #[test]
    fn a_reason_of_the_steps_table_is_a_refusal() {
        assert!(is_refused(error::status(Code::FailedPrecondition, "OUT_OF_STOCK", "")));
    }

    #[test]
    fn everything_else_is_unknown() {
        let foreign =
            ErrorDetails::with_error_info("OUT_OF_STOCK", "mesh.example", std::collections::HashMap::new());
        let others = [
            Status::with_error_details(Code::FailedPrecondition, "", foreign),
            error::status(Code::FailedPrecondition, "CARD_DECLINED", "another step's reason"),
            error::status(Code::Unavailable, error::DATABASE_UNAVAILABLE, ""),
            Status::permission_denied("the mesh's"),
            Status::unimplemented("the mesh's"),
            Status::internal(""),
            Status::deadline_exceeded(""),
        ];
        for status in others {
            assert!(!is_refused(status.clone()), "{status:?}");
        }
    }
}
