use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};

use super::Faults;
use crate::server::{Around, Next};

/// The service's own methods are never harmed, or a fault could not be ended.
const OWN: &str = "/madang.faults.v1.FaultService/";
/// Health and reflection are not harmed: a fault of all methods must not kill the process by its probes.
const PLATFORM: &str = "/grpc.";

/// Does to calls what the faults say.
#[derive(Clone, Debug)]
pub(crate) struct FaultInjection(Faults);

impl FaultInjection {
    pub(crate) fn new(faults: Faults) -> Self {
        Self(faults)
    }
}

impl Around for FaultInjection {
    async fn around(&self, request: Request<Body>, next: &impl Next) -> Response<Body> {
        let path = request.uri().path();
        if path.starts_with(OWN) || path.starts_with(PLATFORM) {
            return next.run(request).await;
        }
        let harms = self.0.harm(path);
        let delay = harms.iter().map(|harm| harm.delay).max().unwrap_or_default();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if let Some(code) = harms.iter().find_map(|harm| harm.code) {
            return injected(code, "a fault answers this call").into_http();
        }
        let answer = next.run(request).await;
        if harms.iter().any(|harm| harm.lose_answer) {
            return injected(Code::Unavailable, "a fault lost the answer").into_http();
        }
        answer
    }
}

/// It has no reason: like a mesh's or a network's failure, it is not the service's answer.
fn injected(code: Code, text: &str) -> Status {
    Status::new(code, text)
}
