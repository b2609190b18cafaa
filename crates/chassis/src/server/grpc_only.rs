use http::{HeaderMap, Request, Response, StatusCode, Version, header};
use tonic::body::Body;

use super::{Around, Next};

/// Refuses what is not gRPC: HTTP/1, and other content types. A web page can send a form or plain text to any port of its
/// reader's machine without asking; it cannot send this content type.
#[derive(Clone, Copy, Debug)]
pub(super) struct GrpcOnly;

impl Around for GrpcOnly {
    async fn around(&self, request: Request<Body>, next: &impl Next) -> Response<Body> {
        match refusal(&request) {
            None => next.run(request).await,
            Some(status) => {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = status;
                answer
            }
        }
    }
}

fn refusal<B>(request: &Request<B>) -> Option<StatusCode> {
    if request.version() != Version::HTTP_2 {
        return Some(StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    }
    (!is_grpc(request.headers())).then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// Whether a request's content is gRPC's, such as `application/grpc+proto`, and not gRPC-Web's.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let content = headers.get(header::CONTENT_TYPE).map_or(&b""[..], header::HeaderValue::as_bytes);
    let rest = content.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(version: Version, content: &str) -> Option<u16> {
        let request = Request::builder().version(version).header(header::CONTENT_TYPE, content).body(());
        refusal(&request.unwrap()).map(|status| status.as_u16())
    }

    #[test]
    fn grpc_comes_in_and_nothing_else() {
        for content in ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8"] {
            assert_eq!(refused(Version::HTTP_2, content), None, "{content}");
        }
        for content in ["text/plain", "application/json", "application/grpc-web", "application/grpcx", ""] {
            assert_eq!(refused(Version::HTTP_2, content), Some(415), "{content}");
        }
        assert_eq!(refused(Version::HTTP_11, "application/grpc"), Some(505));
    }
}
