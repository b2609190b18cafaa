use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::wanted::Hosts;
use super::*;
use crate::cluster::fake;

const FOLDER: &str = "/api/v1/namespaces/madang/secrets";

/// An API server that keeps Secrets.
fn server(mut there: BTreeMap<String, Value>) -> (Api<Secret>, fake::Asked) {
    let (client, asked) = fake::client(move |line, body| match line.split_once(' ').unwrap() {
        ("GET", path) => there.get(path).map_or_else(fake::missing, |secret| (200, secret.clone())),
        ("POST", FOLDER) => {
            let name = body["metadata"]["name"].as_str().unwrap().to_owned();
            match there.insert(format!("{FOLDER}/{name}"), body.clone()) {
                None => (201, body.clone()),
                Some(_) => fake::refusal(409, "AlreadyExists"),
            }
        }
        _ => fake::refusal(405, "MethodNotAllowed"),
    });
    (Api::namespaced(client, "madang"), asked)
}

fn password() -> Result<String> {
    Ok("secret".to_owned())
}

#[tokio::test]
async fn what_is_missing_is_made_once() {
    let (api, asked) = server(BTreeMap::new());
    let wanted = Wanted::all(&Hosts::new());
    let first = ensure(&api, &wanted, password).await.unwrap();
    assert!(first.len() == 7 && first.iter().all(|it| it.found == Found::Created), "{first:?}");
    let second = ensure(&api, &wanted, password).await.unwrap();
    assert!(second.iter().all(|it| it.found == Found::There), "{second:?}");
    let writes = asked.lock().unwrap().iter().filter(|(line, _)| !line.starts_with("GET")).count();
    assert_eq!(writes, 7);
}

#[tokio::test]
async fn two_at_once_agree_on_the_first() {
    let theirs = Wanted::Nats.object(|| Ok("theirs".to_owned())).unwrap();
    let theirs = serde_json::to_value(theirs).unwrap();
    let mut gets = 0;
    let (client, _) = fake::client(move |line, _| {
        gets += usize::from(line.starts_with("GET"));
        match line.starts_with("POST") {
            true => fake::refusal(409, "AlreadyExists"),
            false if gets == 1 => fake::missing(),
            false => (200, theirs.clone()),
        }
    });
    let outcomes = ensure(&Api::namespaced(client, "madang"), &[Wanted::Nats], password).await.unwrap();
    assert_eq!(outcomes, [Outcome { name: "nats-users".into(), found: Found::There }]);
}

#[tokio::test]
async fn one_that_lacks_keys_is_told_and_left_as_it_is() {
    let name = format!("{FOLDER}/orders-database");
    let ours = json!({ "app.kubernetes.io/part-of": "madang", "app.kubernetes.io/managed-by": "madang-cluster-secrets" });
    let metadata = json!({ "name": "orders-database", "labels": ours });
    let secret = json!({ "metadata": metadata, "data": { "password": "c2VjcmV0" } });
    let (api, asked) = server(BTreeMap::from([(name, secret)]));
    let error = ensure(&api, &Wanted::all(&Hosts::new()), password).await.unwrap_err().to_string();
    assert!(error.starts_with("Secret orders-database is there but lacks admin-password, url;"), "{error}");
    assert!(
        !asked.lock().unwrap().iter().any(|(line, body)| {
            !line.starts_with("GET") && body["metadata"]["name"] == "orders-database"
        })
    );
}

#[tokio::test]
async fn a_refusal_names_the_secret() {
    let (client, _) = fake::client(|_, _| fake::refusal(403, "Forbidden"));
    let refused = ensure(&Api::namespaced(client, "madang"), &[Wanted::Nats], password).await;
    let error = format!("{:#}", refused.unwrap_err());
    assert!(error.starts_with("cannot read Secret nats-users: ") && error.contains("Forbidden"), "{error}");
}
