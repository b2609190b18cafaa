//! Traces that services send by OTLP: received, kept in bounded memory, found by trace and by order.
//!
//! ```text
//! services ─OTLP by gRPC─> receive: each span cut to its bounds ──> store: the oldest trace leaves first ──> api, page
//! ```

pub(crate) mod api;
pub(crate) mod page;
mod receive;
mod store;
mod view;

use madang_chassis::config::ServerArgs;
use madang_chassis::{Listener, Platform, web};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceServiceServer;
use tonic::service::Routes;

use receive::Receiver;

pub(crate) use store::{Limits, Traces};

/// Receives traces until the shutdown begins and the drain is over. What it does is not traced: the receiver's own spans would be
/// sent to it again.
pub(crate) async fn receive(traces: Traces, platform: &Platform, args: &ServerArgs, listener: Listener) {
    let service = TraceServiceServer::new(Receiver::new(traces));
    web::serve(platform, args, listener, Routes::new(service).into_axum_router()).await;
}
