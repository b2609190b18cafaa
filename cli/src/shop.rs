//! Where the shop is: its services, their addresses and processes, and the file by which other commands find them.

mod find;
mod folder;
mod ports;
mod service;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use find::{FindArgs, GatewayArgs};
pub use folder::Folder;
pub use ports::Ports;
pub use service::Service;

/// A service as it can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where it serves: gRPC, or HTTP for the gateway and the console.
    pub url: String,
    /// Where /readyz and /info are.
    pub admin_url: String,
    /// Its process, where it is one of this machine and runs.
    pub pid: Option<u32>,
}

/// All services as they can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shop {
    /// By service; a shop that was found may lack some.
    pub services: BTreeMap<Service, Place>,
    /// The folder of the services' logs, where it is one of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<PathBuf>,
}

impl Shop {
    /// The shop on ports of this machine.
    pub fn on(ports: &Ports) -> Self {
        let place = |service: Service| {
            let port = ports.of(service);
            let url = |port: u16| format!("http://127.0.0.1:{port}");
            Place { url: url(port), admin_url: url(Ports::admin(port)), pid: None }
        };
        let services = Service::ALL.into_iter().map(|service| (service, place(service))).collect();
        Self { services, logs: None }
    }

    /// Where the service serves; empty where the shop lacks it.
    pub fn url(&self, service: Service) -> &str {
        self.services.get(&service).map_or("", |place| &place.url)
    }
}
