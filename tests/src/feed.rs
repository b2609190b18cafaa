//! A producer that the test makes up, to hand consumers events that no sound producer publishes.

use std::net::SocketAddr;
use std::pin::Pin;

use anyhow::Result;
use futures::{Stream, StreamExt, stream};
use madang_api::events::v1::event_feed_service_server::{EventFeedService, EventFeedServiceServer};
use madang_api::events::v1::{
    Event, GetLastPositionRequest, GetLastPositionResponse, SubscribeRequest, SubscribeResponse,
};
use prost::{Message, Name};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::ids;

/// A feed with a given log; it ends when it is dropped.
#[derive(Debug)]
pub struct Feed {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Feed {
    /// Serves a log of these events on a free port.
    ///
    /// # Errors
    /// Where there is no port.
    pub async fn serve(log: Vec<Event>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = Server::builder().add_service(EventFeedServiceServer::new(Log(log)));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let _ended = server.serve_with_incoming(TcpListenerStream::new(listener)).await.is_ok();
        });
        Ok(Self { address, _server: tasks })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An event about an order.
pub fn event<M: Message + Name>(position: i64, order_id: &str, payload: &M) -> Event {
    Event {
        event_id: ids::uuid(),
        position,
        key: order_id.to_owned(),
        r#type: M::full_name(),
        payload: payload.encode_to_vec(),
        occur_time: Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 }),
        traceparent: String::new(),
    }
}

#[derive(Debug)]
struct Log(Vec<Event>);

#[tonic::async_trait]
impl EventFeedService for Log {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let after = request.into_inner().after_position;
        let events: Vec<Event> = self.0.iter().filter(|event| event.position > after).cloned().collect();
        let batches = (!events.is_empty()).then_some(Ok(SubscribeResponse { events }));
        // Nothing follows, but the log is not at its end.
        Ok(Response::new(stream::iter(batches).chain(stream::pending()).boxed()))
    }

    async fn get_last_position(
        &self,
        _: Request<GetLastPositionRequest>,
    ) -> Result<Response<GetLastPositionResponse>, Status> {
        let position = self.0.last().map_or(0, |event| event.position);
        Ok(Response::new(GetLastPositionResponse { position, unstamped: 0 }))
    }
}
