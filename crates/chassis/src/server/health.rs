use std::collections::BTreeSet;
use std::pin::Pin;

use futures::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::Readiness;

pub(super) const NAME: &str = "grpc.health.v1.Health";

/// grpc.health.v1 out of the process's readiness. It is not tonic-health's service, whose watches outlive the shutdown and
/// would hold up every drain.
pub(super) struct Checks {
    readiness: Readiness,
    services: BTreeSet<&'static str>,
}

/// Answers for the process as a whole and for each of its services.
pub(super) fn server(readiness: &Readiness, services: &[&'static str]) -> HealthServer<Checks> {
    let services = services.iter().copied().chain(["", NAME]).collect();
    HealthServer::new(Checks { readiness: readiness.clone(), services })
}

#[tonic::async_trait]
impl Health for Checks {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.services.contains(request.get_ref().service.as_str()) {
            return Err(Status::not_found("no such service here"));
        }
        Ok(Response::new(response(self.readiness.is_ready())))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let changes = self.readiness.changes();
        if self.services.contains(request.get_ref().service.as_str()) {
            return Ok(Response::new(changes.map(|ready| Ok(response(ready))).boxed()));
        }
        // As the protocol says, a service that is not there may come: the watch stays.
        let unknown = HealthCheckResponse { status: ServingStatus::ServiceUnknown.into() };
        let rest = changes.filter_map(|_| async { None });
        Ok(Response::new(stream::iter([Ok(unknown)]).chain(rest).boxed()))
    }
}

fn response(ready: bool) -> HealthCheckResponse {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    HealthCheckResponse { status: status.into() }
}
