use anyhow::Result;
use serde_json::json;

use super::{Replica, Service, Shop};

/// What services, and `madang`, are told.
impl Shop {
    /// All that a service is told.
    pub(super) fn told(&self, replica: Replica) -> Vec<(String, String)> {
        let service = replica.service;
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let address = |port: u16| format!("127.0.0.1:{port}");
        let admins = Service::ALL.map(|other| format!("{other}={}", self.admin_url(other)));
        let mut told = vec![
            pair("MADANG_LISTEN", address(self.port(replica))),
            pair("MADANG_ADMIN_LISTEN", address(self.admin_port(replica))),
            pair("MADANG_ADMIN_URLS", admins.join(",")),
            pair("MADANG_LOG_FORMAT", "json".to_owned()),
            // Migrations would fill the tails that a failed test shows.
            pair("MADANG_LOG_LEVEL", "info,refinery_core=warn".to_owned()),
        ];
        let owners = Service::ALL.into_iter().filter(|other| other.owns_data());
        told.extend(
            owners.map(|other| (format!("MADANG_{}_URL", other.name().to_uppercase()), self.url(other))),
        );
        told.extend(self.home.settings(service));
        let own = self.settings.iter().filter(|(of, _, _)| *of == service);
        // A later one counts.
        told.extend(own.map(|(_, name, value)| (name.clone(), value.clone())));
        told
    }

    /// The file by which `madang` finds this shop.
    pub(super) fn write_shop_file(&self) -> Result<()> {
        let place = |service: Service| {
            let place =
                json!({ "url": self.url(service), "admin_url": self.admin_url(service), "pid": null });
            (service.name().to_owned(), place)
        };
        let services: serde_json::Map<_, _> = Service::ALL.into_iter().map(place).collect();
        let shop = json!({ "services": services, "logs": self.home.folder() });
        Ok(std::fs::write(self.shop_file(), shop.to_string())?)
    }
}
