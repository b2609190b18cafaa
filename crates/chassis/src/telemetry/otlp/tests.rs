use std::collections::VecDeque;
use std::sync::Mutex;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tonic::Response;

use super::*;
use crate::{Network, Server, ServerArgs, Service};

const SERVICE: Service = Service { name: "shipping", version: "1.2.3", port: 0 };

type Answer = Result<Option<ExportTracePartialSuccess>, Status>;

/// Answers as it is told, or never, and keeps what it gets.
#[derive(Clone, Default)]
struct Collector {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    got: Arc<Mutex<Vec<ResourceSpans>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.got.lock().unwrap().extend(request.into_inner().resource_spans);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Ok(partial_success)) => Ok(Response::new(ExportTraceServiceResponse { partial_success })),
            Some(Err(refused)) => Err(refused),
            None => std::future::pending().await,
        }
    }
}

/// A collector that gives these answers, and what sends to it.
fn world(answers: impl Into<VecDeque<Answer>>) -> (Collector, Sender, Platform) {
    let (network, mut platform) = (Network::new(), Platform::test(SERVICE));
    platform.connector = network.connector();
    let collector = Collector { answers: Arc::new(Mutex::new(answers.into())), got: Arc::default() };
    let server = Server::new(&platform, &ServerArgs::default())
        .add_service(TraceServiceServer::new(collector.clone()));
    let listener = network.listen("collector");
    platform.tasks.spawn("collector", async move { server.serve(listener).await.unwrap() });
    let sender = Sender::new(&platform, Uri::from_static("http://collector"));
    (collector, sender, platform)
}

fn push(sender: &Sender, names: &[&str]) {
    for name in names {
        let span = Span { name: (*name).to_owned(), ..Span::default() };
        assert!(sender.queue.push(|out| wire::bytes(out, 2, &span.encode_to_vec())));
    }
}

fn counted(platform: &Platform, name: &str) -> u64 {
    let (text, name) = (platform.metrics.text(), format!("madang_telemetry_spans_{name} "));
    text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_what_a_collector_reads() {
    let (collector, sender, platform) = world([Ok(None)]);
    push(&sender, &["one", "two"]);
    let end = Shutdown::new();
    end.begin();
    sender.run(end).await;
    let got = std::mem::take(&mut *collector.got.lock().unwrap());
    let [got] = got.try_into().unwrap();
    assert_eq!(got.resource, Some(crate::telemetry::resource(SERVICE)));
    let [scope] = got.scope_spans.try_into().unwrap();
    assert_eq!(scope.scope.unwrap().name, "madang");
    assert!(scope.spans.iter().map(|span| span.name.as_str()).eq(["one", "two"]));
    assert_eq!(counted(&platform, "exported_total"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_collector_does_not_take_is_counted() {
    let partly = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too old".to_owned() };
    let (collector, mut sender, platform) = world([Err(Status::unavailable("full")), Ok(Some(partly))]);
    // Refused, taken in part, not answered.
    for (exported, failed, refused) in [(0, 3, 0), (2, 3, 1), (2, 6, 1)] {
        push(&sender, &["one", "two", "three"]);
        let batch = sender.queue.take(true).pop_front().unwrap();
        sender.send(batch).await;
        assert_eq!(counted(&platform, "exported_total"), exported);
        assert_eq!(counted(&platform, "dropped_total{reason=\"export_failed\"}"), failed);
        assert_eq!(counted(&platform, "dropped_total{reason=\"refused\"}"), refused);
        assert!(sender.fails);
    }
    assert_eq!(collector.got.lock().unwrap().len(), 3);
}
