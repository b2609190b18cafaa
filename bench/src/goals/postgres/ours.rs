//! Orders' own transactions, without the calls around them: placed and confirmed.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use madang_db::{Config, Db, Kind, Tx};
use madang_events::publish;
use madang_events::requests::{self, Fingerprint, Request};
use madang_orders::domain::{Order, State};
use madang_orders::store::{self, Guarded};
use madang_types::{OrderId, RequestId};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::database::Database;
use super::{CONNECTIONS, Seen};
use crate::goals::made::{self, CARD, uuid};
use crate::process::own_cpu;

/// More than connections, so that none waits for a task.
const IN_FLIGHT: u16 = 2 * CONNECTIONS;
/// Times of different rounds and tasks are as far apart, in microseconds.
const ROUND: i64 = 1_000_000_000_000;

/// The executor over one side's database.
#[derive(Debug, Clone)]
pub(super) struct Ours {
    db: Db,
    order: Order,
    owner: Uuid,
    fingerprint: Fingerprint,
}

/// The statements of the two transactions.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) look_up: String,
    pub(super) insert: String,
    pub(super) keep: String,
    pub(super) publish: String,
    pub(super) update: String,
}

/// When a round begins, in microseconds since 1970: each row has a time of its own.
pub(super) fn begin(round: usize) -> Result<i64> {
    Ok(ROUND * (1_700 + i64::try_from(round)?))
}

impl Ours {
    pub(super) async fn open(database: &Database) -> Result<Self> {
        let mut config = Config::new(database.url.parse()?);
        config.connections = CONNECTIONS;
        let db = Db::open(&config, madang_orders::migrations()).await?;
        let fingerprint = Fingerprint::new(1, &[CARD.as_bytes()]);
        Ok(Self { db, order: made::order()?, owner: uuid(), fingerprint })
    }

    /// Orders for so long.
    pub(super) async fn load(&self, duration: Duration, round: usize) -> Result<Seen> {
        let (cpu, begun) = (own_cpu()?, Instant::now());
        let mut tasks = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            tasks.spawn(self.clone().order_until(begun + duration, begin(round)?));
        }
        let mut orders = 0;
        while let Some(done) = tasks.join_next().await {
            orders += done??;
        }
        let (seconds, cpu) = (begun.elapsed().as_secs_f64(), own_cpu()?.saturating_sub(cpu));
        Ok(Seen { orders, seconds, cpu: cpu.as_secs_f64() })
    }

    async fn order_until(self, end: Instant, begin: i64) -> Result<u64> {
        let mut orders = 0;
        for at in begin.. {
            if Instant::now() >= end {
                break;
            }
            let at = Timestamp::from_microsecond(at)?;
            let order = Order { id: OrderId::new(uuid()), created: at, updated: at, ..self.order.clone() };
            self.place(order.clone()).await?;
            self.confirm(order.moved(State::Confirmed, at)).await?;
            orders += 1;
        }
        Ok(orders)
    }

    async fn place(&self, order: Order) -> Result<()> {
        let (owner, fingerprint, id) = (self.owner, self.fingerprint.clone(), RequestId::new(uuid()));
        let event = made::placed(&order);
        let work = move |tx: &mut Tx<'_>| -> Result<(), requests::Error> {
            let request = Request { rpc: "PlaceOrder", id, fingerprint: &fingerprint };
            if requests::check(tx, &request)?.is_some() {
                return Err(requests::Error::Reused);
            }
            store::insert(tx, &order, owner)?;
            requests::keep(tx, &request, order.id.uuid().as_bytes(), order.created)?;
            Ok(publish(tx, &event)?)
        };
        Ok(self.db.write(Kind::OrderPath, work).await?)
    }

    async fn confirm(&self, order: Order) -> Result<()> {
        let event = made::confirmed(&order);
        let work = move |tx: &mut Tx<'_>| -> Result<Guarded, madang_db::Error> {
            let guarded = store::update(tx, &order)?;
            publish(tx, &event)?;
            Ok(guarded)
        };
        let guarded = self.db.write(Kind::OrderPath, work).await?;
        ensure!(guarded == Guarded::Held, "another writer was first");
        Ok(())
    }

    /// What one of its connections has prepared.
    pub(super) async fn statements(&self) -> Result<Statements> {
        let read = |tx: &mut Tx<'_>| {
            let rows = tx.query("SELECT statement FROM pg_prepared_statements LIMIT 100", &[])?;
            rows.iter().map(|row| row.get(0)).collect::<Result<Vec<String>, madang_db::Error>>()
        };
        let all = self.db.read(read).await?;
        let one = |words: &str| {
            let mut found = all.iter().filter(|sql| sql.contains(words));
            let sql = found.next().with_context(|| format!("no statement has {words}"))?;
            ensure!(found.next().is_none(), "more than one statement has {words}");
            Ok(sql.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        Ok(Statements {
            look_up: one("FROM events_requests")?,
            insert: one("INSERT INTO orders ")?,
            keep: one("INSERT INTO events_requests ")?,
            publish: one("INSERT INTO events_outbox ")?,
            update: one("UPDATE orders ")?,
        })
    }
}
