//! A service in memory, its probe and its callers.

use std::time::Duration;

use http::Uri;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::shipping::v1::shipping_service_server::ShippingServiceServer;
use madang_api::shipping::v1::{QuoteShippingRequest, TrackShipmentRequest, TrackShipmentResponse};
use madang_chassis::{Client, Network, NoDeadline, Platform, Server, ServerArgs, Service};
use tonic::{Request, Status, Streaming};

use crate::fake::{Fake, Probe};

pub(crate) const SERVICE: Service = Service { name: "shipping", version: "0.1.0", port: 50054 };
pub(crate) const QUOTE: &str = "/madang.shipping.v1.ShippingService/QuoteShipping";
pub(crate) const TRACK: &str = "/madang.shipping.v1.ShippingService/TrackShipment";

pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) platform: Platform,
    pub(crate) probe: Probe,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(ServerArgs::default())
    }

    pub(crate) fn with(args: ServerArgs) -> Self {
        let network = Network::new();
        let platform = on(&network);
        let probe = serve(&network, "shipping", &platform, args, None);
        Self { network, platform, probe }
    }

    pub(crate) fn client(&self) -> Client {
        client(&self.platform, "shipping")
    }

    pub(crate) async fn quote(&self, behaviour: &str) -> Result<String, Status> {
        quote(self.client(), behaviour).await
    }

    /// A quote on its way: its handler has begun.
    pub(crate) async fn held(&self) -> tokio::sync::oneshot::Receiver<Result<String, Status>> {
        let (client, begun) = (self.client(), self.probe.begun());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // Apart from the tasks that the drain waits for.
        let callers = madang_chassis::Tasks::new(madang_chassis::Shutdown::new());
        callers.spawn("caller", async move {
            let _heard = sender.send(quote(client, "hold").await).is_ok();
        });
        self.probe.wait_begun(begun + 1).await;
        receiver
    }

    pub(crate) async fn track(&self, behaviour: &str) -> Result<Streaming<TrackShipmentResponse>, Status> {
        let mut request = Request::new(TrackShipmentRequest { order_id: behaviour.to_owned() });
        request.extensions_mut().insert(NoDeadline);
        let mut client = ShippingServiceClient::new(self.client());
        client.track_shipment(request).await.map(tonic::Response::into_inner)
    }
}

pub(crate) fn on(network: &Network) -> Platform {
    Platform { connector: network.connector(), ..Platform::test(SERVICE) }
}

pub(crate) fn client(platform: &Platform, host: &str) -> Client {
    Client::new(Uri::try_from(format!("http://{host}")).unwrap(), platform)
}

#[expect(clippy::too_many_arguments, reason = "a test world is wired in one place")]
pub(crate) fn serve(
    network: &Network,
    host: &str,
    platform: &Platform,
    args: ServerArgs,
    next: Option<Client>,
) -> Probe {
    let probe = Probe::new();
    let fake = Fake { probe: probe.clone(), next };
    let server = Server::new(platform, &args).add_service(ShippingServiceServer::new(fake));
    let listener = network.listen(host);
    platform.tasks.spawn("server", async move { server.serve(listener).await.unwrap() });
    probe
}

pub(crate) async fn quote(client: Client, behaviour: &str) -> Result<String, Status> {
    let request = QuoteShippingRequest { region_code: behaviour.to_owned(), weight_grams: 1 };
    let answer = ShippingServiceClient::new(client).quote_shipping(request).await?;
    Ok(answer.into_inner().zone)
}

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn reason(status: &Status) -> Option<String> {
    madang_api::error::reason(status)
}
