use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tonic::transport::{Channel, Endpoint};

use super::{Replica, Service, Shop, process};

const CONNECT: Duration = Duration::from_secs(3);

/// Where everything is.
impl Shop {
    /// Where a service serves.
    ///
    /// # Panics
    /// For a replica beyond the third.
    pub fn url(&self, service: impl Into<Replica>) -> String {
        let replica = service.into();
        match &self.edge {
            Some(edge) if replica.service == Service::Gateway => edge.clone(),
            _ => url(self.port(replica)),
        }
    }

    /// The port where a service serves.
    ///
    /// # Panics
    /// Like [`Self::url`].
    pub fn port(&self, service: impl Into<Replica>) -> u16 {
        self.ports[&service.into()].0
    }

    /// The port where a service has /readyz, /metrics and /info.
    ///
    /// # Panics
    /// Like [`Self::url`].
    pub fn admin_port(&self, service: impl Into<Replica>) -> u16 {
        self.ports[&service.into()].1
    }

    /// Where a service has /readyz, /metrics and /info.
    ///
    /// # Panics
    /// Like [`Self::url`].
    pub fn admin_url(&self, service: impl Into<Replica>) -> String {
        url(self.admin_port(service))
    }

    /// A channel to a service, which connects at the first call, and again after the service was dead.
    ///
    /// # Panics
    /// Outside of a runtime, and like [`Self::url`].
    pub fn channel(&self, service: impl Into<Replica>) -> Channel {
        let endpoint = Endpoint::from_shared(self.url(service)).expect("a URL of this machine is one");
        endpoint.connect_timeout(CONNECT).tcp_nodelay(true).connect_lazy()
    }

    /// The file by which `madang` finds this shop.
    pub fn shop_file(&self) -> PathBuf {
        self.home.folder().join("shop.json")
    }

    /// The path of `madang`.
    ///
    /// # Errors
    /// Where it is not built.
    pub fn madang() -> Result<PathBuf> {
        process::binary("madang")
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
