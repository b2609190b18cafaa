use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tower::Service;

/// What lies inside a layer of the server, down to the services.
pub(crate) trait Next: Send + Sync + 'static {
    /// Answers the request.
    fn run(&self, request: Request<Body>) -> impl Future<Output = Response<Body>> + Send;
}

/// What a layer of the server does around a call, as one async function.
pub(crate) trait Around: Send + Sync + 'static {
    /// Answers the request, by what lies inside or without it.
    fn around(&self, request: Request<Body>, next: &impl Next)
    -> impl Future<Output = Response<Body>> + Send;
}

/// A layer that is not always there.
impl<A: Around> Around for Option<A> {
    async fn around(&self, request: Request<Body>, next: &impl Next) -> Response<Body> {
        match self {
            Some(layer) => layer.around(request, next).await,
            None => next.run(request).await,
        }
    }
}

/// A layer, and what lies inside of it.
#[derive(Debug)]
pub(crate) struct Layered<A, N>(pub(crate) A, pub(crate) N);

impl<A: Around, N: Next> Next for Layered<A, N> {
    fn run(&self, request: Request<Body>) -> impl Future<Output = Response<Body>> + Send {
        self.0.around(request, &self.1)
    }
}

/// All of a server as one tower service, for an edge that serves other things on the same port. All layers of a call are one
/// future, and clones share them.
#[derive(Clone)]
pub struct RpcService(Arc<dyn Answer>);

/// How a service answers: as those that are generated do.
pub(crate) type Answered = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

trait Answer: Send + Sync {
    fn answer(self: Arc<Self>, request: Request<Body>) -> Answered;
}

impl<N: Next> Answer for N {
    fn answer(self: Arc<Self>, request: Request<Body>) -> Answered {
        Box::pin(async move { Ok(self.run(request).await) })
    }
}

impl RpcService {
    pub(super) fn new(layers: impl Next) -> Self {
        Self(Arc::new(layers))
    }
}

impl std::fmt::Debug for RpcService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RpcService")
    }
}

impl Service<Request<Body>> for RpcService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Arc::clone(&self.0).answer(request)
    }
}
