//! A gRPC server with its platform: health, reflection, spans, metrics, deadlines, load shedding, panics, faults, drain.
//!
//! ```text
//! connection -> observe -> panics -> deadline -> limit -> faults -> service
//!               span,      INTERNAL  stops the   sheds,   only with
//!               metrics              handler     drains   --faults
//! ```

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::{Service, ServiceExt};

use crate::config::ServerArgs;
use crate::fault::{FaultInjection, Faults};
use crate::readiness::ReadyGuard;
use crate::transport::{Limits, accept};
use crate::{Listener, Platform};

mod around;
mod deadline;
mod grpc_only;
mod health;
mod limit;
pub(crate) mod methods;
mod observe;
mod panics;

use around::Layered;
pub use around::RpcService;
pub(crate) use around::{Around, Next};
pub(crate) use observe::request_id;

/// Requests beyond those that are taken on, so that the rest is refused and not left waiting.
const SPARE_REQUESTS: u32 = 256;

/// What can go wrong before a server serves.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The descriptors of the served contracts cannot be read.
    #[error("the descriptors of the served contracts cannot be read")]
    Descriptors(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A gRPC server.
#[derive(Debug)]
pub struct Server {
    platform: Platform,
    args: ServerArgs,
    routes: Routes,
    names: Vec<&'static str>,
    starting: ReadyGuard,
}

impl Server {
    /// A server without services. The process is not ready until it serves.
    pub fn new(platform: &Platform, args: &ServerArgs) -> Self {
        Self {
            platform: platform.clone(),
            args: args.clone(),
            routes: Routes::default(),
            names: Vec::new(),
            starting: platform.readiness.guard("server"),
        }
    }

    /// Adds a service; reflection and health list it.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send,
    {
        self.routes = self.routes.add_service(service);
        self.names.push(S::NAME);
        self
    }

    /// Serves until the shutdown begins and the drain is over.
    ///
    /// # Errors
    /// [`Error::Descriptors`]
    pub async fn serve(self, listener: Listener) -> Result<(), Error> {
        let limits = Limits {
            requests_per_connection: self.args.requests().saturating_add(SPARE_REQUESTS),
            drain: self.args.drain_timeout,
            shutdown: self.platform.shutdown.clone(),
        };
        let address = listener.local_addr();
        let (service, starting) = self.build(Some(grpc_only::GrpcOnly))?;
        tracing::info!(address = address.map(tracing::field::display), "serves gRPC");
        drop(starting);
        let service = service.map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new));
        accept(listener, service, limits).await;
        Ok(())
    }

    /// The server as a tower service, for [`web::serve`](crate::web::serve) on a port that speaks HTTP as well.
    ///
    /// # Errors
    /// [`Error::Descriptors`]
    pub fn into_service(self) -> Result<RpcService, Error> {
        self.build(None).map(|(service, _)| service)
    }

    fn build(mut self, grpc_only: Option<grpc_only::GrpcOnly>) -> Result<(RpcService, ReadyGuard), Error> {
        let faults = self.args.faults.then(|| Faults::new(&self.platform));
        if let Some(faults) = &faults {
            tracing::warn!("faults can be set here: this is for experiments");
            self = self.add_service(faults.service());
        }
        let (routes, methods) = self.complete_routes()?;
        let Self { platform, args, starting, .. } = self;
        let limits = limit::Limit::new(&args, &platform);
        let services = Layered(faults.map(FaultInjection::new), routes.prepare());
        let bounded =
            Layered(deadline::Deadline::new(&platform, args.trust_deadline), Layered(limits, services));
        let observe = observe::Observe::new(&platform, methods, args.trust_deadline);
        let layers = Layered(grpc_only, Layered(observe, Layered(panics::CatchPanic, bounded)));
        Ok((RpcService::new(layers), starting))
    }

    /// Adds what every server has, and gathers the methods that there are then.
    fn complete_routes(&mut self) -> Result<(Routes, Arc<methods::Methods>), Error> {
        let health = health::server(&self.platform.readiness, &self.names);
        self.names.extend([
            health::NAME,
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
        ]);
        let descriptors = [
            madang_api::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
            // For the details of errors, which clients read by reflection.
            tonic_types::pb::FILE_DESCRIPTOR_SET,
        ];
        let reflection = || {
            let empty = tonic_reflection::server::Builder::configure();
            let known = descriptors
                .iter()
                .fold(empty, |builder, set| builder.register_encoded_file_descriptor_set(set));
            self.names.iter().fold(known, |builder, name| builder.with_service_name(*name))
        };
        let v1 = reflection().build_v1().map_err(unreadable)?;
        let v1alpha = reflection().build_v1alpha().map_err(unreadable)?;
        let routes = std::mem::take(&mut self.routes);
        let routes = routes.add_service(health).add_service(v1).add_service(v1alpha);
        Ok((routes, Arc::new(methods::Methods::served(&self.names))))
    }
}

fn unreadable(error: tonic_reflection::server::Error) -> Error {
    use tonic_reflection::server::Error as Cause;
    Error::Descriptors(match error {
        Cause::DecodeError(error) => error.into(),
        Cause::InvalidFileDescriptorSet(text) => text.into(),
    })
}

/// Whether either side of the RPC at this path streams; false where no contract has it.
pub fn is_stream(path: &str) -> bool {
    methods::known(path).streams
}

/// When to come again after a refusal for want of capacity.
const RETRY_AFTER: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_known() {
        assert!(is_stream("/madang.orders.v1.OrdersService/WatchOrder"));
        assert!(!is_stream("/madang.orders.v1.OrdersService/PlaceOrder"));
        assert!(!is_stream("nonsense"));
    }
}
