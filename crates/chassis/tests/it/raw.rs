//! Calls by bare HTTP/2, with any header and without a client's own deadline.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use madang_api::shipping::v1::{QuoteShippingRequest, QuoteShippingResponse, TrackShipmentRequest};
use madang_chassis::Shutdown;
use prost::Message;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

use crate::world::World;

type Headers<'a> = &'a [(&'a str, &'a str)];

/// The zone of a quote.
pub(crate) async fn quote(world: &World, behaviour: &str, headers: Headers<'_>) -> Result<String, Status> {
    let message = QuoteShippingRequest { region_code: behaviour.to_owned(), weight_grams: 1 };
    let (body, status) = call(world, crate::world::QUOTE, &message, headers).await;
    if status.code() != Code::Ok {
        return Err(status);
    }
    Ok(QuoteShippingResponse::decode(&body[5..]).unwrap().zone)
}

/// How a tracking ended.
pub(crate) async fn track(world: &World, behaviour: &str, headers: Headers<'_>) -> Status {
    let message = TrackShipmentRequest { order_id: behaviour.to_owned() };
    call(world, crate::world::TRACK, &message, headers).await.1
}

/// The body and the status of any call.
pub(crate) async fn call(
    world: &World,
    path: &str,
    message: &impl Message,
    headers: Headers<'_>,
) -> (Bytes, Status) {
    let answer = send(world, path, message, headers).await;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let status = status(&head.headers).or_else(|| status(&trailers)).unwrap();
    (body.to_bytes(), status)
}

fn status(headers: &HeaderMap) -> Option<Status> {
    Status::from_header_map(headers)
}

async fn send(
    world: &World,
    path: &str,
    message: &impl Message,
    headers: Headers<'_>,
) -> Response<hyper::body::Incoming> {
    let mut connector = world.network.connector();
    let uri = "http://shipping".parse().unwrap();
    let io: TokioIo<_> = connector.ready().await.unwrap().call(uri).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    // Apart from the tasks that the drain waits for.
    let tasks = madang_chassis::Tasks::new(Shutdown::new());
    tasks.spawn("connection", async move {
        let _ended = connection.await.is_ok();
    });
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.encoded_len().try_into().unwrap());
    message.encode(&mut frame).unwrap();
    let request = Request::post(format!("http://shipping{path}")).header("content-type", "application/grpc");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    sender.send_request(request.body(Full::new(frame.freeze())).unwrap()).await.unwrap()
}
