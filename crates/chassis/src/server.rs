//! A gRPC server with its platform: health, reflection, spans, metrics, deadlines, load shedding, panics, faults, drain.
//!
//! ```text
//! connection -> observe -> panics -> deadline -> limit -> faults -> service
//!               span,      INTERNAL  stops the   sheds,   only with
//!               metrics              handler     drains   --faults
//! ```

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
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
mod reflection;
mod services;

pub use around::RpcService;
use around::{Answered, Layered};
pub(crate) use around::{Around, Next};
pub use grpc_only::is_grpc;
pub(crate) use observe::{Rpc, request_id};

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
    services: services::Services,
    starting: ReadyGuard,
}

impl Server {
    /// A server without services. The process is not ready until it serves.
    pub fn new(platform: &Platform, args: &ServerArgs) -> Self {
        Self {
            platform: platform.clone(),
            args: args.clone(),
            services: services::Services::default(),
            starting: platform.readiness.guard("server"),
        }
    }

    /// Adds a service; reflection and health list it.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answered>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        self.services.add(service);
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
        let methods = self.complete_services()?;
        let Self { platform, args, services, starting } = self;
        let limits = limit::Limit::new(&args, &platform);
        let services = Layered(faults.map(FaultInjection::new), services);
        let bounded =
            Layered(deadline::Deadline::new(&platform, args.trust_deadline), Layered(limits, services));
        let observe = observe::Observe::new(&platform, methods, args.trust_deadline);
        let layers = Layered(grpc_only, Layered(observe, Layered(panics::CatchPanic, bounded)));
        Ok((RpcService::new(layers), starting))
    }

    /// Adds what every server has, and gathers the methods that there are then.
    fn complete_services(&mut self) -> Result<Arc<methods::Methods>, Error> {
        methods::check().map_err(|error| Error::Descriptors(error.into()))?;
        self.services.add(health::server(&self.platform.readiness, &self.services.names()));
        for (name, version) in reflection::versions(&self.services.names()) {
            self.services.insert(name, Box::new(version));
        }
        Ok(Arc::new(methods::Methods::served(&self.services.names())))
    }
}

/// Whether either side of the RPC that is called streams; false where no contract has it.
pub fn is_stream<B>(request: &Request<B>) -> bool {
    method_of(request).streams
}

/// The method that is called. Where a server has found it for its call, and this is the same one passed on, it is not looked
/// for again.
pub(crate) fn method_of<B>(request: &Request<B>) -> Arc<methods::Method> {
    let (path, found) = (request.uri().path(), request.extensions().get::<Rpc>());
    match found.filter(|rpc| *rpc.method.label == *path) {
        Some(rpc) => Arc::clone(&rpc.method),
        None => methods::known(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_known() {
        let call = |path: &str| Request::builder().uri(path).body(()).unwrap();
        assert!(is_stream(&call("/madang.orders.v1.OrdersService/WatchOrder")));
        assert!(!is_stream(&call("/madang.orders.v1.OrdersService/PlaceOrder")));
        assert!(!is_stream(&call("/nonsense")));
    }

    #[test]
    fn what_a_server_found_is_not_taken_for_another_call() {
        let watch = "/madang.orders.v1.OrdersService/WatchOrder";
        let rpc = Rpc { method: methods::known(watch), request_id: Arc::from("1") };
        let mut call = Request::builder().uri(watch).body(()).unwrap();
        call.extensions_mut().insert(rpc);
        assert!(is_stream(&call));
        *call.uri_mut() = "/madang.orders.v1.OrdersService/PlaceOrder".parse().unwrap();
        assert!(!is_stream(&call));
    }
}
