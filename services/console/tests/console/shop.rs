use axum::http::{HeaderMap, Method, Request, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use madang_chassis::{Listener, Network, Platform, ServerArgs, Service, TelemetryArgs, admin};
use madang_console::{Config, SERVICE, Target, Targets, TraceArgs};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use serde_json::Value;
use tonic::Status;
use tonic::transport::Endpoint;
use tower::Service as _;

/// The console, and what it watches, in memory.
pub(crate) struct Shop {
    pub(crate) network: Network,
    pub(crate) platform: Platform,
}

impl Shop {
    pub(crate) fn open(names: &[&str]) -> Self {
        let network = Network::new();
        let platform = Platform { connector: network.connector(), ..Platform::test(SERVICE) };
        let target = |name: &&str| Target {
            name: (*name).to_owned(),
            admin_url: Uri::try_from(format!("http://{name}")).unwrap(),
        };
        let config = Config {
            server: ServerArgs::default(),
            telemetry: TelemetryArgs::default(),
            traces: TraceArgs::default(),
            admin_urls: Targets(names.iter().map(target).collect()),
        };
        let otlp = Some(network.listen("otlp"));
        let serve = madang_console::serve(config, network.listen("front"), otlp, platform.clone());
        platform.tasks.spawn("console", serve);
        Self { network, platform }
    }

    /// An admin port as every service has it.
    pub(crate) fn start(&self, name: &'static str) -> Platform {
        self.start_at(name, self.network.listen(name))
    }

    pub(crate) fn start_at(&self, name: &'static str, listener: Listener) -> Platform {
        let platform = Platform::test(Service { name, version: "1.2.3", port: 0 });
        let address = Some(([127, 0, 0, 1], 50_051).into());
        let serve = admin::serve(listener, platform.clone(), address, self.platform.shutdown.clone());
        self.platform.tasks.spawn("admin", serve);
        platform
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, HeaderMap, String) {
        self.send(Method::GET, path).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> (u16, HeaderMap, String) {
        let io = self.network.connector().call(Uri::from_static("http://front")).await.unwrap();
        let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(io).await.unwrap();
        self.platform.tasks.spawn("connection", async move { drop(connection.await) });
        let request =
            Request::builder().method(method).uri(path).header("host", "front").body(Empty::new()).unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(crate) async fn services(&self) -> Value {
        let (status, headers, body) = self.get("/api/services").await;
        assert_eq!((status, &headers["content-type"]), (200, &"application/json".parse().unwrap()));
        serde_json::from_str::<Value>(&body).unwrap()["services"].clone()
    }

    /// Sends spans as a service does; answers how many were refused.
    pub(crate) async fn export(&self, spans: impl IntoIterator<Item = ResourceSpans>) -> i64 {
        self.try_export(spans).await.unwrap()
    }

    /// The same where it may fail.
    pub(crate) async fn try_export(
        &self,
        spans: impl IntoIterator<Item = ResourceSpans>,
    ) -> Result<i64, Status> {
        let channel =
            Endpoint::from_static("http://otlp").connect_with_connector_lazy(self.network.connector());
        let request = ExportTraceServiceRequest { resource_spans: spans.into_iter().collect() };
        let answer = TraceServiceClient::new(channel).export(request).await?.into_inner();
        Ok(answer.partial_success.map_or(0, |partial| partial.rejected_spans))
    }

    /// A JSON answer.
    pub(crate) async fn json(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.get(path).await;
        (status, serde_json::from_str(&body).unwrap())
    }
}
