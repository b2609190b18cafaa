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
use tower::{Service, ServiceBuilder, ServiceExt};

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

pub(crate) use around::{Around, Inner, go};
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

/// All of a server as one tower service, for an edge that serves other things on the same port.
pub type RpcService = tower::util::BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

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
        let (service, starting) = self.build()?;
        tracing::info!(address = address.map(tracing::field::display), "serves gRPC");
        drop(starting);
        let service = ServiceBuilder::new().layer(around::layer(grpc_only::GrpcOnly)).service(service);
        let service = service.map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new));
        accept(listener, service, limits).await;
        Ok(())
    }

    /// The server as a tower service, for [`web::serve`](crate::web::serve) on a port that speaks HTTP as well.
    ///
    /// # Errors
    /// [`Error::Descriptors`]
    pub fn into_service(self) -> Result<RpcService, Error> {
        self.build().map(|(service, _)| service)
    }

    fn build(mut self) -> Result<(RpcService, ReadyGuard), Error> {
        let faults = self.args.faults.then(|| Faults::new(&self.platform));
        if let Some(faults) = &faults {
            tracing::warn!("faults can be set here: this is for experiments");
            self = self.add_service(faults.service());
        }
        let (routes, methods) = self.complete_routes()?;
        let Self { platform, args, starting, .. } = self;
        let limits = limit::Limit::new(&args, &platform);
        let service = ServiceBuilder::new()
            .layer(around::layer(observe::Observe::new(&platform, methods, args.trust_deadline)))
            .layer(around::layer(panics::CatchPanic))
            .layer(around::layer(deadline::Deadline::new(&platform, args.trust_deadline)))
            .layer(around::layer(limits))
            .option_layer(faults.map(|faults| around::layer(FaultInjection::new(faults))))
            .service(routes.prepare());
        Ok((tower::util::BoxCloneSyncService::new(service), starting))
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

/// When to come again after a refusal for want of capacity.
const RETRY_AFTER: Duration = Duration::from_millis(200);
