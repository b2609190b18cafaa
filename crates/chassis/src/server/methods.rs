use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use prost::{DecodeError, Message};
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use super::health;
use crate::trace;

/// An RPC, as far as the platform cares.
#[derive(Debug)]
pub(crate) struct Method {
    /// Its path, or `other`: callers choose paths, and a metric's labels must be bounded.
    pub(crate) label: Arc<str>,
    /// The same as OpenTelemetry's conventions want it: without the slash in front.
    pub(crate) name: Arc<str>,
    /// What its spans have in common.
    pub(crate) span: Box<[u8]>,
    /// Whether either side streams.
    pub(crate) streams: bool,
    /// Whether it is part of the platform itself, so that it is neither shed nor harmed.
    pub(crate) platform: bool,
    /// Whether it is left out of traces: probes, and what the background asks all the time.
    pub(crate) is_quiet: bool,
}

/// What consumers and audits ask all the time.
const BACKGROUND: [&str; 2] = ["madang.events.v1.EventFeedService", "madang.events.v1.CursorService"];

/// The RPCs of a server, by path.
#[derive(Debug)]
pub(crate) struct Methods {
    served: HashMap<String, Arc<Method>>,
    other: Arc<Method>,
}

impl Methods {
    /// Those of the services with these names.
    pub(crate) fn served(names: &[&str]) -> Self {
        let served = all()
            .iter()
            .filter(|(path, _)| service_of(path).is_some_and(|service| names.contains(&service)))
            .map(|(path, method)| (path.clone(), Arc::clone(method)))
            .collect();
        Self { served, other: other() }
    }

    pub(crate) fn get(&self, path: &str) -> Arc<Method> {
        Arc::clone(self.served.get(path).unwrap_or(&self.other))
    }
}

/// The method of a call that leaves.
pub(crate) fn known(path: &str) -> Arc<Method> {
    all().get(path).map_or_else(other, Arc::clone)
}

/// Whether a contract names this path.
pub(crate) fn is_known(path: &str) -> bool {
    all().contains_key(path)
}

/// What no contract names.
fn other() -> Arc<Method> {
    let other: Arc<str> = Arc::from("other");
    let label = Arc::clone(&other);
    let span = trace::method(&other);
    Arc::new(Method { label, name: other, span, streams: false, platform: false, is_quiet: false })
}

/// The service of an RPC's path.
pub(super) fn service_of(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.split_once('/').map(|(service, _)| service)
}

/// The contracts that this code has.
pub(super) const DESCRIPTORS: [&[u8]; 4] = [
    madang_api::FILE_DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

type All = HashMap<String, Arc<Method>>;

/// Every RPC that a contract names; none where contracts cannot be read, which [`check`] tells.
fn all() -> &'static All {
    static NONE: LazyLock<All> = LazyLock::new(All::new);
    read().as_ref().unwrap_or(&NONE)
}

/// Whether the contracts can be read.
pub(super) fn check() -> Result<(), DecodeError> {
    read().as_ref().map(|_| ()).map_err(Clone::clone)
}

fn read() -> &'static Result<All, DecodeError> {
    static ALL: OnceLock<Result<All, DecodeError>> = OnceLock::new();
    ALL.get_or_init(|| {
        let sets = DESCRIPTORS.into_iter().map(FileDescriptorSet::decode);
        let sets: Vec<_> = sets.collect::<Result<_, _>>()?;
        Ok(sets.into_iter().flat_map(|set| methods(&set.file)).collect())
    })
}

/// The RPCs of some files.
fn methods(files: &[FileDescriptorProto]) -> Vec<(String, Arc<Method>)> {
    let services = files.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
    services
        .flat_map(|(file, service)| service.method.iter().map(move |method| (file, service, method)))
        .map(|(file, service, method)| {
            let name = format!("{}.{}", file.package(), service.name());
            let path = format!("/{name}/{}", method.name());
            let platform = name == health::NAME || name.starts_with("grpc.reflection.");
            let short = path.trim_start_matches('/');
            let described = Method {
                label: Arc::from(path.as_str()),
                name: Arc::from(short),
                span: trace::method(short),
                streams: method.client_streaming() || method.server_streaming(),
                platform,
                is_quiet: platform || BACKGROUND.contains(&name.as_str()),
            };
            (path, Arc::new(described))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_served_methods_have_a_label_of_their_own() {
        let methods = Methods::served(&["madang.shipping.v1.ShippingService", health::NAME]);
        let quote = methods.get("/madang.shipping.v1.ShippingService/QuoteShipping");
        assert_eq!(
            (&*quote.label, quote.streams, quote.platform),
            ("/madang.shipping.v1.ShippingService/QuoteShipping", false, false)
        );
        assert!(methods.get("/madang.shipping.v1.ShippingService/TrackShipment").streams);
        assert!(methods.get("/grpc.health.v1.Health/Watch").platform);
        assert!(known("/madang.events.v1.EventFeedService/Subscribe").is_quiet);
        assert_eq!(&*methods.get("/madang.shipping.v1.ShippingService/Nothing").label, "other");
        assert_eq!(&*methods.get("/madang.orders.v1.OrdersService/GetOrder").label, "other");
        assert_eq!(
            &*known("/madang.orders.v1.OrdersService/GetOrder").label,
            "/madang.orders.v1.OrdersService/GetOrder"
        );
    }
}
