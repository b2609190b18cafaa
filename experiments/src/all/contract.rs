use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::stream;
use http::uri::PathAndQuery;
use madang_api::FILE_DESCRIPTOR_SET;
use madang_api::within;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::OWNERS;
use crate::shop::connect;
use crate::{Experiment, Limit, Needs, Setup, Trial};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "contract",
    claim: "Services speak by contracts that are written down, over a light protocol that any client has.",
    hypothesis: "Each server names its contracts by reflection, they are those of proto/, and every RPC in them is answered.",
    steps: &[
        "each server is asked by gRPC reflection which services it has",
        "each RPC of them in proto/ is called with an empty message, as grpcurl does it",
    ],
    control: "Every RPC is called by a name that no contract has.",
    needs: Needs::Anywhere,
    limit: Duration::from_secs(60),
    by_hand: &[
        "madang up",
        "grpcurl -plaintext 127.0.0.1:50055 list",
        "grpcurl -plaintext 127.0.0.1:50055 describe madang.orders.v1.OrdersService",
        "make check        # buf refuses a change of proto/ that breaks a client",
    ],
    code: &["proto/", "crates/api/build.rs", "crates/chassis/src/server.rs"],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

/// For a stream, whose first message may never come: that it began is enough.
const SHORT: Duration = Duration::from_millis(300);
const SERVERS: usize = 7;

async fn run(trial: &Trial) -> Result<()> {
    let world = trial.world();
    let contracts = contracts()?;
    let (mut reached, mut unknown, mut unanswered) = (BTreeSet::new(), 0_u64, 0_u64);
    let mut servers = Vec::new();
    for service in OWNERS {
        servers.push((service, world.url(service)?));
    }
    servers.push(("gateway", world.gateway()));
    for (server, url) in &servers {
        let channel = connect(url).await?;
        let listed = listed(channel.clone()).await.with_context(|| format!("the reflection of {server}"))?;
        trial.mark(format!("{server} lists {} services", listed.len()));
        unknown +=
            listed.iter().filter(|service| !contracts.iter().any(|rpc| is_of(rpc, service))).count() as u64;
        for rpc in contracts.iter().filter(|rpc| listed.iter().any(|service| is_of(rpc, service))) {
            let name = if trial.is_control() { format!("{rpc}Zz") } else { rpc.clone() };
            if call(channel.clone(), &name).await? == Code::Unimplemented {
                unanswered += 1;
            } else {
                reached.insert(rpc.clone());
            }
        }
    }
    trial.count("servers that were asked", servers.len() as u64, Limit::AtLeast(SERVERS as f64));
    trial.count(
        "RPCs in proto/ that no server answers",
        (contracts.len() - reached.len()) as u64,
        Limit::AtMost(0.0),
    );
    trial.count("RPCs that a server lists and does not have", unanswered, Limit::AtMost(0.0));
    trial.count("services that a server lists and proto/ has not", unknown, Limit::AtMost(0.0));
    Ok(())
}

fn is_of(rpc: &str, service: &str) -> bool {
    rpc.strip_prefix('/').and_then(|rpc| rpc.strip_prefix(service)).is_some_and(|rest| rest.starts_with('/'))
}

/// All RPCs of proto/ by their paths, but for those that no service serves unless it is told to be harmed.
fn contracts() -> Result<Vec<String>> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET)?.file;
    let mut rpcs = Vec::new();
    for file in files.iter().filter(|file| file.package() != "madang.faults.v1") {
        for service in &file.service {
            let name = format!("/{}.{}", file.package(), service.name());
            rpcs.extend(service.method.iter().map(|rpc| format!("{name}/{}", rpc.name())));
        }
    }
    Ok(rpcs)
}

/// Our services that a server lists.
async fn listed(channel: Channel) -> Result<BTreeSet<String>> {
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = ServerReflectionRequest { host: String::new(), message_request };
    let mut client = ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(stream::iter([request])).await?.into_inner();
    match answers.message().await?.and_then(|answer| answer.message_response) {
        Some(MessageResponse::ListServicesResponse(list)) => {
            let names = list.service.into_iter().map(|service| service.name);
            Ok(names.filter(|name| name.starts_with("madang.")).collect())
        }
        other => bail!("it answered {other:?}"),
    }
}

/// Calls an RPC with an empty message; answers the code of its first message, or of its refusal.
async fn call(channel: Channel, rpc: &str) -> Result<Code> {
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let codec = ProstCodec::<(), ()>::default();
    let answer = client.server_streaming(within(SHORT, ()), rpc.parse::<PathAndQuery>()?, codec).await;
    let answer = match answer {
        Ok(answer) => answer.into_inner().message().await.map(|_| ()),
        Err(status) => Err(status),
    };
    Ok(answer.map_or_else(|status| status.code(), |()| Code::Ok))
}
