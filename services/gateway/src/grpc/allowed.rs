//! Which RPCs pass the edge.

use madang_api::error::status;
use madang_api::json::descriptors;
use tonic::{Code, Status};

/// The reason of a refusal: the RPC is one of the inside.
const NOT_AT_THE_EDGE: &str = "NOT_AT_THE_EDGE";
/// The reason of a refusal: there is no such RPC.
const UNKNOWN_RPC: &str = "UNKNOWN_RPC";

/// What passes, by service. Whatever is not here is refused, what will be added to these services as well.
const PASSED: [(&str, &[&str]); 3] = [
    (
        "madang.catalog.v1.CatalogService",
        &["GetProduct", "BatchGetProducts", "ListProducts", "SearchProducts"],
    ),
    (
        "madang.orders.v1.OrdersService",
        &["PlaceOrder", "GetOrder", "ListOrders", "CancelOrder", "WatchOrder"],
    ),
    ("madang.notifications.v1.NotificationsService", &["ListNotifications", "WatchNotifications"]),
];

/// What the edge answers itself.
const OWN: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Whether the RPC of a path may pass.
///
/// # Errors
/// PERMISSION_DENIED NOT_AT_THE_EDGE for an RPC of the inside, UNIMPLEMENTED UNKNOWN_RPC for one that does not exist.
pub(super) fn check(path: &str) -> Result<(), Status> {
    let (service, method) = split(path).unwrap_or((path, ""));
    if OWN.contains(&service) || PASSED.iter().any(|(name, rpcs)| *name == service && rpcs.contains(&method))
    {
        return Ok(());
    }
    let known = descriptors().get_service_by_name(service);
    if known.is_some_and(|service| service.methods().any(|rpc| rpc.name() == method)) {
        let message = "this RPC cannot be called from outside the shop";
        return Err(status(Code::PermissionDenied, NOT_AT_THE_EDGE, message));
    }
    Err(status(Code::Unimplemented, UNKNOWN_RPC, "there is no such RPC"))
}

fn split(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('/')?.split_once('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_only_what_exists() {
        for (service, rpcs) in PASSED {
            let service = descriptors().get_service_by_name(service).unwrap();
            for name in rpcs {
                assert!(service.methods().any(|rpc| rpc.name() == *name), "{name}");
            }
        }
    }
}
