//! How a database is opened, and how it is refused.
#![cfg(test)]

use std::fs;
use std::path::PathBuf;

use madang_db::{Config, Db, Kind, Migrations, OpenError, params};
use refinery::{Migration, Runner};
use tempfile::TempDir;

const V1: (&str, &str) = ("V1__init", "CREATE TABLE a (id BIGINT)");
const V2: (&str, &str) = ("V2__more", "CREATE TABLE b (id BIGINT)");

fn owner(table: &'static str, files: &[(&str, &str)]) -> Migrations {
    let files: Vec<_> = files.iter().map(|(name, sql)| Migration::unapplied(name, sql).unwrap()).collect();
    Migrations { table, runner: Runner::new(&files) }
}

fn home() -> (TempDir, Config, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/deep/a.db");
    (folder, Config::sqlite(&path), path)
}

async fn refused(config: &Config, migrations: Vec<Migrations>) -> OpenError {
    Db::open(config, migrations).await.expect_err("it must be refused")
}

#[tokio::test]
async fn a_missing_folder_is_made() {
    let (_folder, config, path) = home();
    let _db = Db::open(&config, vec![]).await.unwrap();
    assert!(path.exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = refused(&Config::sqlite(folder.path().join("file/a.db")), vec![]).await;
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
}

#[tokio::test]
async fn a_second_open_is_refused_until_the_first_is_closed() {
    let (_folder, config, _) = home();
    let db = Db::open(&config, vec![]).await.unwrap();
    let error = refused(&config, vec![]).await;
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another process uses the database"), "{error}");
    assert!(matches!(Db::inline(&config, vec![], 1), Err(OpenError::Locked { .. })), "in the simulation too");
    drop(db);
    let _db = Db::open(&config, vec![]).await.unwrap();
}

#[tokio::test]
async fn another_kind_of_file_is_refused_and_left_alone() {
    let (_folder, config, path) = home();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = "not a database, but long enough to have a header ".repeat(50);
    fs::write(&path, &text).unwrap();
    let error = refused(&config, vec![]).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(&Config::sqlite(folder.path()), vec![]).await;
    assert!(matches!(error, OpenError::Sqlite { .. }), "{error}");
}

#[tokio::test]
async fn the_inline_executor_has_no_postgresql() {
    let (_folder, mut config, _) = home();
    config.database = "postgres://user:secret@localhost/orders".parse().unwrap();
    assert!(matches!(Db::inline(&config, vec![], 1), Err(OpenError::NotInline)));
}

#[tokio::test]
async fn memory_is_for_simulations_only() {
    let config = Config::sqlite(":memory:");
    assert!(matches!(refused(&config, vec![]).await, OpenError::Url { .. }));
    let db = Db::inline(&config, vec![owner("a_history", &[V1])], 1).unwrap();
    let insert = db.write(Kind::Request, |tx| tx.execute("INSERT INTO a (id) VALUES ($1)", &params![1_i64]));
    assert_eq!(insert.await.unwrap(), 1);
}

#[tokio::test]
async fn each_owner_has_a_history_of_its_own() {
    let (_folder, config, _) = home();
    let both = || vec![owner("service_history", &[V1]), owner("events_history", &[("V1__other", V2.1)])];
    drop(Db::open(&config, both()).await.unwrap());
    drop(Db::open(&config, both()).await.unwrap());
    let grown = vec![owner("service_history", &[V1, ("V2__c", "CREATE TABLE c (id BIGINT)")])];
    let db = Db::open(&config, grown).await.unwrap();
    let tables = db.read(|tx| tx.query("SELECT 1 FROM a, b, c", &[])).await;
    assert!(tables.is_ok(), "{tables:?}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_folder, config, _) = home();
    drop(Db::open(&config, vec![owner("a_history", &[V1, V2])]).await.unwrap());
    let error = refused(&config, vec![owner("a_history", &[V1])]).await;
    assert!(matches!(error, OpenError::NewerSchema { table: "a_history", found: 2, known: 1 }), "{error:?}");
    assert!(error.to_string().contains("start a newer build"), "{error}");
}

#[tokio::test]
async fn a_migration_that_was_changed_later_is_refused() {
    let (_folder, config, _) = home();
    drop(Db::open(&config, vec![owner("a_history", &[V1])]).await.unwrap());
    let error = refused(&config, vec![owner("a_history", &[(V1.0, V2.1)])]).await;
    assert!(matches!(error, OpenError::Migration { .. }), "{error}");
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_of_its_set() {
    let (_folder, config, _) = home();
    let broken = ("V2__broken", "CREATE TABLE b (id BIGINT); CREATE TABLE a (id BIGINT)");
    let error = refused(&config, vec![owner("a_history", &[V1, broken])]).await;
    assert!(matches!(error, OpenError::Migration { .. }), "{error}");
    let _db = Db::open(&config, vec![owner("a_history", &[("V1__anew", V1.1), V2])]).await.unwrap();
}

#[tokio::test]
async fn nothing_stays_open_after_an_answer() {
    let (_folder, config, path) = home();
    let tables = "CREATE TABLE a (id BIGINT PRIMARY KEY);
        CREATE TABLE b (a BIGINT REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)";
    let db = Db::open(&config, vec![owner("a_history", &[("V1__init", tables)])]).await.unwrap();
    db.read(|tx| tx.query("SELECT id FROM a", &[])).await.unwrap();
    let orphan = db.write(Kind::Request, |tx| tx.execute("INSERT INTO b (a) VALUES (1)", &[])).await;
    assert!(orphan.is_err(), "its COMMIT fails");
    // Truncating the log needs it free of writers and readers.
    let other = rusqlite::Connection::open(path).unwrap();
    let busy: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}
