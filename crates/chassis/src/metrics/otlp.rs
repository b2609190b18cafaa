//! The process's metrics to an OpenTelemetry collector, for where nobody scrapes.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::Status;
use tonic::transport::Channel;

use self::convert::Times;
use crate::config::TelemetryArgs;
use crate::telemetry::{self, LIMIT};
use crate::{Platform, chain};

mod convert;
mod text;

/// What a gRPC server takes unless it is told otherwise.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Why a push failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the collector did not answer in time")]
    Late,
    #[error("the collector did not take them")]
    Refused(#[source] Status),
    #[error("the collector took them but for {0} values: {1}")]
    Partly(i64, String),
    #[error("they are {0} bytes, more than a collector takes")]
    TooLarge(usize),
}

/// Pushes all metrics of a process to the OTLP endpoint at the interval that is set, in the background; nothing where either
/// is not set. [`main`](crate::main) calls this. One request is on its way at most, nothing waits for it, and trouble is said
/// once in the log until a push succeeds again.
pub fn push(platform: &Platform, args: &TelemetryArgs) {
    let Some(every) = args.otlp_metrics_interval else { return };
    let Some(endpoint) = args.otlp_endpoint.clone() else {
        tracing::warn!("metrics are not pushed: there is no OTLP endpoint");
        return;
    };
    let pusher = Pusher {
        client: MetricsServiceClient::new(telemetry::collector(platform, endpoint)),
        resource: telemetry::resource(platform.service),
        start: convert::nanoseconds(platform.clock.now()),
        platform: platform.clone(),
        every,
    };
    platform.tasks.spawn("otlp-metrics", pusher.run());
}

struct Pusher {
    platform: Platform,
    client: MetricsServiceClient<Channel>,
    resource: Resource,
    /// Since when all counters count.
    start: u64,
    every: Duration,
}

impl Pusher {
    async fn run(mut self) {
        let shutdown = self.platform.shutdown.clone();
        tokio::select! {
            () = shutdown.begun() => {}
            () = self.push_for_ever() => {}
        }
    }

    async fn push_for_ever(&mut self) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fails = false;
        loop {
            ticks.tick().await;
            let pushed = self.push_once().await;
            match &pushed {
                Ok(()) if fails => tracing::info!("metrics are pushed again"),
                Ok(()) => {}
                Err(error) if fails => tracing::debug!(error = chain(error), "metrics are still not pushed"),
                Err(error) => {
                    tracing::warn!(error = chain(error), "metrics are not pushed; it is tried again");
                }
            }
            fails = pushed.is_err();
        }
    }

    async fn push_once(&mut self) -> Result<(), Error> {
        let request = self.request();
        let bytes = request.encoded_len();
        if bytes > MAX_BYTES {
            return Err(Error::TooLarge(bytes));
        }
        // Over before the next begins.
        let pushed = timeout(self.every.min(LIMIT), self.client.export(request)).await;
        let answer = pushed.map_err(|_elapsed| Error::Late)?.map_err(Error::Refused)?.into_inner();
        match answer.partial_success {
            Some(partly) if partly.rejected_data_points > 0 => {
                Err(Error::Partly(partly.rejected_data_points, partly.error_message))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn request(&self) -> ExportMetricsServiceRequest {
        let times = Times { start: self.start, now: convert::nanoseconds(self.platform.clock.now()) };
        let metrics = convert::metrics(&self.platform.metrics.text(), times);
        let scope = ScopeMetrics { metrics, ..ScopeMetrics::default() };
        let all = ResourceMetrics {
            resource: Some(self.resource.clone()),
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        };
        ExportMetricsServiceRequest { resource_metrics: vec![all] }
    }
}
