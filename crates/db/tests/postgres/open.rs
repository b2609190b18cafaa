//! How a database on PostgreSQL is refused: each reason has its own words, and none shows the password.

use std::error::Error as _;
use std::net::TcpListener;

use madang_db::{Config, Db, Migrations, OpenError};

use crate::{at_once, config, database, owner};
use madang_db::testing::{OnPostgres, ask};

const V1: (&str, &str) = ("V1__init", "CREATE TABLE a (id BIGINT)");
const V2: (&str, &str) = ("V2__more", "CREATE TABLE b (id BIGINT)");

/// The error and its causes, which never hold the password.
pub(crate) async fn refused(config: &Config, migrations: Vec<Migrations>) -> (OpenError, String) {
    let error = Db::open(config, migrations).await.expect_err("it must be refused");
    let mut all = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        all = format!("{all}: {inner}");
        cause = inner.source();
    }
    assert!(!format!("{all} {error:?} {config:?}").contains("secret"), "{all}");
    (error, all)
}

/// The same database, otherwise reached.
fn other(database: &OnPostgres, login: &str) -> Config {
    config(&database.url().replace("//madang:madang@", &format!("//{login}@")))
}

#[tokio::test]
async fn wrong_credentials_are_named() {
    let database = database!("wrong_credentials_are_named");
    for login in ["madang:secret", "nobody:secret", "madang"] {
        let (error, all) = refused(&other(&database, login), vec![]).await;
        if login == "madang" {
            // The client itself sees that a password is asked for and none is set.
            assert!(all.contains("password missing"), "{all}");
        }
        assert!(matches!(error, OpenError::Credentials { .. }), "{login}: {all}");
        assert!(all.contains("refuses the user or the password"), "{all}");
    }
}

#[tokio::test]
async fn a_missing_database_is_named() {
    let database = database!("a_missing_database_is_named");
    let url = database.url().replace(database.name(), "madang_no_such");
    let (error, all) = refused(&config(&url), vec![]).await;
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{all}");
    assert!(all.contains("madang_no_such does not exist: create the database"), "{all}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for host in [format!("127.0.0.1:{port}"), "no-such-host.invalid:5432".into()] {
        let config = at_once(config(&format!("postgres://u:secret@{host}/n")));
        let (error, all) = refused(&config, vec![]).await;
        assert!(matches!(error, OpenError::Unreachable { .. }), "{all}");
        assert!(all.contains(&format!("cannot reach postgres://u@{host}/n: ")), "{all}");
    }
}

#[tokio::test]
async fn too_many_connections_are_named_and_waited_for() {
    let database = database!("too_many_connections_are_named_and_waited_for");
    let name = database.name();
    database.ask(&format!("CREATE ROLE {name} LOGIN PASSWORD 'secret' CONNECTION LIMIT 1"));
    let config = other(&database, &format!("{name}:secret"));
    let (error, all) = refused(&at_once(config.clone()), vec![]).await;
    assert!(matches!(error, OpenError::TooManyConnections { .. }), "{all}");
    assert!(all.contains("lower --database-connections"), "{all}");

    // Those of others may end: that is waited for.
    let more = format!("ALTER ROLE {name} CONNECTION LIMIT 9");
    let (opened, _) = tokio::join!(Db::open(&config, vec![]), async { database.ask(&more) });
    drop(opened.unwrap());
    database.ask(&format!("DROP ROLE {name}"));
}

#[tokio::test]
async fn a_database_that_keeps_text_otherwise_is_refused() {
    let database = database!("a_database_that_keeps_text_otherwise_is_refused");
    let other = format!("{}_text", database.name());
    let url = format!("{}_text", database.url());
    for kind in ["ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en'", "ENCODING 'LATIN1' LOCALE 'C'"] {
        database.ask(&format!("CREATE DATABASE {other} TEMPLATE template0 {kind}"));
        let (error, all) = refused(&config(&url), vec![owner("a_history", &[V1])]).await;
        assert!(matches!(error, OpenError::Locale { .. }), "{kind}: {all}");
        assert!(all.contains("ENCODING 'UTF8' LC_COLLATE 'C'"), "{all}");
        assert_eq!(ask(&url, "SELECT to_regclass('a') IS NULL"), ["t"], "nothing was made in it");
        database.ask(&format!("DROP DATABASE {other} WITH (FORCE)"));
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_an_older_one_migrated() {
    let database = database!("a_newer_schema_is_refused_and_an_older_one_migrated");
    let config = database.config();
    drop(Db::open(&config, vec![owner("a_history", &[V1])]).await.unwrap());
    drop(Db::open(&config, vec![owner("a_history", &[V1, V2])]).await.unwrap());
    assert!(database.ask("SELECT id FROM b").is_empty(), "it is there");
    let (error, all) = refused(&config, vec![owner("a_history", &[V1])]).await;
    assert!(matches!(error, OpenError::NewerSchema { table: "a_history", found: 2, known: 1 }), "{all}");
    assert!(all.contains("start a newer build"), "{all}");
}

#[tokio::test]
async fn each_owner_has_a_history_of_its_own() {
    let database = database!("each_owner_has_a_history_of_its_own");
    let both = || vec![owner("service_history", &[V1]), owner("events_history", &[("V1__other", V2.1)])];
    drop(Db::open(&database.config(), both()).await.unwrap());
    drop(Db::open(&database.config(), both()).await.unwrap());
    assert!(database.ask("SELECT 1 FROM a, b").is_empty(), "both are there");
}

#[tokio::test]
async fn a_migration_that_was_changed_or_fails_is_refused_and_leaves_nothing() {
    let database = database!("a_migration_that_was_changed_or_fails_is_refused_and_leaves_nothing");
    let config = database.config();
    drop(Db::open(&config, vec![owner("a_history", &[V1])]).await.unwrap());
    let (error, all) = refused(&config, vec![owner("a_history", &[(V1.0, V2.1)])]).await;
    assert!(matches!(error, OpenError::Migration { .. }), "{all}");
    let broken = ("V2__broken", "CREATE TABLE b (id BIGINT); CREATE TABLE a (id BIGINT)");
    let (error, all) = refused(&config, vec![owner("a_history", &[V1, broken])]).await;
    assert!(matches!(error, OpenError::Migration { .. }), "{all}");
    drop(Db::open(&config, vec![owner("a_history", &[V1, V2])]).await.unwrap());
}
