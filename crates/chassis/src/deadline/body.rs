use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::enter;

/// A streamed answer that something may end early, with a status in its trailers. What makes the stream is dropped then.
pub(crate) struct EndsEarly<F> {
    inner: Option<Body>,
    end: Pin<Box<F>>,
    deadline: Option<Instant>,
}

impl<F: Future<Output = Status>> EndsEarly<F> {
    /// The stream runs under this deadline; `end` is what ends it.
    pub(crate) fn new(inner: Body, deadline: Option<Instant>, end: F) -> Self {
        Self { inner: Some(inner), end: Box::pin(end), deadline }
    }

    fn stop(&mut self, status: &Status) -> Frame<Bytes> {
        let inner = self.inner.take();
        enter(self.deadline, || drop(inner));
        let mut trailers = HeaderMap::new();
        if let Err(broken) = status.add_header(&mut trailers) {
            tracing::debug!(error = %broken, "a status does not fit into trailers");
        }
        Frame::trailers(trailers)
    }
}

impl<F: Future<Output = Status>> HttpBody for EndsEarly<F> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        // The end comes first: a stream that always has something would never meet it otherwise.
        if let Poll::Ready(status) = this.end.as_mut().poll(cx) {
            return Poll::Ready(Some(Ok(this.stop(&status))));
        }
        let polled = enter(this.deadline, || Pin::new(inner).poll_frame(cx));
        if let Poll::Ready(None | Some(Err(_))) = &polled {
            this.inner = None;
        }
        if matches!(&polled, Poll::Ready(Some(Ok(frame))) if frame.is_trailers()) {
            this.inner = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn endless() -> Body {
        let frames = stream::repeat_with(|| Ok::<_, Status>(Frame::data(Bytes::from_static(b"step"))));
        Body::new(StreamBody::new(frames))
    }

    #[tokio::test]
    async fn a_stream_that_always_has_something_ends_nevertheless() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let end = async {
            receiver.await.unwrap();
            super::super::exceeded()
        };
        let mut body = EndsEarly::new(endless(), None, end);
        assert!(body.frame().await.unwrap().unwrap().is_data());
        sender.send(()).unwrap();
        let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        let status = Status::from_header_map(&trailers).unwrap();
        assert_eq!(madang_api::error::reason(&status).as_deref(), Some("DEADLINE_EXCEEDED"));
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }
}
