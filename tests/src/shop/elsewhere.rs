use std::collections::BTreeMap;

use anyhow::Result;

use super::home::Home;
use super::{Replica, Service, Shop};
use crate::backends::{Backends, Carrier, Database};

impl Shop {
    /// A shop that somebody else runs, behind the usual ports of this machine, as `madang cluster forward` opens them. Customers
    /// come to its edge instead, such as `http://127.0.0.1:9090`.
    ///
    /// # Errors
    /// Where its file cannot be written.
    pub fn elsewhere(edge: &str) -> Result<Self> {
        let ports = Service::ALL
            .into_iter()
            .map(|service| (Replica::from(service), (service.usual_port(), service.usual_port() + 100)));
        let shop = Self {
            ports: ports.collect(),
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
