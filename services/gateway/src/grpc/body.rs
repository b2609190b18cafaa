//! What happens to messages on their way through the edge.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::Status;
use tonic::body::Body;

/// A gRPC message begins with a flag and its length.
const PREFIX: usize = 5;

type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

/// What is told of a body that holds a message beyond the limit.
#[derive(Debug)]
pub(super) struct TooLarge;

/// A request's body of which no message is longer than a limit. At a longer one it fails and says so, before the message
/// is taken in.
pub(super) struct Limited {
    inner: Body,
    limit: usize,
    too_large: Option<oneshot::Sender<TooLarge>>,
    prefix: [u8; PREFIX],
    prefix_read: usize,
    message_left: usize,
}

impl Limited {
    pub(super) fn new(inner: Body, limit: usize, tell: oneshot::Sender<TooLarge>) -> Self {
        let too_large = Some(tell);
        Self { inner, limit, too_large, prefix: [0; PREFIX], prefix_read: 0, message_left: 0 }
    }

    /// Follows the messages through a chunk; false where one is too long.
    fn follow(&mut self, mut chunk: &[u8]) -> bool {
        while !chunk.is_empty() {
            if self.message_left > 0 {
                let (_, rest) = chunk.split_at(self.message_left.min(chunk.len()));
                self.message_left -= chunk.len() - rest.len();
                chunk = rest;
                continue;
            }
            self.prefix[self.prefix_read] = chunk[0];
            self.prefix_read += 1;
            chunk = &chunk[1..];
            if self.prefix_read == PREFIX {
                let [_, length @ ..] = self.prefix;
                self.message_left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                self.prefix_read = 0;
            }
            if self.message_left > self.limit {
                return false;
            }
        }
        true
    }
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(chunk) = frame.data_ref()
            && !self.follow(chunk)
        {
            // Where nobody listens any more, the call has ended.
            let _heard = self.too_large.take().is_some_and(|tell| tell.send(TooLarge).is_ok());
            return Poll::Ready(Some(Err(Status::invalid_argument("the message is too long"))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer whose failure under way becomes its trailers: a reset stream would tell the client nothing.
pub(super) struct Trailed(Option<Body>);

impl Trailed {
    pub(super) fn new(inner: Body) -> Self {
        Self(Some(inner))
    }
}

impl HttpBody for Trailed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let Some(inner) = &mut self.0 else { return Poll::Ready(None) };
        match ready!(Pin::new(inner).poll_frame(cx)) {
            Some(Err(status)) => {
                self.0 = None;
                let mut trailers = HeaderMap::new();
                let _fits = status.add_header(&mut trailers).is_ok();
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn limited(limit: usize) -> Limited {
        Limited::new(Body::empty(), limit, oneshot::channel().0)
    }

    fn message(length: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0, length];
        bytes.extend(vec![7; usize::from(length)]);
        bytes
    }

    #[test]
    fn every_message_may_have_the_limit_however_the_bytes_are_cut() {
        let bytes = [message(9), message(0), message(10), message(10)].concat();
        for size in 1..=bytes.len() {
            let mut body = limited(10);
            assert!(bytes.chunks(size).all(|chunk| body.follow(chunk)), "{size}");
        }
    }

    #[test]
    fn a_message_beyond_the_limit_is_seen_by_its_prefix() {
        let bytes = [message(9), message(11)[..PREFIX].to_vec()].concat();
        for size in 1..=bytes.len() {
            let mut body = limited(10);
            assert!(!bytes.chunks(size).all(|chunk| body.follow(chunk)), "{size}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_says_so_in_its_trailers() {
        let broken = [Ok(Frame::data(Bytes::from_static(b"part"))), Err(Status::unavailable("gone"))];
        let inner = Body::new(StreamBody::new(futures::stream::iter(broken)));
        let told = Trailed::new(inner).collect().await.unwrap();
        let status = Status::from_header_map(told.trailers().unwrap()).unwrap();
        assert_eq!((status.code(), &*told.to_bytes()), (tonic::Code::Unavailable, &b"part"[..]));
    }
}
