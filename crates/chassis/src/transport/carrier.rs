use std::error::Error;
use std::pin::Pin;

use http::{Request, Response};
use tonic::body::Body;
use tonic::transport::Channel;

/// How a carried call ends. An error is one of the connection: UNAVAILABLE.
pub type Carried = Pin<Box<dyn Future<Output = Result<Response<Body>, Box<dyn Error + Send + Sync>>> + Send>>;

/// Takes calls to their channel. The simulation's repeats, delays, swaps and loses calls, answers and messages of streams.
pub trait Carrier: Send + Sync + 'static {
    /// Sends the request by the channel, or does with it whatever a network may. The caller's deadline lies around it.
    fn carry(&self, request: Request<Body>, channel: Channel) -> Carried;
}
