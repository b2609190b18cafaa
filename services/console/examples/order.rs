//! Sends the hand-made traces of an order to a console, to look at its pages: `cargo run -p madang-console --example order -- http://127.0.0.1:4317`.

use std::error::Error;
use std::io::Write;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../tests/console/made.rs"]
mod made;

/// An hour of 2026.
const BEGIN: u64 = 1_795_719_568_000_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4317".to_owned());
    let mut client = TraceServiceClient::connect(endpoint).await?;
    for resource_spans in [made::order(BEGIN), made::cancellation(BEGIN + 9_000_000_000)] {
        client.export(ExportTraceServiceRequest { resource_spans }).await?;
    }
    writeln!(std::io::stdout(), "sent: order {}, trace {}", made::ORDER, made::TRACE)?;
    Ok(())
}
