//! Metrics pushed to a real receiver of OTLP.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madang_chassis::{
    Listener, Network, Platform, Server, ServerArgs, Service, TelemetryArgs, metrics, trace,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, HistogramDataPoint, Metric, metric, number_data_point,
};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::world::{QUOTE, World};

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const COLLECTOR: Service = Service { name: "collector", version: "1", port: 0 };

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Takes,
    Refuses,
    Hangs,
}

#[derive(Clone)]
struct Collector {
    got: Arc<watch::Sender<Vec<ExportMetricsServiceRequest>>>,
    asked: Arc<watch::Sender<usize>>,
    mood: Arc<watch::Sender<Mood>>,
}

impl Collector {
    fn new() -> Self {
        let (got, asked, mood) =
            (watch::Sender::default(), watch::Sender::default(), watch::Sender::new(Mood::Takes));
        Self { got: Arc::new(got), asked: Arc::new(asked), mood: Arc::new(mood) }
    }

    fn serve(&self, platform: &Platform, listener: Listener) {
        let server = Server::new(platform, &ServerArgs::default())
            .add_service(MetricsServiceServer::new(self.clone()));
        platform.tasks.spawn("collector", async move { server.serve(listener).await.unwrap() });
    }

    async fn got(&self, count: usize) -> Vec<ExportMetricsServiceRequest> {
        self.got.subscribe().wait_for(|got| got.len() >= count).await.unwrap().clone()
    }

    /// Waits until it was asked once more than now.
    async fn asked_again(&self) {
        let before = *self.asked.borrow();
        self.asked.subscribe().wait_for(|asked| *asked > before).await.unwrap();
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.asked.send_modify(|asked| *asked += 1);
        let mood = *self.mood.borrow();
        match mood {
            Mood::Takes => self.got.send_modify(|got| got.push(request.into_inner())),
            Mood::Refuses => return Err(Status::unavailable("full")),
            Mood::Hangs => std::future::pending().await,
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn args(endpoint: &str) -> TelemetryArgs {
    TelemetryArgs {
        otlp_endpoint: Some(endpoint.parse().unwrap()),
        otlp_metrics_interval: Some(Duration::from_secs(10)),
        ..TelemetryArgs::default()
    }
}

fn metrics_of(request: &ExportMetricsServiceRequest) -> &[Metric] {
    &request.resource_metrics[0].scope_metrics[0].metrics
}

fn named<'a>(request: &'a ExportMetricsServiceRequest, name: &str) -> &'a metric::Data {
    let metric = metrics_of(request).iter().find(|metric| metric.name == name);
    metric.unwrap_or_else(|| panic!("{name} is not pushed")).data.as_ref().unwrap()
}

fn texts(attributes: &[KeyValue]) -> Vec<(&str, &str)> {
    attributes
        .iter()
        .map(|attribute| match &attribute.value.as_ref().unwrap().value {
            Some(any_value::Value::StringValue(value)) => (attribute.key.as_str(), value.as_str()),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn all_metrics_are_pushed_cumulative_and_with_the_trace_of_a_call() {
    let (world, collector) = (World::start(), Collector::new());
    collector.serve(&world.platform, world.network.listen("collector"));
    trace::follow(&*world.platform.ids, "test", GIVEN, world.quote("domestic")).await.unwrap();
    metrics::push(&world.platform, &args("http://collector"));
    let first = collector.got(1).await.remove(0);
    let resource = texts(&first.resource_metrics[0].resource.as_ref().unwrap().attributes);
    assert_eq!(
        resource[..3],
        [("service.name", "shipping"), ("service.version", "0.1.0"), ("service.namespace", "madang")]
    );
    let process = std::process::id().to_string();
    assert!(resource[3].0 == "service.instance.id" && resource[3].1.ends_with(&process), "{resource:?}");

    let metric::Data::Histogram(calls) = named(&first, "madang_rpc_server_duration_seconds") else {
        panic!()
    };
    assert_eq!(calls.aggregation_temporality(), AggregationTemporality::Cumulative);
    let quotes = |point: &&HistogramDataPoint| texts(&point.attributes).contains(&("method", QUOTE));
    let point = calls.data_points.iter().find(quotes).unwrap();
    assert_eq!(texts(&point.attributes), [("method", QUOTE), ("code", "OK")]);
    assert_eq!((point.count, point.bucket_counts.iter().sum::<u64>()), (1, 1));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!(point.explicit_bounds[..2], [0.0005, 0.001]);
    assert_eq!(point.exemplars.len(), 1);
    assert_eq!(point.exemplars[0].trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes());

    let metric::Data::Sum(cpu) = named(&first, "madang_process_cpu_seconds") else { panic!() };
    assert!(cpu.is_monotonic);
    let metric::Data::Gauge(threads) = named(&first, "madang_process_threads") else { panic!() };
    let Some(number_data_point::Value::AsDouble(threads)) = threads.data_points[0].value else { panic!() };
    assert!(threads >= 1.0);
    let unit = |name| metrics_of(&first).iter().find(|metric| metric.name == name).unwrap().unit.as_str();
    assert_eq!(
        [unit("madang_process_cpu_seconds"), unit("madang_process_resident_memory_bytes")],
        ["s", "By"]
    );

    world.quote("domestic").await.unwrap();
    let second = collector.got(2).await.remove(1);
    let metric::Data::Histogram(calls) = named(&second, "madang_rpc_server_duration_seconds") else {
        panic!()
    };
    let later = calls.data_points.iter().find(quotes).unwrap();
    assert_eq!((later.count, later.start_time_unix_nano), (2, point.start_time_unix_nano));
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_refuses_or_hangs_is_said_once_and_asked_again() {
    let log = Log::default();
    let _guard = log.hear();
    let (world, collector) = (World::start(), Collector::new());
    // Apart from what it measures.
    let others = Platform::test(COLLECTOR);
    collector.serve(&others, world.network.listen("collector"));
    collector.mood.send_replace(Mood::Refuses);
    metrics::push(&world.platform, &args("http://collector"));
    collector.asked_again().await;
    collector.asked_again().await;
    collector.mood.send_replace(Mood::Hangs);
    collector.asked_again().await;
    collector.asked_again().await;
    world.quote("domestic").await.unwrap();
    collector.mood.send_replace(Mood::Takes);
    collector.got(2).await;
    assert_eq!(log.count("metrics are not pushed; it is tried again"), 1, "{}", log.text());
    assert_eq!(log.count("metrics are pushed again"), 1, "{}", log.text());
}

#[tokio::test]
async fn metrics_are_pushed_over_tcp() {
    let (platform, collector) = (Platform::test(COLLECTOR), Collector::new());
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    collector.serve(&platform, listener);
    metrics::push(&platform, &args(&format!("http://{address}")));
    let got = collector.got(1).await;
    assert!(metrics_of(&got[0]).len() > 5);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_pushed_unless_it_is_asked_for() {
    let network = Network::new();
    let platform = Platform { connector: network.connector(), ..Platform::test(COLLECTOR) };
    metrics::push(&platform, &TelemetryArgs::default());
    let no_endpoint = TelemetryArgs { otlp_endpoint: None, ..args("http://collector") };
    metrics::push(&platform, &no_endpoint);
    let no_interval = TelemetryArgs { otlp_metrics_interval: None, ..args("http://collector") };
    metrics::push(&platform, &no_interval);
    assert!(platform.tasks.is_empty());
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn hear(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn count(&self, text: &str) -> usize {
        self.text().matches(text).count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
