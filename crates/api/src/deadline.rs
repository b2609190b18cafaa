use std::time::Duration;

use tonic::Request;

/// A call with a deadline, which the service is told.
pub fn within<T>(limit: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}
