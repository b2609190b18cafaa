//! grpc.reflection, whose descriptors are read when somebody asks: few do, and it would be most of a start.

use std::fmt;
use std::future::ready;
use std::sync::{Arc, OnceLock};

use http::Request;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_reflection::server::{Builder, Error};

use super::around::Answered;
use super::methods::DESCRIPTORS;
use super::services::Serve;

/// One version of it.
pub(super) struct Reflection {
    names: Arc<[&'static str]>,
    make: Make,
    made: OnceLock<Option<Box<dyn Serve>>>,
}

type Make = fn(Builder<'static>) -> Result<Box<dyn Serve>, Error>;

/// The names of its versions, and how each is made.
const VERSIONS: [(&str, Make); 2] = [
    ("grpc.reflection.v1.ServerReflection", |builder| Ok(Box::new(builder.build_v1()?))),
    ("grpc.reflection.v1alpha.ServerReflection", |builder| Ok(Box::new(builder.build_v1alpha()?))),
];

/// All its versions by name; they list these services, and themselves.
pub(super) fn versions(services: &[&'static str]) -> [(&'static str, Reflection); 2] {
    let names: Arc<[_]> = services.iter().copied().chain(VERSIONS.map(|(name, _)| name)).collect();
    VERSIONS.map(|(name, make)| (name, Reflection { names: Arc::clone(&names), make, made: OnceLock::new() }))
}

impl Reflection {
    fn make(&self) -> Result<Box<dyn Serve>, Error> {
        // The last are for the details of errors, which clients read by reflection.
        let known = DESCRIPTORS.into_iter().chain([tonic_types::pb::FILE_DESCRIPTOR_SET]);
        let builder = known.fold(Builder::configure(), Builder::register_encoded_file_descriptor_set);
        let builder = self.names.iter().fold(builder, |builder, name| builder.with_service_name(*name));
        (self.make)(builder)
    }
}

impl Serve for Reflection {
    fn answer(&self, request: Request<Body>) -> Answered {
        let made = || self.make().inspect_err(|error| tracing::error!(%error, "no reflection")).ok();
        match self.made.get_or_init(made) {
            Some(service) => service.answer(request),
            None => {
                let message = "the descriptors cannot be read";
                let status = madang_api::error::status(Code::Internal, madang_api::error::INTERNAL, message);
                Box::pin(ready(Ok(Status::into_http(status))))
            }
        }
    }
}

impl fmt::Debug for Reflection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflection").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptors_can_be_read() {
        for (name, version) in versions(&["madang.orders.v1.OrdersService"]) {
            assert!(version.make().is_ok(), "{name}");
        }
    }
}
