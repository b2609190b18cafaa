//! Who may call what, as the mesh is told it, against the policy table.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::charts::NAMESPACE;
use crate::object::{Object, broken, list, of_kind, texts, without};
use crate::of_charts;
use crate::table::Table;
use crate::variants::{self, Nats, PLAIN, Variant};

const ANY: &str = "*";

/// One thing that a policy allows: on which workload, who, at which port, by which method, on which path.
type Allowed = [String; 5];

fn allowed(workload: &str, who: &str, port: u16, (method, path): (&str, &str)) -> Allowed {
    let who = if who == ANY { who.to_owned() } else { format!("cluster.local/ns/{NAMESPACE}/sa/{who}") };
    [workload.to_owned(), who, port.to_string(), method.to_owned(), path.to_owned()]
}

/// What should be allowed.
fn expected(table: &Table, variant: &Variant) -> BTreeSet<Allowed> {
    let port = |name: &str| table.table[name].port;
    let mut all: BTreeSet<Allowed> = table
        .cells()
        .iter()
        .map(|cell| allowed(&cell.callee, &cell.caller, port(&cell.callee), ("POST", &cell.path)))
        .collect();
    all.insert(allowed("gateway", "edge-istio", port("gateway"), (ANY, ANY)));
    all.extend([8080, 9090].map(|port| allowed("edge", ANY, port, (ANY, ANY))));
    for (name, entry) in &table.table {
        let admin =
            ["/info", "/readyz"].map(|path| allowed(name, "console", entry.port + 100, ("GET", path)));
        all.extend(admin);
        if let Some(server) = variant.postgres(name, entry) {
            all.insert(allowed(&server, name, 5432, (ANY, ANY)));
        }
    }
    if variant.nats == Nats::Own {
        all.extend(variant.with_events(table).iter().map(|name| allowed("nats", name, 4222, (ANY, ANY))));
    }
    all
}

/// What the policies say; what is said in a form unknown here is wrong.
fn said(objects: &[Object], wrong: &mut Vec<String>) -> BTreeSet<Allowed> {
    let mut all = BTreeSet::new();
    for policy in of_kind(objects, "AuthorizationPolicy").filter(|policy| policy.name() != "deny-by-default")
    {
        let Some(workload) = workload(policy) else {
            wrong.push(format!("{} selects {}", policy.title(), policy.at("/spec/selector")));
            continue;
        };
        if policy.at("/spec/action") != "ALLOW" {
            wrong.push(format!("{} does {}", policy.title(), policy.at("/spec/action")));
        }
        for rule in list(&policy.0, "/spec/rules") {
            wrong.extend(unknown(rule).into_iter().map(|key| format!("{} has {key}", policy.title())));
            all.extend(each(&workload, rule));
        }
    }
    all
}

/// Whose policy it is: a service's by its name alone, or the edge's, which is a Gateway.
fn workload(policy: &Object) -> Option<String> {
    let edge = json!([{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}]);
    match (policy.at("/spec/targetRefs"), policy.at("/spec/selector")) {
        (refs, Value::Null) => (*refs == edge).then(|| "edge".to_owned()),
        (Value::Null, selector) => {
            let name = selector["matchLabels"]["app.kubernetes.io/name"].as_str()?;
            (*selector == json!({"matchLabels": {"app.kubernetes.io/name": name}})).then(|| name.to_owned())
        }
        _ => None,
    }
}

/// Parts of a rule that narrow or widen it in a way that is not looked at here.
fn unknown(rule: &Value) -> Vec<String> {
    let known = ["from", "to", "source", "operation", "principals", "ports", "methods", "paths"];
    let mut keys = Vec::new();
    let mut open = vec![rule];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                keys.extend(map.keys().filter(|key| !known.contains(&key.as_str())).cloned());
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    keys
}

/// Every combination that a rule allows.
fn each(workload: &str, rule: &Value) -> BTreeSet<Allowed> {
    let or_any = |found: Vec<String>| if found.is_empty() { vec![ANY.to_owned()] } else { found };
    let sources = list(rule, "/from").iter().flat_map(|from| texts(from, "/source/principals")).collect();
    let mut all = BTreeSet::new();
    for who in or_any(sources) {
        for to in list(rule, "/to") {
            let part = |name: &str| or_any(texts(to, &format!("/operation/{name}")));
            for port in part("ports") {
                for method in part("methods") {
                    let paths = part("paths").into_iter();
                    all.extend(
                        paths.map(|path| {
                            [workload.to_owned(), who.clone(), port.clone(), method.clone(), path]
                        }),
                    );
                }
            }
        }
    }
    all
}

/// What is allowed and should not be, or should be and is not.
fn wrong(objects: &[Object], table: &Table, variant: &Variant) -> Vec<String> {
    let mut wrong = Vec::new();
    let said = said(objects, &mut wrong);
    let expected = expected(table, variant);
    wrong.extend(
        said.difference(&expected).map(|more| format!("allowed, and should not be: {}", more.join(" "))),
    );
    wrong.extend(
        expected.difference(&said).map(|less| format!("not allowed, and should be: {}", less.join(" "))),
    );
    let denies = of_kind(objects, "AuthorizationPolicy").any(|policy| *policy.at("/spec") == json!({}));
    if !denies {
        wrong.push("nothing is denied by default".to_owned());
    }
    let strict = of_kind(objects, "PeerAuthentication");
    if strict.map(|object| object.at("/spec")).ne([&json!({"mtls": {"mode": "STRICT"}})]) {
        wrong.push("plaintext is not refused".to_owned());
    }
    wrong
}

#[test]
fn exactly_the_cells_of_the_table_are_allowed_in_every_form_of_the_shop() {
    crate::none(&variants::wrong(of_charts!(), wrong));
}

#[test]
fn a_policy_that_says_more_or_less_than_the_table_is_told() {
    let charts = of_charts!();
    let (table, shop) = (charts.table(), charts.shop(&[]));
    let broken = |name: &str, path: &str, value: Value| {
        wrong(&broken(&shop, ("AuthorizationPolicy", name), path, value), &table, &PLAIN)
    };
    let operation = "/spec/rules/0/to/0/operation";
    crate::told(
        &broken("orders", &format!("{operation}/methods"), Value::Null),
        "allowed, and should not be: orders",
    );
    let paths = format!("{operation}/paths/-");
    let audit = json!("/madang.orders.v1.OrdersOperatorService/AuditOrders");
    crate::told(&broken("orders", &paths, audit), "AuditOrders");
    crate::told(
        &broken("orders", &format!("{operation}/paths/0"), json!("/x")),
        "not allowed, and should be: orders",
    );
    let principals = "/spec/rules/0/from/0/source/principals/-";
    crate::told(
        &broken("orders-postgres", principals, json!("cluster.local/ns/madang/sa/catalog")),
        "orders-postgres",
    );
    crate::told(&broken("nats", "/spec/rules/0/when", json!([])), "has when");
    crate::told(&broken("nats", "/spec/selector", Value::Null), "selects");
    crate::told(&broken("edge", "/spec/targetRefs/0/name", json!("other")), "selects");
    crate::told(&broken("edge", "/spec/action", json!("AUDIT")), "does \"AUDIT\"");
    crate::told(&broken("deny-by-default", "/spec", json!({"rules": [{}]})), "nothing is denied by default");
    let open = without(&shop, "PeerAuthentication", "default");
    crate::told(&wrong(&open, &table, &PLAIN), "plaintext is not refused");
}
