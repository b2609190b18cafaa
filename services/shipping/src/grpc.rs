//! ShippingService over the use cases.

mod convert;
mod status;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use madang_api::Violations;
use madang_api::convert as shared;
use madang_api::shipping::v1;
use madang_api::shipping::v1::shipping_service_server::ShippingService;
use madang_api::shipping::v1::{
    ArrangeShipmentRequest, ArrangeShipmentResponse, CancelShipmentRequest, CancelShipmentResponse,
    GetShipmentRequest, GetShipmentResponse, QuoteShippingRequest, QuoteShippingResponse,
    TrackShipmentRequest, TrackShipmentResponse,
};
use madang_chassis::trace;
use madang_types::{Grams, OrderId};
use tonic::{Request, Response, Status};

use crate::app::{App, Tracker};
use crate::domain::{Booking, Shipment};

/// The server side of `madang.shipping.v1.ShippingService`.
#[derive(Debug)]
pub struct Shipping(pub App);

impl Shipping {
    fn told(&self, shipment: &Shipment) -> Option<v1::Shipment> {
        Some(convert::shipment(shipment, self.0.steps(shipment)))
    }
}

#[tonic::async_trait]
impl ShippingService for Shipping {
    type TrackShipmentStream = BoxStream<'static, Result<TrackShipmentResponse, Status>>;

    async fn quote_shipping(
        &self,
        request: Request<QuoteShippingRequest>,
    ) -> Result<Response<QuoteShippingResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let region = violations.parse("region_code", &message.region_code);
        let weight = violations.check("weight_grams", Grams::try_from(message.weight_grams));
        let (region, weight) = violations.all((region, weight))?;
        let (zone, price) = self.0.quote(region, weight)?;
        let zone = zone.as_str().to_owned();
        Ok(Response::new(QuoteShippingResponse { price: Some(price.into()), zone }))
    }

    async fn arrange_shipment(
        &self,
        request: Request<ArrangeShipmentRequest>,
    ) -> Result<Response<ArrangeShipmentResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let order = violations.parse("order_id", &message.order_id);
        let address = shared::address(&mut violations, "address", message.address);
        let weight = violations.check("weight_grams", Grams::try_from(message.weight_grams));
        let customer = violations.parse("customer_id", &message.customer_id);
        let (order, address, weight, customer) = violations.all((order, address, weight, customer))?;
        trace::order(order);
        let shipment = self.0.arrange(order, Booking { customer, address, weight }).await?;
        Ok(Response::new(ArrangeShipmentResponse { shipment: self.told(&shipment) }))
    }

    async fn cancel_shipment(
        &self,
        request: Request<CancelShipmentRequest>,
    ) -> Result<Response<CancelShipmentResponse>, Status> {
        let shipment = self.0.cancel(order(&request.into_inner().order_id)?).await?;
        Ok(Response::new(CancelShipmentResponse { shipment: self.told(&shipment) }))
    }

    async fn get_shipment(
        &self,
        request: Request<GetShipmentRequest>,
    ) -> Result<Response<GetShipmentResponse>, Status> {
        let shipment = self.0.shipment(order(&request.into_inner().order_id)?).await?;
        Ok(Response::new(GetShipmentResponse { shipment: self.told(&shipment) }))
    }

    /// A step is looked for when the one before it has gone out, so nothing waits here for a slow reader; the server ends
    /// the stream when it drains, and drops it when the caller goes.
    async fn track_shipment(
        &self,
        request: Request<TrackShipmentRequest>,
    ) -> Result<Response<Self::TrackShipmentStream>, Status> {
        let tracker = self.0.track(order(&request.into_inner().order_id)?).await?;
        let steps = stream::unfold(Some(tracker), async |tracker| next(tracker?).await);
        Ok(Response::new(steps.boxed()))
    }
}

type Next = (Result<TrackShipmentResponse, Status>, Option<Tracker>);

/// The next step, and the tracker for the one after it; an error is the last thing told.
async fn next(mut tracker: Tracker) -> Option<Next> {
    match tracker.next().await.transpose()? {
        Ok(step) => Some((Ok(TrackShipmentResponse { step: Some(step.into()) }), Some(tracker))),
        Err(error) => Some((Err(error.into()), None)),
    }
}

fn order(id: &str) -> Result<OrderId, Status> {
    let mut violations = Violations::default();
    let order = violations.parse("order_id", id);
    let (order,) = violations.all((order,))?;
    trace::order(order);
    Ok(order)
}
