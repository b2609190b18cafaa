//! What a gRPC server says of itself: reflection, health, metrics.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use futures::stream;
use madang_api::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::web;

/// The RPCs of each service.
pub type Listing = BTreeMap<String, BTreeSet<String>>;

/// What proto/ says that there is.
///
/// # Errors
/// Where the descriptors cannot be read.
pub fn contracts() -> Result<Listing> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET)?.file;
    Ok(files.iter().flat_map(services_of).collect())
}

/// The services that a server lists by reflection v1.
///
/// # Errors
/// Where it does not answer.
pub async fn list_v1(channel: &Channel) -> Result<BTreeSet<String>> {
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let answer = ask_v1(channel, MessageRequest::ListServices(String::new())).await?;
    let MessageResponse::ListServicesResponse(list) = answer else {
        bail!("reflection v1 answered {answer:?}");
    };
    Ok(list.service.into_iter().map(|it| it.name).collect())
}

/// The services that a server lists by reflection v1alpha.
///
/// # Errors
/// Where it does not answer.
pub async fn list_v1alpha(channel: &Channel) -> Result<BTreeSet<String>> {
    use v1alpha::server_reflection_client::ServerReflectionClient;
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;
    let list = MessageRequest::ListServices(String::new());
    let request = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut client = ServerReflectionClient::new(channel.clone());
    let mut answers = client.server_reflection_info(stream::iter([request])).await?.into_inner();
    match answers.message().await?.and_then(|answer| answer.message_response) {
        Some(MessageResponse::ListServicesResponse(list)) => {
            Ok(list.service.into_iter().map(|it| it.name).collect())
        }
        other => bail!("reflection v1alpha answered {other:?}"),
    }
}

/// Those of our services that a server lists, with the RPCs of each.
///
/// # Errors
/// Where it does not answer, or lists what it cannot describe.
pub async fn ours(channel: &Channel) -> Result<Listing> {
    let mut names = list_v1(channel).await?;
    names.retain(|name| name.starts_with("madang."));
    described(channel, &names).await
}

/// The RPCs of these services, as grpcurl finds them: by the file of each service.
///
/// # Errors
/// Where it does not answer, or does not know one.
pub async fn described(channel: &Channel, services: &BTreeSet<String>) -> Result<Listing> {
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let mut listing = Listing::new();
    for service in services {
        let answer = ask_v1(channel, MessageRequest::FileContainingSymbol(service.clone())).await?;
        let MessageResponse::FileDescriptorResponse(files) = answer else {
            bail!("{service} is listed, but described by {answer:?}");
        };
        let mut found = Listing::new();
        for file in &files.file_descriptor_proto {
            found.extend(services_of(&FileDescriptorProto::decode(file.as_slice())?));
        }
        let rpcs =
            found.remove(service).with_context(|| format!("{service} is not in the file that has it"))?;
        listing.insert(service.clone(), rpcs);
    }
    Ok(listing)
}

async fn ask_v1(
    channel: &Channel,
    question: v1::server_reflection_request::MessageRequest,
) -> Result<v1::server_reflection_response::MessageResponse> {
    use v1::server_reflection_client::ServerReflectionClient;
    let request = v1::ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut client = ServerReflectionClient::new(channel.clone());
    let mut answers = client.server_reflection_info(stream::iter([request])).await?.into_inner();
    let answer = answers.message().await?.and_then(|answer| answer.message_response);
    answer.context("reflection v1 answered nothing")
}

fn services_of(file: &FileDescriptorProto) -> Vec<(String, BTreeSet<String>)> {
    let rpcs = |service: &prost_types::ServiceDescriptorProto| {
        service.method.iter().map(|rpc| rpc.name().to_owned()).collect()
    };
    let name =
        |service: &prost_types::ServiceDescriptorProto| format!("{}.{}", file.package(), service.name());
    file.service.iter().map(|service| (name(service), rpcs(service))).collect()
}

/// Whether a server says that a service serves; the empty name is the whole process.
///
/// # Errors
/// Where it does not answer, or does not know the service.
pub async fn is_serving(channel: &Channel, service: &str) -> Result<bool> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel.clone()).check(request).await;
    let answer = answer.with_context(|| format!("the health of {service:?}"))?;
    Ok(answer.into_inner().status() == ServingStatus::Serving)
}

/// How often each RPC ended with each code, as /metrics counts it: (`/service/Rpc`, `CODE`) to calls.
///
/// # Errors
/// Where there are no metrics.
pub async fn calls(admin_url: &str) -> Result<BTreeMap<(String, String), u64>> {
    let answer = web::get(&format!("{admin_url}/metrics")).await?;
    anyhow::ensure!(answer.status.is_success(), "{admin_url}/metrics answered {}", answer.status);
    Ok(counted(&answer.text))
}

/// The values of a counter by its one label, as /metrics shows them.
///
/// # Errors
/// Where there are no metrics, or not this one.
pub async fn counter(admin_url: &str, name: &str) -> Result<BTreeMap<String, u64>> {
    let answer = web::get(&format!("{admin_url}/metrics")).await?;
    let read = |line: &str| {
        let (label, value) = line.strip_prefix(name)?.strip_prefix("_total{")?.split_once("} ")?;
        let (_, label) = label.split_once('=')?;
        Some((label.trim_matches('"').to_owned(), value.parse().ok()?))
    };
    let values: BTreeMap<String, u64> = answer.text.lines().filter_map(read).collect();
    anyhow::ensure!(!values.is_empty(), "{admin_url}/metrics has no {name}: {}", answer.text);
    Ok(values)
}

fn counted(metrics: &str) -> BTreeMap<(String, String), u64> {
    let read = |line: &str| {
        let (labels, value) =
            line.strip_prefix("madang_rpc_server_duration_seconds_count{")?.split_once("} ")?;
        let label = |name: &str| {
            let mut labels = labels.split(',').filter_map(|label| label.split_once('='));
            labels.find(|(found, _)| *found == name).map(|(_, value)| value.trim_matches('"').to_owned())
        };
        Some(((label("method")?, label("code")?), value.split(' ').next()?.parse().ok()?))
    };
    metrics.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_out_of_metrics() {
        let metrics = "# TYPE rpc_server_duration_seconds histogram\n\
            madang_rpc_server_duration_seconds_sum{method=\"/a.B/C\",code=\"OK\"} 0.1\n\
            madang_rpc_server_duration_seconds_count{method=\"/a.B/C\",code=\"OK\"} 3\n\
            madang_rpc_client_duration_seconds_count{method=\"/a.B/C\",code=\"OK\"} 9\n";
        let expected = BTreeMap::from([(("/a.B/C".to_owned(), "OK".to_owned()), 3)]);
        assert_eq!(counted(metrics), expected);
    }

    #[test]
    fn the_contracts_are_known() {
        let contracts = contracts().unwrap();
        assert!(contracts["madang.orders.v1.OrdersService"].contains("PlaceOrder"), "{contracts:?}");
        assert!(contracts.len() >= 11, "{contracts:?}");
    }
}
