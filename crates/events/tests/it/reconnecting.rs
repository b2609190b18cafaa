use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use http::Uri;
use madang_chassis::{Client, Connector, Network};
use madang_events::{FeedSource, Source};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::script::{Script, Step, pauses};
use crate::world::{Consumer, PRODUCER, Producer, Recorder, Store, client, platform, until};

const KEYS: [&str; 6] = ["a", "b", "a", "c", "b", "a"];

#[tokio::test]
async fn a_break_in_the_middle_of_a_batch_loses_and_repeats_nothing() {
    let script = Script::new(&KEYS)
        .session(&[Step::Batch(vec![1, 2]), Step::Break])
        .session(&[Step::Batch(vec![2, 3, 4]), Step::Break])
        .session(&[Step::Batch(vec![3, 4, 5]), Step::End]);
    let consumer =
        Consumer::start_on(Store::threads().await, &Network::new(), script.clone(), Recorder::default());
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
    let after: Vec<_> = script.subscribed().into_iter().map(|(_, after)| after).collect();
    assert_eq!(after, [0, 2, 4, 5], "each subscription starts at the cursor");
}

#[tokio::test(start_paused = true)]
async fn a_clean_end_is_followed_at_once_and_an_end_without_events_not_in_a_loop() {
    let script = Script::new(&KEYS)
        .session(&[Step::Batch(vec![1, 2]), Step::End])
        .session(&[Step::End])
        .session(&[Step::End])
        .session(&[Step::Batch(vec![1]), Step::End]);
    let consumer = Consumer::start(&Network::new(), script.clone(), Recorder::default());
    consumer.reaches(6).await;
    let pauses = pauses(&script.subscribed());
    assert_eq!(pauses[..2], [Duration::ZERO; 2]);
    assert!(pauses[2..].iter().all(|pause| *pause >= Duration::from_millis(25)), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_is_down_is_asked_with_growing_pauses_up_to_two_seconds() {
    let script = Script::new(&KEYS);
    script.down(true);
    let consumer = Consumer::start(&Network::new(), script.clone(), Recorder::default());
    until(async || script.subscribed().len() >= 20).await;
    script.down(false);
    consumer.reaches(6).await;
    let pauses = pauses(&script.subscribed());
    assert!(pauses[0] >= Duration::from_millis(25) && pauses[0] <= Duration::from_millis(51));
    assert!(pauses[8..].iter().all(|pause| (1000..=2002).contains(&pause.as_millis())), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_waits_for_its_producer_and_follows_it_over_a_restart() {
    let network = Network::new();
    let source = FeedSource::new(client(&network, PRODUCER), &platform("payments", &network));
    let consumer = Consumer::start(&network, source, Recorder::default());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let producer = Producer::start(&network, Store::inline());
    producer.publish(&["a"]).await;
    consumer.reaches(1).await;
    let producer = Producer::start(&network, producer.stop().await);
    producer.publish(&["a"]).await;
    consumer.reaches(2).await;
    assert_eq!(consumer.effects().await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_subscription_outlives_every_deadline() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    let source = FeedSource::new(client(&network, PRODUCER), &platform("payments", &network));
    let mut batches = source.subscribe(0).await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_secs(3600), batches.next()).await;
    assert!(quiet.is_err(), "it neither ended nor failed");
    producer.publish(&["a"]).await;
    assert_eq!(batches.next().await.unwrap().unwrap()[0].position, 1);
}

/// A network whose connections can be made to go silent, as when the peer's machine is lost.
#[derive(Clone)]
struct Cable(Arc<Mutex<CancellationToken>>);

impl Cable {
    fn connector(&self, network: &Network, platform: &madang_chassis::Platform) -> Connector {
        let (cable, tasks) = (self.clone(), platform.tasks.clone());
        let below = network.connector();
        Connector::from_fn(move |uri: Uri| {
            let (cut, tasks) = (cable.0.lock().unwrap().clone(), tasks.clone());
            let dialed = tower_call(below.clone(), uri);
            async move {
                let mut far = dialed.await?.into_inner();
                let (near, mut middle) = tokio::io::duplex(64 * 1024);
                tasks.spawn("cable", async move {
                    tokio::select! {
                        _ended = tokio::io::copy_bidirectional(&mut middle, &mut far) => {}
                        // Nothing is carried any more, and nobody is told.
                        () = cut.cancelled() => std::future::pending().await,
                    }
                });
                Ok(near)
            }
        })
    }

    fn cut(&self) {
        std::mem::take(&mut *self.0.lock().unwrap()).cancel();
    }
}

async fn tower_call(
    mut connector: Connector,
    uri: Uri,
) -> std::io::Result<hyper_util::rt::TokioIo<Box<dyn madang_chassis::Io>>> {
    tower::Service::call(&mut connector, uri).await
}

#[tokio::test(start_paused = true)]
async fn a_dead_peer_is_noticed_within_half_a_minute() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    let cable = Cable(Arc::default());
    let mut platform = platform("payments", &network);
    platform.connector = cable.connector(&network, &platform);
    let client = Client::new(Uri::from_static("http://orders"), &platform);
    let consumer = Consumer::start(&network, FeedSource::new(client, &platform), Recorder::default());
    producer.publish(&["a"]).await;
    consumer.reaches(1).await;
    cable.cut();
    let before = Instant::now();
    producer.publish(&["a"]).await;
    consumer.reaches(2).await;
    assert!(before.elapsed() <= Duration::from_secs(30), "{:?}", before.elapsed());
}
