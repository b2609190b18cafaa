use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use madang_api::error::code_name;
use madang_types::Ids;
use tonic::body::Body;
use tonic::{Code, Status};

use super::methods::{Method, Methods};
use super::{Around, Next};
use crate::trace::seen::{Seen, Side};
use crate::trace::{self, Here, TraceContext, baggage, names};
use crate::{Metrics, Platform};

/// What the layers inside know of a call.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    pub(crate) method: Arc<Method>,
    /// The mesh's `x-request-id`, or a new one.
    pub(crate) request_id: Arc<str>,
}

/// Gives each call a span, a trace, a request id, and measures it to the end of its answer.
#[derive(Clone, Debug)]
pub(super) struct Observe {
    ids: Arc<dyn Ids>,
    metrics: Metrics,
    methods: Arc<Methods>,
    trusts_callers: bool,
}

impl Observe {
    pub(super) fn new(platform: &Platform, methods: Arc<Methods>, trusts_callers: bool) -> Self {
        let (ids, metrics) = (Arc::clone(&platform.ids), platform.metrics.clone());
        metrics.show_rpc_server();
        Self { ids, metrics, methods, trusts_callers }
    }
}

impl Around for Observe {
    async fn around(&self, mut request: Request<Body>, next: &impl Next) -> Response<Body> {
        let method = self.methods.get(request.uri().path());
        let mut call = self.metrics.rpc().server(Arc::clone(&method.label));
        let request_id = request_id(request.headers(), &*self.ids);
        let given = if self.trusts_callers { baggage::of(request.headers()) } else { None };
        let asked = (TraceContext::of(request.headers()), given);
        let (span, here) = trace::rpc(&method, &request_id, asked, &*self.ids);
        call.belongs_to(&here.context());
        request.extensions_mut().insert(Rpc { method, request_id });
        let mut seen = Seen::new(Side::Server, call, span);
        let mut answer = here.clone().scope(next.run(request)).await;
        seen.see(answer.headers());
        // A caller that named the order knows it.
        if let Some(order) = here.order().filter(|order| given != Some(*order)) {
            baggage::answer(order, answer.headers_mut());
        }
        answer.map(|inner| Body::new(Observed { inner, seen, here }))
    }
}

/// Log lines hold it, so it is bounded and plain.
pub(crate) fn request_id(headers: &HeaderMap, ids: &dyn Ids) -> Arc<str> {
    let given = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    match given.filter(|id| (1..=128).contains(&id.len())) {
        Some(id) => Arc::from(id),
        None => Arc::from(ids.uuid().to_string()),
    }
}

/// An answer whose end is seen.
struct Observed {
    inner: Body,
    seen: Seen,
    here: Here,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let polled = this.here.enter(|| Pin::new(&mut this.inner).poll_frame(cx));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.seen.see(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => this.seen.end(status),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let code = self.seen.call().code();
        let duration_ms = self.seen.call().elapsed().as_secs_f64() * 1000.0;
        let tell = || {
            if matches!(code, Code::Internal | Code::Unknown | Code::DataLoss) {
                tracing::warn!({ names::RPC_CODE } = code_name(code), duration_ms, "a call failed");
            } else {
                tracing::debug!({ names::RPC_CODE } = code_name(code), duration_ms, "a call ended");
            }
        };
        self.here.enter(tell);
    }
}
