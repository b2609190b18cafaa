use madang_db::testing::OnPostgres;
use madang_db::{Config, Db, Dialect, Migrations};
use refinery::{Migration, Runner};
use tempfile::TempDir;

const SCHEMA: &str = "
    CREATE TABLE item (id BIGINT PRIMARY KEY, name TEXT, data BYTEA);
    CREATE TABLE part (item BIGINT REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED);";

/// Where a rule's database lives, and how it is opened, again and again.
pub(crate) trait Home {
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn open(&self) -> Db;
}

pub(crate) struct Threads(TempDir);

impl Default for Threads {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Home for Threads {
    async fn open(&self) -> Db {
        Db::open(&Config::sqlite(self.0.path().join("a.db")), migrations()).await.unwrap()
    }
}

pub(crate) struct Postgres(OnPostgres);

impl Postgres {
    /// `None` when there is no server: then the rule is told as skipped.
    pub(crate) fn for_rule(rule: &str) -> Option<Self> {
        OnPostgres::create(rule).map(Self)
    }
}

impl Home for Postgres {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn open(&self) -> Db {
        Db::open(&self.0.config(), migrations()).await.unwrap()
    }
}

pub(crate) struct Inline {
    folder: TempDir,
    seed: u64,
}

impl Inline {
    pub(crate) fn file(seed: u64) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), seed }
    }
}

impl Home for Inline {
    async fn open(&self) -> Db {
        Db::inline(&Config::sqlite(self.folder.path().join("a.db")), migrations(), self.seed).unwrap()
    }
}

/// The groups differ with the seed; the rule holds for each.
pub(crate) async fn for_seeds(rule: impl AsyncFn(u64)) {
    for seed in 0..8 {
        rule(seed).await;
    }
}

fn migrations() -> Vec<Migrations> {
    let runner = Runner::new(&[Migration::unapplied("V1__init", SCHEMA).unwrap()]);
    vec![Migrations { table: "test_history", runner }]
}
