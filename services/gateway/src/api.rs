//! HTTP/JSON: each route reads a request, makes one call, and tells the answer by the Protobuf JSON mapping.

use std::time::Duration;

use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Json, Router};
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::json;
use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_chassis::{Client, Places, Platform, Shutdown};
use prost::{Message, Name};
use serde_json::Value;

use crate::problem::Problem;
use crate::{Clients, Config};

mod guard;
mod notifications;
mod orders;
mod products;
mod request;
mod watch;

/// Bytes of a request's body, or of a gRPC message, at most.
pub(crate) const MAX_BODY: usize = 64 * 1024;
/// How long a stream may last; its client opens another one then.
pub(crate) const MAX_STREAM: Duration = Duration::from_secs(3600);

/// What the routes need.
#[derive(Debug, Clone)]
struct Api {
    catalog: CatalogServiceClient<Client>,
    inventory: InventoryServiceClient<Client>,
    orders: OrdersServiceClient<Client>,
    notifications: NotificationsServiceClient<Client>,
    stock_timeout: Duration,
    streams: Places,
    shutdown: Shutdown,
}

/// All routes under /api.
pub(crate) fn router(config: &Config, upstreams: &Clients, platform: &Platform) -> Router {
    let api = Api {
        catalog: CatalogServiceClient::new(upstreams.catalog.clone()),
        inventory: InventoryServiceClient::new(upstreams.inventory.clone()),
        orders: OrdersServiceClient::new(upstreams.orders.clone()),
        notifications: NotificationsServiceClient::new(upstreams.notifications.clone()),
        stock_timeout: config.limits.stock_timeout,
        streams: Places::new(config.server.max_streams.get().into()),
        shutdown: platform.shutdown.clone(),
    };
    Router::new()
        .route("/api/products", get(products::list))
        .route("/api/products/{id}", get(products::show))
        .route("/api/orders", get(orders::list).post(orders::place))
        .route("/api/orders/{id}", get(orders::show))
        .route("/api/orders/{id}/cancel", post(orders::cancel))
        .route("/api/orders/{id}/watch", get(watch::watch))
        .route("/api/notifications", get(notifications::list))
        .layer(from_fn_with_state(guard::Guard::new(config), guard::around))
        .with_state(api)
}

type Answer = Result<Json<Value>, Problem>;

/// A message as the answer.
fn tell<M: Message + Name>(message: &M) -> Answer {
    value(message).map(Json)
}

fn value<M: Message + Name>(message: &M) -> Result<Value, Problem> {
    json::to_value(message).map_err(|error| {
        tracing::error!(%error, message = M::NAME, "a message cannot be told in JSON");
        Problem::internal()
    })
}
