use std::time::Duration;

use jiff::Timestamp;
use madang_chassis::Network;
use madang_db::{Db, Kind};
use madang_events::requests::{self, Error, Fingerprint, Request};
use madang_types::RequestId;
use uuid::Uuid;

use crate::world::{Store, platform, until};

const RPC: &str = "RestockStock";

fn id() -> RequestId {
    RequestId::new(Uuid::from_u128(7))
}

fn asked(fields: &[&str]) -> Fingerprint {
    let fields: Vec<_> = fields.iter().map(|field| field.as_bytes()).collect();
    Fingerprint::new(1, &fields)
}

async fn check(db: &Db, rpc: &'static str, fingerprint: Fingerprint) -> Result<Option<Vec<u8>>, Error> {
    db.read(move |tx| requests::check(tx, &Request { rpc, id: id(), fingerprint: &fingerprint })).await
}

async fn keep(db: &Db, fingerprint: Fingerprint, at: Timestamp) -> Result<(), madang_db::Error> {
    let keep = move |tx: &mut madang_db::Tx<'_>| {
        requests::keep(tx, &Request { rpc: RPC, id: id(), fingerprint: &fingerprint }, b"stock-1", at)
    };
    db.write(Kind::Request, keep).await
}

#[tokio::test]
async fn a_repeat_finds_what_the_first_call_made() {
    let store = Store::threads().await;
    assert_eq!(check(&store.db, RPC, asked(&["tea"])).await.unwrap(), None);
    keep(&store.db, asked(&["tea"]), Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(check(&store.db, RPC, asked(&["tea"])).await.unwrap().as_deref(), Some(&b"stock-1"[..]));
}

#[tokio::test]
async fn a_repeat_with_other_content_is_refused() {
    let store = Store::threads().await;
    keep(&store.db, asked(&["ab", "c"]), Timestamp::UNIX_EPOCH).await.unwrap();
    for other in [asked(&["a", "bc"]), asked(&["abc"]), asked(&[]), asked(&["ab", "c", ""])] {
        assert!(matches!(check(&store.db, RPC, other).await, Err(Error::Reused)));
    }
}

#[tokio::test]
async fn each_rpc_has_request_ids_of_its_own() {
    let store = Store::threads().await;
    keep(&store.db, asked(&["tea"]), Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(check(&store.db, "UpsertProduct", asked(&["jar"])).await.unwrap(), None);
}

#[tokio::test]
async fn a_fingerprint_is_compared_by_its_stored_version_and_an_unknown_one_counts_as_equal() {
    let store = Store::threads().await;
    keep(&store.db, asked(&["tea"]), Timestamp::UNIX_EPOCH).await.unwrap();
    let newer = asked(&["tea"]).and(2, &[b"tea", b"gift-wrapped"]);
    assert!(check(&store.db, RPC, newer).await.unwrap().is_some());
    let differs = asked(&["jar"]).and(2, &[b"jar", b"gift-wrapped"]);
    assert!(matches!(check(&store.db, RPC, differs).await, Err(Error::Reused)));
    let without_version_1 = Fingerprint::new(2, &[b"jar"]);
    assert!(check(&store.db, RPC, without_version_1).await.unwrap().is_some());
}

#[tokio::test]
async fn keeping_a_request_twice_is_a_conflict() {
    let store = Store::threads().await;
    keep(&store.db, asked(&["tea"]), Timestamp::UNIX_EPOCH).await.unwrap();
    let again = keep(&store.db, asked(&["tea"]), Timestamp::UNIX_EPOCH).await;
    assert!(matches!(again, Err(madang_db::Error::Conflict)));
}

#[tokio::test]
async fn what_is_older_than_a_moment_is_forgotten_and_what_is_not_stays() {
    let store = Store::threads().await;
    let moment = Timestamp::from_second(100).unwrap();
    keep(&store.db, asked(&["tea"]), moment).await.unwrap();
    let forget = async |before| store.db.write(Kind::Request, move |tx| requests::prune(tx, before)).await;
    assert_eq!(forget(moment).await.unwrap(), 0);
    assert!(check(&store.db, RPC, asked(&["tea"])).await.unwrap().is_some());
    assert_eq!(forget(Timestamp::from_second(101).unwrap()).await.unwrap(), 1);
    assert!(check(&store.db, RPC, asked(&["tea"])).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn requests_are_forgotten_after_seven_days() {
    let store = Store::inline();
    let platform = platform("inventory", &Network::new());
    keep(&store.db, asked(&["tea"]), platform.clock.now()).await.unwrap();
    requests::start_pruning(&store.db, &platform, requests::RETENTION, Duration::from_secs(60));
    let day = Duration::from_secs(24 * 60 * 60);
    tokio::time::sleep(day * 7 - Duration::from_secs(1)).await;
    assert!(check(&store.db, RPC, asked(&["tea"])).await.unwrap().is_some());
    until(async || check(&store.db, RPC, asked(&["tea"])).await.unwrap().is_none()).await;
}
