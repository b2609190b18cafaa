use std::convert::Infallible;
use std::fmt;

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use super::around::Answered;
use super::{Next, methods};

/// The services of a server, each by its name. There are so few that looking at each is quicker than a router.
#[derive(Default)]
pub(super) struct Services(Vec<(&'static str, Box<dyn Serve>)>);

/// What answers the calls of one service.
pub(super) trait Serve: Send + Sync {
    /// Answers the call.
    fn answer(&self, request: Request<Body>) -> Answered;
}

impl<S> Serve for S
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answered>,
    S: Clone + Send + Sync,
{
    fn answer(&self, request: Request<Body>) -> Answered {
        self.clone().call(request)
    }
}

impl Services {
    /// Has a service answer the calls of its name.
    pub(super) fn add<S>(&mut self, service: S)
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answered>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        self.insert(S::NAME, Box::new(service));
    }

    /// The same for what has no name of its own.
    pub(super) fn insert(&mut self, name: &'static str, service: Box<dyn Serve>) {
        self.0.push((name, service));
    }

    /// The names of all.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }
}

impl Next for Services {
    async fn run(&self, request: Request<Body>) -> Response<Body> {
        let called = methods::service_of(request.uri().path());
        let served = called.and_then(|called| self.0.iter().find(|(name, _)| *name == called));
        let Some((_, service)) = served else { return Status::unimplemented("").into_http() };
        match service.answer(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
