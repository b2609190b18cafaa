//! `madang cluster ask`: what this pod may ask of every other, as the mesh answers. Tests run it under each identity and hold
//! what it prints against the table of policies.
//!
//! Every RPC of every contract is sent to every service, empty, so that one which passes is refused by the service's own rules
//! and changes nothing.

mod web;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use futures::stream::{self, StreamExt};
use http::uri::PathAndQuery;
use madang_api::codec::CheckedCodec;
use madang_api::json::descriptors;
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::output::Output;
use crate::shop::Service;

/// How long one question may take; whoever is refused hears it at once.
const PATIENCE: Duration = Duration::from_secs(3);
/// Questions under way at once.
const TOGETHER: usize = 8;
/// What every server has besides the contracts in proto/.
const PLATFORM: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// What `madang cluster ask` is told.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints one JSON object a line: to, what, answer (allowed, denied or unreachable), and why."
)]
pub(super) struct AskArgs {}

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It reached who was asked.
    Allowed(String),
    /// The mesh refused it.
    Denied,
    /// Nobody answered, or nobody could be asked.
    Unreachable(String),
}

/// Asks everybody everything.
///
/// # Errors
/// Where nothing can be printed.
pub(super) async fn run(_: AskArgs, output: &Output) -> Result<ExitCode> {
    for service in Service::ALL.into_iter().filter(|service| service.owns_data()) {
        let to = format!("{service}:{}", service.port());
        let endpoint = Endpoint::from_shared(format!("http://{to}")).context("a name of a service")?;
        let channel = endpoint.connect_timeout(PATIENCE).connect_lazy();
        let mut answers = stream::iter(paths()).map(|path| rpc(channel.clone(), path)).buffered(TOGETHER);
        while let Some((path, answer)) = answers.next().await {
            output.json_line(&line(&to, &path, &answer))?;
        }
    }
    for (to, what, answer) in web::all().await {
        output.json_line(&line(&to, what, &answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(to: &str, what: &str, answer: &Answer) -> Value {
    let (answer, why) = match answer {
        Answer::Allowed(why) => ("allowed", why.as_str()),
        Answer::Denied => ("denied", ""),
        Answer::Unreachable(why) => ("unreachable", why.as_str()),
    };
    json!({"to": to, "what": what, "answer": answer, "why": why})
}

/// The path of every RPC there is.
fn paths() -> Vec<String> {
    let rpcs = descriptors().services().flat_map(|service| {
        let rpc = |rpc: prost_reflect::MethodDescriptor| format!("/{}/{}", service.full_name(), rpc.name());
        service.methods().map(rpc).collect::<Vec<_>>()
    });
    let ours = rpcs.filter(|path| path.starts_with("/madang."));
    ours.chain(PLATFORM.into_iter().map(str::to_owned)).collect()
}

async fn rpc(channel: Channel, path: String) -> (String, Answer) {
    let answer = match timeout(PATIENCE, begin(channel, &path)).await {
        Ok(Ok(mut stream)) => match timeout(PATIENCE, stream.message()).await {
            Ok(Ok(_)) => Answer::Allowed("OK".to_owned()),
            Ok(Err(status)) => judge(&status),
            // A stream that is open and has nothing to say.
            Err(_) => Answer::Allowed("open".to_owned()),
        },
        Ok(Err(status)) => judge(&status),
        Err(_) => Answer::Unreachable("no answer".to_owned()),
    };
    (path, answer)
}

/// Asks; there is a stream once somebody began to answer.
async fn begin(channel: Channel, path: &str) -> Result<Streaming<()>, Status> {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::try_from(path).map_err(|error| Status::internal(error.to_string()))?;
    let codec = CheckedCodec::<(), ()>::default();
    Ok(grpc.server_streaming(Request::new(()), path, codec).await?.into_inner())
}

/// A refusal by Envoy's RBAC filter has its own words; those of services have others, and an error of the transport is no refusal.
fn judge(status: &Status) -> Answer {
    let (code, message) = (status.code(), status.message());
    if code == Code::PermissionDenied && message.contains("RBAC") {
        return Answer::Denied;
    }
    // With a source it is no answer of anybody: the connection broke.
    if code == Code::Unavailable || std::error::Error::source(status).is_some() {
        return Answer::Unreachable(message.to_owned());
    }
    Answer::Allowed(format!("{code:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_of_every_contract_is_asked_once() {
        let mut paths = paths();
        assert!(paths.contains(&"/madang.orders.v1.OrdersService/PlaceOrder".to_owned()));
        let count = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), count);
    }

    #[test]
    fn only_the_meshs_own_refusal_is_a_denial() {
        assert_eq!(judge(&Status::permission_denied("RBAC: access denied")), Answer::Denied);
        let own = judge(&Status::permission_denied("this RPC cannot be called from outside the shop"));
        assert_eq!(own, Answer::Allowed("PermissionDenied".to_owned()));
        assert!(matches!(judge(&Status::unavailable("no healthy upstream")), Answer::Unreachable(_)));
        assert!(matches!(judge(&Status::unimplemented("")), Answer::Allowed(_)));
        let broken = Status::from_error(Box::new(std::io::Error::other("reset")));
        assert!(matches!(judge(&broken), Answer::Unreachable(_)));
    }
}
