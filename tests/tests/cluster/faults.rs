//! Faults in single pods.

use anyhow::Result;
use madang_api::faults::v1::fault_service_client::FaultServiceClient;
use madang_api::faults::v1::{ClearFaultsRequest, Fault, SetFaultRequest};
use madang_api::within;
use madang_tests::cluster::Tunnel;
use madang_tests::customer::CALL;
use tonic::transport::{Channel, Endpoint};

/// Pods that are faulty until they are told otherwise, or for five minutes.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(Tunnel, FaultServiceClient<Channel>)>);

impl Faults {
    /// Makes a pod faulty, whose port for gRPC this leads to.
    pub(crate) async fn set(&mut self, tunnel: Tunnel, fault: Fault) -> Result<()> {
        let mut client = FaultServiceClient::new(Endpoint::from_shared(tunnel.url())?.connect_lazy());
        let ttl = Some(prost_types::Duration { seconds: 300, nanos: 0 });
        client.set_fault(within(CALL, SetFaultRequest { fault: Some(fault), ttl })).await?;
        self.0.push((tunnel, client));
        Ok(())
    }

    /// Makes all of them well.
    pub(crate) async fn clear(self) -> Result<()> {
        for (_tunnel, mut client) in self.0 {
            client.clear_faults(within(CALL, ClearFaultsRequest {})).await?;
        }
        Ok(())
    }
}
