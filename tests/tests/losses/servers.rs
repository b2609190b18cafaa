//! kill -9 of the servers below the shop: PostgreSQL, all its processes, and nats-server. No service is started again.

use madang_tests::Shop;
use madang_tests::backends::{Backends, Database, skipped};
use madang_tests::load::{Behaviour, Load, UNLIMITED};
use madang_tests::random;

use crate::{counted, is_long};

const BETWEEN: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_order_is_lost_while_postgres_and_nats_are_killed() {
    let run = Backends::of_this_run().unwrap();
    if run.database == Database::Sqlite {
        return skipped("no_acknowledged_order_is_lost_while_postgres_and_nats_are_killed", "needs servers");
    }
    let rounds = if is_long() { 20 } else { 3 };
    // One of its own, which it may kill.
    let backends = Backends { database: Database::OwnPostgres, ..run };
    let mut shop = Shop::open_on(backends, UNLIMITED).await.unwrap();
    let load = Load::start(&shop, Behaviour::moody(random::seed())).await.unwrap();
    for _ in 0..rounds {
        load.progress(BETWEEN).await.unwrap();
        if let Some(nats) = shop.nats() {
            nats.kill_nine().unwrap();
            // Nothing waits for it.
            load.progress(BETWEEN).await.unwrap();
        }
        let postgres = shop.postgres().unwrap();
        postgres.kill_nine().await.unwrap();
        postgres.start().unwrap();
        load.progress(BETWEEN).await.unwrap();
        if let Some(nats) = shop.nats() {
            nats.start().await.unwrap();
        }
    }
    load.progress(BETWEEN).await.unwrap();
    let outcome = load.settle(&shop).await.unwrap();
    assert_eq!(shop.ended(), [""; 0], "no service ends because a server does");
    counted("servers", &format!("PostgreSQL and NATS were killed {rounds} times each: {outcome}"));
}
