use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use super::observe::Rpc;
use super::{Around, Next};

/// Answers INTERNAL where a handler panics. The panic hook has logged the text by then, with the call's span; the caller
/// learns the request id only.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatchPanic;

impl Around for CatchPanic {
    async fn around(&self, request: Request<Body>, next: &impl Next) -> Response<Body> {
        let Some(rpc) = request.extensions().get::<Rpc>().cloned() else { return next.run(request).await };
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(answer) if rpc.method.streams => {
                answer.map(|inner| Body::new(Caught { inner: Some(inner), rpc }))
            }
            Ok(answer) => answer,
            Err(_logged) => internal(&rpc).into_http(),
        }
    }
}

fn internal(rpc: &Rpc) -> Status {
    let message = format!("internal error; the request id is {}", rpc.request_id);
    madang_api::error::status(Code::Internal, madang_api::error::INTERNAL, message)
}

/// A streamed answer that may panic.
struct Caught {
    inner: Option<Body>,
    rpc: Rpc,
}

impl HttpBody for Caught {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        match catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(cx))) {
            Ok(polled) => polled,
            Err(_logged) => {
                self.inner = None;
                let mut trailers = http::HeaderMap::new();
                let _fits = internal(&self.rpc).add_header(&mut trailers).is_ok();
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}
