//! What each service may do at NATS and at PostgreSQL, as their settings say it.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::{Object, of_kind, one, text};
use crate::of_charts;
use crate::table::{Entry, Table};
use crate::variants::{self, Nats, Variant};

/// What a user of NATS may publish to; requests of JetStream's API are publications as well.
type Users = BTreeMap<String, BTreeSet<String>>;

/// The users of a nats.conf, each of one line with a name and lists of subjects.
fn users(config: &str) -> Users {
    let users = config.split("{ user: ").skip(1).map(|user| {
        let name = user.split(',').next().unwrap_or_default();
        let publish =
            user.split_once("publish: [").and_then(|(_, rest)| rest.split_once(']')).map_or("", |it| it.0);
        let subjects = publish.split('"').skip(1).step_by(2).map(str::to_owned);
        (name.to_owned(), subjects.collect())
    });
    users.collect()
}

/// What a service should be let publish to: its own subjects, and requests about its own stream and those it reads.
fn wanted(name: &str, entry: &Entry) -> BTreeSet<String> {
    let stream = |name: &str| format!("MADANG_{}", name.to_uppercase());
    let mut subjects = BTreeSet::from(["$JS.API.INFO".to_owned()]);
    if entry.publishes {
        subjects.insert(format!("madang.{name}.>"));
        subjects.extend(
            ["STREAM.CREATE", "STREAM.INFO", "STREAM.MSG.GET"]
                .map(|it| format!("$JS.API.{it}.{}", stream(name))),
        );
    }
    for producer in &entry.consumes {
        let stream = stream(producer);
        subjects.extend(
            ["STREAM.INFO", "STREAM.MSG.GET", "CONSUMER.CREATE"].map(|it| format!("$JS.API.{it}.{stream}")),
        );
        subjects.extend(["CREATE", "INFO", "DELETE"].map(|it| format!("$JS.API.CONSUMER.{it}.{stream}.>")));
        subjects.insert(format!("$JS.FC.{stream}.>"));
    }
    subjects
}

/// Users of NATS who may do more or less than their service does.
fn wrong_users(objects: &[Object], table: &Table, variant: &Variant) -> Vec<String> {
    if variant.nats != Nats::Own {
        return Vec::new();
    }
    let config = text(&one(objects, "ConfigMap", "nats").0, "/data/nats.conf").to_owned();
    let mut wrong = Vec::new();
    let wanted: Users = variant
        .with_events(table)
        .into_iter()
        .map(|name| (name.to_owned(), wanted(name, &table.table[name])))
        .collect();
    let found = users(&config);
    for name in wanted.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let (wanted, found) = (wanted.get(name), found.get(name));
        if wanted != found {
            wrong.push(format!("{name} may publish to {found:?}, not {wanted:?}"));
        }
        if !config.contains(&format!("password: ${}_PASSWORD", name.to_uppercase())) {
            wrong.push(format!("the password of {name} is not from the environment"));
        }
    }
    let inboxes = config.matches("subscribe: [\"_INBOX.>\"]").count();
    if inboxes != found.len() {
        wrong.push("somebody hears more than their own answers".to_owned());
    }
    wrong
}

/// PostgreSQL servers that have other databases than those of their services, or let anybody into them.
fn wrong_databases(objects: &[Object], table: &Table, variant: &Variant) -> Vec<String> {
    let mut wrong = Vec::new();
    for server in of_kind(objects, "StatefulSet").map(Object::name).filter(|name| *name != "nats") {
        let sql = text(&one(objects, "ConfigMap", server).0, "/data/databases.sql");
        let users = table
            .table
            .iter()
            .filter(|(name, entry)| variant.postgres(name, entry).as_deref() == Some(server));
        let mut wanted: Vec<String> = Vec::new();
        for (name, _) in users {
            wanted.extend([
                format!("\\getenv password {}_PASSWORD", name.to_uppercase()),
                format!("CREATE ROLE {name} LOGIN PASSWORD :'password';"),
                format!("CREATE DATABASE {name} OWNER {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';"),
                format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC;"),
            ]);
        }
        wanted.push("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;".to_owned());
        let found: Vec<&str> = sql.lines().filter(|line| !line.trim().is_empty()).collect();
        if found != wanted {
            wrong.push(format!("{server} begins with {found:?}, not {wanted:?}"));
        }
    }
    wrong
}

#[test]
fn a_user_of_nats_publishes_its_own_subjects_and_reads_the_streams_that_its_service_consumes() {
    crate::none(&variants::wrong(of_charts!(), wrong_users));
}

#[test]
fn a_database_is_its_services_own_and_nobody_elses() {
    crate::none(&variants::wrong(of_charts!(), wrong_databases));
}

#[test]
fn a_user_or_a_database_that_is_open_to_others_is_told() {
    let charts = of_charts!();
    let table = charts.table();
    let rendered = charts.text("madang", &[]).unwrap();
    let with = |from: &str, to: &str| {
        assert!(rendered.contains(from), "{from}");
        Object::parse(&rendered.replacen(from, to, 1)).unwrap()
    };
    let users = |from: &str, to: &str| wrong_users(&with(from, to), &table, &variants::PLAIN);
    crate::told(&users("\"madang.orders.>\"", "\"madang.>\""), "orders may publish to");
    crate::told(
        &users("$JS.API.STREAM.INFO.MADANG_ORDERS", "$JS.API.STREAM.PURGE.MADANG_ORDERS"),
        "may publish to",
    );
    crate::told(&users("subscribe: [\"_INBOX.>\"]", "subscribe: [\">\"]"), "hears more");
    crate::told(&users("$ORDERS_PASSWORD", "secret"), "the password of orders");
    let open = with("REVOKE ALL ON DATABASE orders FROM PUBLIC;", "");
    crate::told(&wrong_databases(&open, &table, &variants::PLAIN), "orders-postgres begins with");
}
