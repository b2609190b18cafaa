//! What servers list agrees with proto/, with both versions of reflection, and with health.

use std::collections::BTreeSet;

use madang_tests::servers::{self, Listing};
use madang_tests::{Service, Shop};

const FAULTS: &str = "madang.faults.v1.FaultService";
/// What every server has besides its own.
const PLATFORM: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_list_what_proto_says_and_no_more() {
    let shop = Shop::open_with(&[(Service::Shipping, "MADANG_FAULTS", "true")]).await.unwrap();
    let contracts = servers::contracts().unwrap();
    let mut served = BTreeSet::new();
    for service in Service::GRPC {
        let channel = shop.channel(service);
        let names = servers::list_v1(&channel).await.unwrap();
        assert_eq!(names, servers::list_v1alpha(&channel).await.unwrap(), "{service} lists two things");
        for name in PLATFORM {
            assert!(names.contains(name), "{service} does not list {name}: {names:?}");
        }
        for name in
            names.iter().map(String::as_str).filter(|name| !name.starts_with("grpc.reflection.")).chain([""])
        {
            assert!(servers::is_serving(&channel, name).await.unwrap(), "{name} of {service} is not SERVING");
        }
        assert_eq!(names.contains(FAULTS), service == Service::Shipping, "{FAULTS} on {service}");
        compare(service, &servers::ours(&channel).await.unwrap(), &contracts);
        served.extend(names);
    }
    let missing: Vec<_> = contracts.keys().filter(|name| !served.contains(*name)).collect();
    assert!(missing.is_empty(), "in proto/, but served nowhere: {missing:?}");
}

/// `grpcurl describe` asks for all that is listed, and fails at the first that is not known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listed_service_can_be_described() {
    let mut shop = Shop::new(&[]).unwrap();
    shop.start(Service::Catalog).await.unwrap();
    let channel = shop.channel(Service::Catalog);
    let names = servers::list_v1(&channel).await.unwrap();
    let described = servers::described(&channel, &names).await.unwrap();
    assert_eq!(described.len(), names.len());
}

fn compare(service: Service, listing: &Listing, contracts: &Listing) {
    for (name, rpcs) in listing {
        assert_eq!(contracts.get(name), Some(rpcs), "{name} of {service} is not what proto/ says");
    }
    let own = format!("madang.{service}.v1.");
    let expected = contracts.keys().filter(|name| name.starts_with(&own));
    for name in expected {
        assert!(listing.contains_key(name), "{service} does not list {name}");
    }
}
