//! A gateway before services of its own.

use std::time::Duration;

use madang_api::catalog::v1::catalog_service_server::CatalogServiceServer;
use madang_api::inventory::v1::inventory_service_server::InventoryServiceServer;
use madang_api::notifications::v1::notifications_service_server::NotificationsServiceServer;
use madang_api::orders::v1::orders_service_server::OrdersServiceServer;
use madang_chassis::{Listener, Network, Platform, Server, ServerArgs, Service, config};
use madang_gateway::{Config, SERVICE};
use tonic::transport::{Channel, Endpoint};

use crate::fakes::{Catalog, Inventory, Notifications, Orders};

pub(crate) struct Shop {
    pub(crate) network: Network,
    pub(crate) platform: Platform,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::with(&[])
    }

    /// With further flags.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let shop = Self::without_inventory(flags);
        let listener = shop.network.listen("inventory");
        shop.serve(server("inventory").add_service(InventoryServiceServer::new(Inventory)), listener);
        shop
    }

    pub(crate) fn without_inventory(flags: &[&str]) -> Self {
        let network = Network::new();
        let listener = network.listen("gateway");
        Self::on(network, listener, flags)
    }

    pub(crate) fn on(network: Network, listener: Listener, flags: &[&str]) -> Self {
        let platform = Platform { connector: network.connector(), ..Platform::test(SERVICE) };
        let shop = Self { network, platform };
        let listen = |host: &str| shop.network.listen(host);
        shop.serve(server("catalog").add_service(CatalogServiceServer::new(Catalog)), listen("catalog"));
        shop.serve(server("orders").add_service(OrdersServiceServer::new(Orders)), listen("orders"));
        let notifications = NotificationsServiceServer::new(Notifications);
        shop.serve(server("notifications").add_service(notifications), listen("notifications"));

        let run = madang_gateway::run(settings(flags), listener, shop.platform.clone());
        shop.platform.tasks.spawn("gateway", async move { run.await.unwrap() });
        shop
    }

    /// A plain channel to the gateway, which adds nothing of its own.
    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_static("http://gateway").connect_with_connector_lazy(self.network.connector())
    }

    fn serve(&self, server: Server, listener: Listener) {
        self.platform.tasks.spawn("fake", async move { server.serve(listener).await.unwrap() });
    }
}

fn server(name: &'static str) -> Server {
    let platform = Platform::test(Service { name, version: "0.0.0", port: 0 });
    let args = ServerArgs { drain_timeout: Duration::from_secs(1), ..ServerArgs::default() };
    Server::new(&platform, &args)
}

fn settings(flags: &[&str]) -> Config {
    let hosts = [
        "gateway",
        "--catalog-url=http://catalog",
        "--inventory-url=http://inventory",
        "--orders-url=http://orders",
        "--notifications-url=http://notifications",
        "--rate-limit=10000",
        "--rate-burst=10000",
    ];
    // A flag given twice would be refused, so a test's own comes instead.
    let name = |flag: &str| flag.split('=').next().unwrap().to_owned();
    let ours = hosts.iter().filter(|ours| !flags.iter().any(|flag| name(flag) == name(ours)));
    config::try_parse_from(&SERVICE, ours.chain(flags)).unwrap()
}
