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
use tracing::{Instrument, Span};

use super::methods::{Method, Methods};
use super::{Around, Inner, go};
use crate::metrics::rpc::Call;
use crate::trace::TraceContext;
use crate::{Metrics, Platform, trace};

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
}

impl Observe {
    pub(super) fn new(platform: &Platform, methods: Arc<Methods>) -> Self {
        Self { ids: Arc::clone(&platform.ids), metrics: platform.metrics.clone(), methods }
    }
}

impl Around for Observe {
    async fn around(self, mut request: Request<Body>, inner: impl Inner) -> Response<Body> {
        let method = self.methods.get(request.uri().path());
        let mut call = self.metrics.rpc().server(Arc::clone(&method.label));
        let request_id = request_id(request.headers(), &*self.ids);
        let span = tracing::info_span!(
            "rpc",
            otel.name = &*method.label,
            otel.kind = "server",
            rpc.method = &*method.label,
            rpc.code = tracing::field::Empty,
            request_id = &*request_id,
            trace_id = tracing::field::Empty,
        );
        let context = trace::adopt(&span, TraceContext::of(request.headers()), &*self.ids);
        call.belongs_to(&context);
        request.extensions_mut().insert(Rpc { method, request_id });
        let answer = trace::scope(context, go(inner, request).instrument(span.clone())).await;
        call.see(answer.headers());
        answer.map(|inner| Body::new(Observed { inner, call, span, context }))
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
    call: Call,
    span: Span,
    context: TraceContext,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let _entered = this.span.enter();
        let polled = trace::enter(this.context, || Pin::new(&mut this.inner).poll_frame(cx));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.call.see(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => this.call.end(status.code()),
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
        let code = self.call.code();
        self.span.record("rpc.code", code_name(code));
        let _entered = self.span.enter();
        let duration_ms = self.call.elapsed().as_secs_f64() * 1000.0;
        if matches!(code, Code::Internal | Code::Unknown | Code::DataLoss) {
            tracing::warn!(rpc.code = code_name(code), duration_ms, "a call failed");
        } else {
            tracing::debug!(rpc.code = code_name(code), duration_ms, "a call ended");
        }
    }
}
