//! A shipping service that does what the region code of a quote, or the order id of a tracking, says.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::shipping::v1::shipping_service_server::ShippingService;
use madang_api::shipping::v1::*;
use madang_chassis::{Client, deadline, trace};
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status};

/// What the service met, and what holds it up.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    begun: Arc<watch::Sender<usize>>,
    dropped: Arc<watch::Sender<usize>>,
    pub(crate) gate: Arc<Semaphore>,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self { begun: Arc::default(), dropped: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    pub(crate) fn begun(&self) -> usize {
        *self.begun.borrow()
    }

    pub(crate) async fn wait_begun(&self, count: usize) {
        self.begun.subscribe().wait_for(|begun| *begun >= count).await.unwrap();
    }

    pub(crate) async fn wait_dropped(&self, count: usize) {
        self.dropped.subscribe().wait_for(|dropped| *dropped >= count).await.unwrap();
    }
}

/// Counts when work on a call ends, whether it was done or dropped.
struct Work(Arc<watch::Sender<usize>>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count += 1);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Fake {
    pub(crate) probe: Probe,
    pub(crate) next: Option<Client>,
}

impl Fake {
    fn begin(&self) -> Work {
        self.probe.begun.send_modify(|count| *count += 1);
        Work(Arc::clone(&self.probe.dropped))
    }

    async fn quote(&self, behaviour: &str) -> Result<String, Status> {
        match behaviour {
            "hold" => drop(self.probe.gate.acquire().await.unwrap()),
            "panic" => panic!("the safe's code is 1234"),
            "remaining" => return Ok(format!("{:?}", deadline::remaining())),
            "trace" => return Ok(trace::traceparent().unwrap()),
            _ => {}
        }
        let Some(onward) = behaviour.strip_prefix("next ") else { return Ok(behaviour.to_owned()) };
        tokio::time::sleep(Duration::from_millis(300)).await;
        let request = QuoteShippingRequest { region_code: onward.to_owned(), weight_grams: 1 };
        let mut next = ShippingServiceClient::new(self.next.clone().unwrap());
        next.quote_shipping(request).await.map(|answer| answer.into_inner().zone)
    }
}

type Steps = Pin<Box<dyn Stream<Item = Result<TrackShipmentResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ShippingService for Fake {
    type TrackShipmentStream = Steps;

    async fn quote_shipping(
        &self,
        request: Request<QuoteShippingRequest>,
    ) -> Result<Response<QuoteShippingResponse>, Status> {
        let _work = self.begin();
        let zone = self.quote(&request.into_inner().region_code).await?;
        Ok(Response::new(QuoteShippingResponse { price: None, zone }))
    }

    async fn track_shipment(
        &self,
        request: Request<TrackShipmentRequest>,
    ) -> Result<Response<Steps>, Status> {
        let work = self.begin();
        let step = || Ok(TrackShipmentResponse { step: Some(TrackingStep::default()) });
        let gate = Arc::clone(&self.probe.gate);
        let steps = match request.get_ref().order_id.as_str() {
            "panic" => stream::once(async { panic!("the safe's code is 1234") }).boxed(),
            // One step at once, then one for each permit.
            _ => stream::iter([step()])
                .chain(stream::repeat_with(step).then(move |item| {
                    let gate = Arc::clone(&gate);
                    async move {
                        gate.acquire().await.unwrap().forget();
                        item
                    }
                }))
                .boxed(),
        };
        let held = steps.map(move |item| {
            let _held = &work;
            item
        });
        Ok(Response::new(held.boxed()))
    }

    async fn arrange_shipment(
        &self,
        _: Request<ArrangeShipmentRequest>,
    ) -> Result<Response<ArrangeShipmentResponse>, Status> {
        Err(Status::internal("not asked for in a test"))
    }

    async fn cancel_shipment(
        &self,
        _: Request<CancelShipmentRequest>,
    ) -> Result<Response<CancelShipmentResponse>, Status> {
        Err(Status::internal("not asked for in a test"))
    }

    async fn get_shipment(
        &self,
        _: Request<GetShipmentRequest>,
    ) -> Result<Response<GetShipmentResponse>, Status> {
        Err(Status::internal("not asked for in a test"))
    }
}
