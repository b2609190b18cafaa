//! A producer and a consumer, each with a database of its own, and what a test asks of them.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use madang_api::events::v1::OrderConfirmed;
use madang_api::events::v1::cursor_service_client::CursorServiceClient;
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::{Cursor, DeadLetter, ListCursorsRequest, ListDeadLettersRequest};
use madang_chassis::testing::TestClock;
use madang_chassis::{Client, Network, Platform, Server, ServerArgs, Service};
use madang_db::testing::{Fresh, OnPostgres};
use madang_db::{Config, Db, Kind, Migrations, Tx, params};
use madang_events::{
    Consumers, ConsumersConfig, Handler, NewEvent, Outbox, OutboxConfig, Source, Subscription,
};
use refinery::Migration;
use tempfile::TempDir;

pub(crate) use crate::recorder::{FOR_EVER, Fault, Recorder};

pub(crate) const PRODUCER: &str = "orders";

const EFFECTS: &str = "
    CREATE TABLE effects (place BIGINT PRIMARY KEY, position BIGINT NOT NULL, event_key TEXT NOT NULL);
    CREATE TABLE given_up (position BIGINT PRIMARY KEY, reason TEXT NOT NULL);
    CREATE TABLE aggregates (event_key TEXT PRIMARY KEY, version BIGINT NOT NULL);
    INSERT INTO aggregates (event_key, version) VALUES ('a', 1), ('b', 1);";

/// A database of its own.
pub(crate) struct Store {
    pub(crate) db: Db,
    _home: Home,
}

#[expect(dead_code, reason = "held, and gone with the store")]
enum Home {
    Folder(TempDir),
    Fresh(Fresh),
    /// Several stores are over it.
    Shared,
}

impl Store {
    /// On the calling task, for a paused clock.
    pub(crate) fn inline() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::sqlite(folder.path().join("events.db"));
        Self { db: Db::inline(&config, migrations(), 1).unwrap(), _home: Home::Folder(folder) }
    }

    /// On threads of its own, as a service has it: SQLite or PostgreSQL, as the environment says.
    pub(crate) async fn threads() -> Self {
        let fresh = Fresh::new();
        Self { db: fresh.open(migrations()).await, _home: Home::Fresh(fresh) }
    }
}

impl Store {
    /// One of several handles on one database, as replicas have.
    pub(crate) async fn replica(database: &OnPostgres) -> Self {
        Self { db: database.open(migrations()).await, _home: Home::Shared }
    }
}

fn migrations() -> Vec<Migrations> {
    let effects = Migration::unapplied("V1__effects", EFFECTS).unwrap();
    let runner = refinery::Runner::new(&[effects]);
    vec![Migrations { table: "effects_schema_history", runner }, madang_events::migrations()]
}

pub(crate) fn platform(name: &'static str, network: &Network) -> Platform {
    let mut platform = Platform::test(Service { name, version: "0", port: 1 });
    platform.clock = Arc::new(TestClock::following_tokio());
    platform.connector = network.connector();
    platform
}

/// A service that publishes.
pub(crate) struct Producer {
    pub(crate) store: Store,
    pub(crate) platform: Platform,
    pub(crate) outbox: Outbox,
}

impl Producer {
    pub(crate) fn start(network: &Network, store: Store) -> Self {
        Self::start_with(network, store, &OutboxConfig::default())
    }

    pub(crate) fn start_with(network: &Network, store: Store, config: &OutboxConfig) -> Self {
        let platform = platform(PRODUCER, network);
        let outbox = Outbox::start(&store.db, &platform, config);
        let server = Server::new(&platform, &ServerArgs::default()).add_service(outbox.feed());
        let listener = network.listen(PRODUCER);
        platform.tasks.spawn("server", async move { server.serve(listener).await.unwrap() });
        Self { store, platform, outbox }
    }

    /// Publishes an event of each key, all in one transaction.
    pub(crate) async fn publish(&self, keys: &[&str]) {
        let events: Vec<_> = keys.iter().map(|key| self.event(key)).collect();
        publish(&self.store.db, events).await;
    }

    pub(crate) fn event(&self, key: &str) -> NewEvent {
        let payload = OrderConfirmed { order_id: key.into(), customer_id: "mina".into(), total: None };
        NewEvent::new(self.platform.ids.uuid(), key, self.platform.clock.now(), &payload)
    }

    pub(crate) async fn stamped(&self, position: i64) {
        self.outbox.last_position().wait_for(|last| *last >= position).await.unwrap();
    }

    /// Ends it; its database can be used again.
    pub(crate) async fn stop(self) -> Store {
        self.platform.shutdown.begin();
        assert!(self.platform.tasks.wait(Duration::from_secs(30)).await);
        self.store
    }
}

