//! Following a customer's notifications, and the process around it.

use std::num::NonZeroU16;
use std::time::Duration;

use jiff::SignedDuration;
use madang_api::convert::moment;
use madang_api::error;
use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::notifications::v1::{ListNotificationsRequest, Notification, WatchNotificationsResponse};
use madang_chassis::{Client, Listener, Platform, ServerArgs};
use madang_db::Kind;
use madang_db::testing::Fresh;
use madang_events::NewEvent;
use madang_notifications::{SERVICE, app, domain, migrations};
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use crate::shop::{Shop, config, confirmed, order, refusal};

type Told = Streaming<WatchNotificationsResponse>;

async fn next(told: &mut Told) -> Result<Option<Notification>, Status> {
    Ok(told.message().await?.map(|answer| answer.notification.unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_watcher_is_told_each_new_notification_of_its_customer() {
    let mut shop = Shop::open();
    let mut watchers = [shop.watch("mina").await.unwrap(), shop.watch("mina").await.unwrap()];
    for (n, customer) in [(1, "mina"), (2, "jun"), (3, "mina")] {
        shop.publish("orders", &order(n), &confirmed(&order(n), customer)).await;
    }
    let mut listed = shop.of("mina").await;
    listed.reverse();
    for told in &mut watchers {
        for expected in &listed {
            assert_eq!(next(told).await.unwrap().as_ref(), Some(expected));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_is_told_at_once() {
    let mut shop = Shop::open();
    let mut told = shop.watch("mina").await.unwrap();
    shop.publish("orders", &order(1), &confirmed(&order(1), "mina")).await;
    let created = next(&mut told).await.unwrap().unwrap().create_time.and_then(moment).unwrap();
    assert!(shop.now().duration_since(created) < SignedDuration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn a_watcher_is_not_told_what_was_before() {
    let mut shop = Shop::open();
    shop.publish("orders", &order(1), &confirmed(&order(1), "mina")).await;
    // Virtual time: the teller has looked by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut told = shop.watch("mina").await.unwrap();
    shop.publish("orders", &order(2), &confirmed(&order(2), "mina")).await;
    assert_eq!(next(&mut told).await.unwrap().unwrap().order_id, order(2));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_is_let_go() {
    let mut shop = Shop::open();
    let mut told = shop.watch("mina").await.unwrap();
    let sent: u64 = 2_000;
    for batch in 0..sent / 250 {
        let orders = (0..250).map(|n| order(batch * 250 + n));
        let event = |order: String| {
            NewEvent::new(shop.platform.ids.uuid(), order.as_str(), shop.now(), &confirmed(&order, "mina"))
        };
        let events = orders.map(event).collect();
        shop.publish_all("orders", events).await;
    }
    let mut got = 0;
    let ended = loop {
        match next(&mut told).await {
            Ok(told) => assert_eq!(told.unwrap().order_id, order(got), "in order and without a gap"),
            Err(status) => break status,
        }
        got += 1;
    };
    assert_eq!(
        (ended.code(), error::reason(&ended).as_deref()),
        (Code::ResourceExhausted, Some("OVERLOADED"))
    );
    assert!(error::retry_after(&ended).is_some());
    assert!(got < sent, "{got}");
}

#[tokio::test(start_paused = true)]
async fn a_watcher_is_sent_elsewhere_when_the_server_ends() {
    let mut shop = Shop::open();
    let mut told = shop.watch("mina").await.unwrap();
    shop.platform.shutdown.begin();
    assert_eq!(refusal(next(&mut told).await), (Code::Unavailable, "SHUTTING_DOWN".to_owned()));
    assert!(shop.platform.tasks.wait(Duration::from_secs(20)).await, "nothing is left behind");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_leaves_its_place() {
    let server = ServerArgs { max_streams: NonZeroU16::new(1).unwrap(), ..ServerArgs::default() };
    let mut shop = Shop::with(server);
    let first = shop.watch("mina").await.unwrap();
    assert_eq!(refusal(shop.watch("mina").await), (Code::ResourceExhausted, "OVERLOADED".to_owned()));
    drop(first);
    while shop.watch("mina").await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The service as its process runs it, on a port that the system chose and a database that stays; its producers are down.
async fn start(fresh: &Fresh) -> (Platform, NotificationsServiceClient<Client>) {
    let platform = Platform::system(SERVICE);
    let config = config(ServerArgs::default(), fresh.config());
    let listener = Listener::bind(config.server.listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    let own = platform.clone();
    platform.tasks.spawn("notifications", async move {
        Box::pin(madang_notifications::run(config, listener, own)).await.unwrap();
    });
    let client = Client::new(format!("http://{address}").parse().unwrap(), &Platform::system(SERVICE));
    (platform, NotificationsServiceClient::new(client))
}

#[tokio::test]
async fn what_was_told_survives_the_process() {
    let fresh = Fresh::new();
    let db = fresh.open(migrations()).await;
    let news = domain::News::PaymentOutstanding;
    let told = domain::Notification {
        id: Uuid::from_u128(1),
        customer: "mina".parse().unwrap(),
        order: order(1).parse().unwrap(),
        kind: news.kind(),
        text: news.text(),
        created: jiff::Timestamp::UNIX_EPOCH,
    };
    db.write(Kind::Cursor, move |tx| app::tell(tx, &told)).await.unwrap();
    drop(db);
    for _ in 0..2 {
        let (platform, mut notifications) = start(&fresh).await;
        let request = ListNotificationsRequest { customer_id: "mina".into(), ..Default::default() };
        let listed = notifications.list_notifications(request).await.unwrap().into_inner().notifications;
        assert_eq!(listed.len(), 1);
        platform.shutdown.begin();
        assert!(platform.tasks.wait(Duration::from_secs(20)).await);
    }
}
