//! The frozen yardsticks: the least that could do the same work, built with the same flags, each a process of its own.
//!
//! - `echo` is one tonic service that answers at once, `forwarder` one that asks another first.
//! - The skeleton is gateway, orders, inventory, payments and shipping, over the shop's own contracts. An order makes the same
//!   five durable transactions with rows as big, and nothing else: no validation, telemetry, outbox, retries or undos.
//!
//! They are what the shop is measured against, so they stay as they are.

mod catalog;
mod gateway;
mod inventory;
mod orders;
mod payments;
mod shipping;
mod store;

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use madang_api::catalog::v1::catalog_service_server::CatalogServiceServer;
use madang_api::inventory::v1::inventory_service_server::InventoryServiceServer;
use madang_api::orders::v1::orders_service_server::OrdersServiceServer;
use madang_api::payments::v1::payments_service_server::PaymentsServiceServer;
use madang_api::shipping::v1::shipping_service_server::ShippingServiceServer;
use tokio::net::TcpListener;
use tonic::transport::server::{Router, TcpIncoming};
use tonic::transport::{Channel, Endpoint, Server};

/// Which process.
#[derive(Debug, Subcommand)]
pub enum Args {
    /// A catalogue that answers at once
    Echo,
    /// A hop: takes GetProduct and asks another catalogue
    Forwarder {
        /// The other
        #[arg(long)]
        to: String,
    },
    /// The skeleton's gateway
    Gateway {
        /// Its orders
        #[arg(long)]
        orders: String,
    },
    /// The skeleton's orders
    Orders(orders::Args),
    /// The skeleton's inventory
    Inventory(Data),
    /// The skeleton's payments
    Payments(Data),
    /// The skeleton's shipping
    Shipping(Data),
}

/// Where a service's data is.
#[derive(Debug, clap::Args)]
pub struct Data {
    /// The database, a file
    #[arg(long)]
    data: PathBuf,
}

/// Serves until it is killed, and says on its output where.
pub(crate) async fn run(args: Args) -> Result<()> {
    let mut server = Server::builder();
    match args {
        Args::Echo => serve(server.add_service(CatalogServiceServer::new(catalog::Echo))).await,
        Args::Forwarder { to } => {
            let forwarder = catalog::Forwarder::new(to)?;
            serve(server.add_service(CatalogServiceServer::new(forwarder))).await
        }
        Args::Gateway { orders } => {
            let gateway = gateway::Gateway::new(orders)?;
            let router = server.add_service(OrdersServiceServer::new(gateway));
            serve(router.add_service(CatalogServiceServer::new(catalog::Echo))).await
        }
        Args::Orders(args) => {
            let orders = orders::Orders::new(&args)?;
            serve(server.add_service(OrdersServiceServer::new(orders))).await
        }
        Args::Inventory(Data { data }) => {
            let inventory = inventory::Inventory::new(&data)?;
            serve(server.add_service(InventoryServiceServer::new(inventory))).await
        }
        Args::Payments(Data { data }) => {
            let payments = payments::Payments::new(&data)?;
            serve(server.add_service(PaymentsServiceServer::new(payments))).await
        }
        Args::Shipping(Data { data }) => {
            let shipping = shipping::Shipping::new(&data)?;
            serve(server.add_service(ShippingServiceServer::new(shipping))).await
        }
    }
}

/// Calls to another process, connected to when the first comes.
fn channel(url: String) -> Result<Channel> {
    Ok(Endpoint::from_shared(url)?.tcp_nodelay(true).connect_lazy())
}

async fn serve(router: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(stdout(), "http://{}", listener.local_addr()?)?;
    stdout().flush()?;
    // Its own setting does not reach connections that come from outside of it; without this each answer may wait 40 ms for an
    // acknowledgement.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(router.serve_with_incoming(incoming).await?)
}