pub(crate) async fn publish(db: &Db, events: Vec<NewEvent>) {
    let write = move |tx: &mut Tx<'_>| events.iter().try_for_each(|event| madang_events::publish(tx, event));
    db.write::<_, madang_db::Error, _>(Kind::Request, write).await.unwrap();
}

/// A service that consumes, with the operators' services behind a real server.
pub(crate) struct Consumer {
    pub(crate) store: Store,
    pub(crate) platform: Platform,
    pub(crate) recorder: Arc<Recorder>,
    network: Network,
}

impl Consumer {
    pub(crate) fn start(network: &Network, source: impl Source, recorder: Recorder) -> Self {
        Self::start_on(Store::inline(), network, source, recorder)
    }

    pub(crate) fn start_on(store: Store, network: &Network, source: impl Source, recorder: Recorder) -> Self {
        let recorder = Arc::new(recorder);
        let handler = Arc::clone(&recorder) as Arc<dyn Handler>;
        let subscription = Subscription { producer: PRODUCER, source: Arc::new(source), handler };
        let platform = platform("payments", network);
        let config = ConsumersConfig::default();
        let consumers = Consumers::start(&store.db, &platform, vec![subscription], &config);
        let server = Server::new(&platform, &ServerArgs::default())
            .add_service(consumers.dead_letters())
            .add_service(consumers.cursors());
        let listener = network.listen("payments");
        platform.tasks.spawn("server", async move { server.serve(listener).await.unwrap() });
        Self { store, platform, recorder, network: network.clone() }
    }

    /// The positions that took effect, in the order they did.
    pub(crate) async fn effects(&self) -> Vec<i64> {
        effects(&self.store.db).await.into_iter().map(|(position, _)| position).collect()
    }

    async fn position(&self) -> i64 {
        let read = |tx: &mut Tx<'_>| {
            let row =
                tx.query_opt("SELECT position FROM events_cursors WHERE producer = $1", &params![PRODUCER])?;
            row.map_or(Ok(0), |row| row.get(0))
        };
        self.store.db.read::<_, madang_db::Error, _>(read).await.unwrap()
    }

    pub(crate) fn dead_letter_client(&self) -> DeadLetterServiceClient<Client> {
        DeadLetterServiceClient::new(client(&self.network, "payments"))
    }

    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetter> {
        let request = ListDeadLettersRequest::default();
        self.dead_letter_client().list_dead_letters(request).await.unwrap().into_inner().dead_letters
    }

    /// The producer's cursor.
    pub(crate) async fn cursor(&self) -> Cursor {
        let mut client = CursorServiceClient::new(client(&self.network, "payments"));
        let answer = client.list_cursors(ListCursorsRequest {}).await.unwrap();
        answer.into_inner().cursors.pop().unwrap_or_default()
    }

    /// Waits until the cursor stands there.
    pub(crate) async fn reaches(&self, position: i64) {
        until(async || self.position().await >= position).await;
    }

    pub(crate) async fn stop(self) -> Store {
        self.platform.shutdown.begin();
        assert!(self.platform.tasks.wait(Duration::from_secs(30)).await);
        self.store
    }
}

/// Looks again, with pauses of up to 50 ms on the (mostly paused) clock, until it is so; ten minutes at most.
pub(crate) async fn until(mut so: impl AsyncFnMut() -> bool) {
    let wait = async {
        let mut pause = Duration::from_millis(1);
        while !so().await {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    };
    tokio::time::timeout(Duration::from_secs(600), wait).await.expect("it came to be");
}

pub(crate) async fn effects(db: &Db) -> Vec<(i64, String)> {
    let read = |tx: &mut Tx<'_>| {
        let rows = tx.query("SELECT position, event_key FROM effects ORDER BY place", &[])?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    };
    db.read::<_, madang_db::Error, _>(read).await.unwrap()
}

pub(crate) async fn given_up(db: &Db) -> Vec<(i64, String)> {
    let read = |tx: &mut Tx<'_>| {
        let rows = tx.query("SELECT position, reason FROM given_up ORDER BY position", &[])?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    };
    db.read::<_, madang_db::Error, _>(read).await.unwrap()
}

pub(crate) fn client(network: &Network, host: &'static str) -> Client {
    let uri = Uri::builder().scheme("http").authority(host).path_and_query("/").build().unwrap();
    Client::new(uri, &platform("test", network))
}

pub(crate) fn feed_client(network: &Network) -> EventFeedServiceClient<Client> {
    EventFeedServiceClient::new(client(network, PRODUCER))
}
