//! How a call ended, for its metrics and its span.

use http::HeaderMap;
use madang_api::error::{code_name, reason};
use tonic::{Code, Status};

use super::names;
use super::span::Span;
use crate::metrics::rpc::Call;

/// From which side a call is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A call with its span. What is known when it is dropped is its end.
#[derive(Debug)]
pub(crate) struct Seen {
    call: Call,
    span: Span,
    side: Side,
    reason: Option<String>,
}

impl Seen {
    pub(crate) fn new(side: Side, call: Call, span: Span) -> Self {
        Self { call, span, side, reason: None }
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// Takes the code and the reason from an answer's headers or trailers, where they stand there.
    pub(crate) fn see(&mut self, headers: &HeaderMap) {
        self.call.see(headers);
        if headers.get("grpc-status").is_none_or(|code| code == "0") {
            return;
        }
        if let Some(status) = Status::from_header_map(headers) {
            self.reason = reason(&status);
        }
    }

    /// Takes the code, and the reason where there is one.
    pub(crate) fn end(&mut self, status: &Status) {
        self.call.end(status.code());
        self.reason = reason(status);
    }

    /// Whether the call failed as the conventions have it: for a server only what is its own fault.
    fn is_failed(&self, code: Code) -> bool {
        match self.side {
            Side::Client => code != Code::Ok,
            Side::Server => matches!(
                code,
                Code::Unknown
                    | Code::DeadlineExceeded
                    | Code::Unimplemented
                    | Code::Internal
                    | Code::Unavailable
                    | Code::DataLoss
            ),
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let code = self.call.code();
        let (is_failed, reason) = (self.is_failed(code), self.reason.take());
        self.span.tell(|span| {
            span.add(names::RPC_CODE, code_name(code));
            match reason {
                _ if code == Code::Ok => {}
                Some(reason) => _ = span.add(names::ERROR, &*reason),
                None => _ = span.add(names::ERROR, code_name(code)),
            }
            if is_failed {
                span.fail();
            }
        });
    }
}
