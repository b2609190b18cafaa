use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::home::Home;
use super::{Replica, Service, Shop};
use crate::backends::{Backends, Carrier, Database};

impl Shop {
    /// A shop that somebody else runs, behind ports of this machine, as `madang cluster forward` tells them. Customers come to its
    /// edge instead, such as `http://127.0.0.1:9090`.
    ///
    /// # Errors
    /// Where a port is not told, or the shop's file cannot be written.
    pub fn elsewhere(edge: &str, told: &Value) -> Result<Self> {
        let port = |service: Service, which: &str| -> Result<u16> {
            let url = told["services"][service.name()][which].as_str();
            let port = url.and_then(|url| url.rsplit(':').next()).and_then(|port| port.parse().ok());
            port.with_context(|| format!("no {which} of {service} is told: {told}"))
        };
        let ports = Service::ALL.into_iter().map(|service| {
            Ok((Replica::from(service), (port(service, "url")?, port(service, "admin_url")?)))
        });
        let shop = Self {
            ports: ports.collect::<Result<BTreeMap<_, _>>>()?,
            edge: Some(edge.to_owned()),
            settings: Vec::new(),
            under: BTreeMap::new(),
            processes: BTreeMap::new(),
            home: Home::new(Backends { database: Database::Sqlite, carrier: Carrier::Feed })?,
        };
        shop.write_shop_file()?;
        Ok(shop)
    }
}
