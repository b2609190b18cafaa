//! kill -9 of random processes under load.

use madang_tests::load::{Behaviour, Load, UNLIMITED};
use madang_tests::random::{self, Random};
use madang_tests::{Service, Shop};

use crate::{counted, is_long};

/// Orders that are acknowledged between two kills, so that each hits a shop at work.
const BETWEEN: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_order_is_lost_while_random_processes_are_killed() {
    let kills = if is_long() { 100 } else { 20 };
    let seed = random::seed();
    counted("kills", &format!("seed {seed} (MADANG_TEST_SEED)"));
    let mut random = Random::new(seed, 1_000);
    let mut shop = Shop::open_with(UNLIMITED).await.unwrap();
    let load = Load::start(&shop, Behaviour::moody(seed)).await.unwrap();
    let mut killed = 0;
    while killed < kills {
        load.progress(BETWEEN).await.unwrap();
        let victim = *random.one_of(&Service::ALL);
        // Now and then a second one dies before the first is back.
        let second = *random.one_of(&Service::ALL);
        shop.kill_nine(victim).unwrap();
        killed += 1;
        if second != victim && random.percent(25) {
            shop.kill_nine(second).unwrap();
            killed += 1;
            shop.start(second).await.unwrap();
        }
        shop.start(victim).await.unwrap();
    }
    load.progress(BETWEEN).await.unwrap();
    let outcome = load.settle(&shop).await.unwrap();
    assert_eq!(shop.ended(), [""; 0]);
    counted("kills", &format!("{killed} random processes were killed: {outcome}"));
}

/// The control: where orders forgets what it had answered, the same check says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_order_that_is_lost_is_noticed() {
    let mut shop = Shop::open_with(UNLIMITED).await.unwrap();
    shop.stop(Service::Orders).await.unwrap();
    shop.back_up(Service::Orders).unwrap();
    shop.start(Service::Orders).await.unwrap();
    let load = Load::start(&shop, Behaviour::moody(random::seed())).await.unwrap();
    load.progress(BETWEEN).await.unwrap();
    shop.stop(Service::Orders).await.unwrap();
    shop.restore(Service::Orders).unwrap();
    shop.start(Service::Orders).await.unwrap();
    let noticed = load.settle(&shop).await.unwrap_err().to_string();
    assert!(noticed.contains("acknowledged orders are lost"), "{noticed}");
}
