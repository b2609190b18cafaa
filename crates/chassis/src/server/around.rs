use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tower::Service;
use tower::layer::{LayerFn, layer_fn};

/// What lies inside a layer of the server.
pub(crate) trait Inner:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Inner for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// What a layer of the server does around a call, as one async function.
pub(crate) trait Around: Clone + Send + Sync + 'static {
    /// Answers the request, by the inner service or without it.
    fn around(self, request: Request<Body>, inner: impl Inner)
    -> impl Future<Output = Response<Body>> + Send;
}

/// A tower layer of it.
pub(crate) fn layer<A: Around, S>(around: A) -> LayerFn<impl Fn(S) -> Layered<A, S> + Clone> {
    layer_fn(move |inner| Layered { around: around.clone(), inner })
}

/// A service with a layer around it.
#[derive(Clone, Debug)]
pub(crate) struct Layered<A, S> {
    around: A,
    inner: S,
}

impl<A: Around, S: Inner> Service<Request<Body>> for Layered<A, S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone may not be ready; the one that was polled is.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let answer = self.around.clone().around(request, inner);
        Box::pin(async move { Ok(answer.await) })
    }
}

/// Calls the inner service, which does not fail.
pub(crate) async fn go(mut inner: impl Inner, request: Request<Body>) -> Response<Body> {
    match inner.call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}
