//! The policy table against the contracts and the code.

use std::collections::{BTreeMap, BTreeSet};

use madang_api::json::descriptors;
use madang_tests::tidy::{self, code::code};

use crate::of_charts;
use crate::table::{Cell, Entry, Kind, Table, rows};

/// What the gateway's HTTP API asks beyond what its gRPC door passes.
const HTTP_ALONE: &str = "/madang.inventory.v1.InventoryService/";

/// RPCs by their paths, with whether they stream; `package` begins the names of their services.
fn contracts(package: &str) -> BTreeMap<String, bool> {
    let services = descriptors().services().filter(|service| service.full_name().starts_with(package));
    let rpcs = services.flat_map(|service| {
        let path = format!("/{}/", service.full_name());
        service
            .methods()
            .map(move |rpc| {
                (format!("{path}{}", rpc.name()), rpc.is_server_streaming() || rpc.is_client_streaming())
            })
            .collect::<Vec<_>>()
    });
    rpcs.collect()
}

fn paths(entry: &Entry) -> BTreeSet<String> {
    rows(&entry.rpcs).map(|(service, rpc, _)| format!("/{service}/{rpc}")).collect()
}

/// The gRPC services that a service should have rows of.
fn packages(name: &str, entry: &Entry) -> Vec<String> {
    let mut packages = vec![format!("madang.{name}.v1.")];
    if entry.publishes {
        packages.push("madang.events.v1.EventFeedService".to_owned());
    }
    if !entry.consumes.is_empty() {
        packages
            .extend(["DeadLetterService", "CursorService"].map(|name| format!("madang.events.v1.{name}")));
    }
    if !entry.http {
        packages.push("madang.faults.v1.".to_owned());
    }
    packages
}

/// RPCs without a row, rows without an RPC.
fn missing_or_unknown(table: &Table) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, entry) in &table.entries {
        let expected: BTreeSet<String> =
            packages(name, entry).iter().flat_map(|package| contracts(package).into_keys()).collect();
        let own: BTreeSet<String> =
            paths(entry).into_iter().filter(|path| path.starts_with("/madang.")).collect();
        wrong.extend(expected.difference(&own).map(|path| format!("{name} has no row for {path}")));
        wrong.extend(
            own.difference(&expected).map(|path| format!("{name} has a row for {path}, which it has not")),
        );
        seen.extend(own);
    }
    let all = contracts("madang.").into_keys();
    wrong.extend(all.filter(|path| !seen.contains(path)).map(|path| format!("nobody has a row for {path}")));
    wrong
}

/// Rows whose kind is not what the contract says.
fn wrong_kinds(table: &Table) -> Vec<String> {
    let mut streams = contracts("");
    streams.extend(
        ["", "alpha"]
            .map(|v| (format!("/grpc.reflection.v1{v}.ServerReflection/ServerReflectionInfo"), true)),
    );
    streams.extend(
        [("Check", false), ("Watch", true)].map(|(rpc, is)| (format!("/grpc.health.v1.Health/{rpc}"), is)),
    );
    let all = table.entries.values().flat_map(|entry| rows(&entry.rpcs));
    let mut wrong = Vec::new();
    for (service, rpc, row) in all {
        let path = format!("/{service}/{rpc}");
        if (row.kind == Kind::Operator) != row.callers.is_empty() {
            wrong.push(format!("{path} is {:?}, and called by {:?}", row.kind, row.callers));
        }
        if row.kind != Kind::Operator && (row.kind == Kind::Stream) != (streams.get(&path) == Some(&true)) {
            wrong.push(format!("{path} is {:?}", row.kind));
        }
        if matches!(row.kind, Kind::Read | Kind::Write) && (row.kind == Kind::Write) != has_key(service, rpc)
        {
            wrong.push(format!("{path} is {:?}, and its request has a key or has none", row.kind));
        }
    }
    wrong
}

/// Whether a request carries what makes a repeat have no second effect.
fn has_key(service: &str, rpc: &str) -> bool {
    let Some(service) = descriptors().get_service_by_name(service) else { return false };
    let request = service.methods().find(|method| method.name() == rpc).map(|method| method.input());
    // GetOrder's order_id says which one is read; a step's says which order it belongs to.
    let reads = ["Get", "List", "Watch", "Quote"].iter().any(|verb| rpc.starts_with(verb));
    request.is_some_and(|request| {
        !reads && ["request_id", "order_id"].iter().any(|field| request.get_field_by_name(field).is_some())
    })
}

/// The RPCs that the gateway's source says it passes.
fn passed(source: &str) -> BTreeSet<String> {
    let constant = source.split_once("const PASSED").and_then(|(_, rest)| rest.split_once("];\n")).unwrap().0;
    let mut service = "";
    let mut paths = BTreeSet::new();
    for word in constant.split('"').skip(1).step_by(2) {
        match word.contains('.') {
            true => service = word,
            false => drop(paths.insert(format!("/{service}/{word}"))),
        }
    }
    paths
}

/// Where the gateway's cells are not what it passes and what its HTTP API asks.
fn wrong_at_the_edge(table: &Table, passed: &BTreeSet<String>) -> Vec<String> {
    let cells = table.cells().into_iter().filter(|cell| cell.caller == "gateway").map(|cell| cell.path);
    let cells: BTreeSet<String> = cells.filter(|path| !path.starts_with(HTTP_ALONE)).collect();
    let unused =
        cells.difference(passed).map(|path| format!("the gateway may call {path}, and passes it not"));
    let denied =
        passed.difference(&cells).map(|path| format!("the gateway passes {path}, and may not call it"));
    unused.chain(denied).collect()
}

/// A service's sources, without comments and texts.
fn sources(service: &str) -> String {
    let files = tidy::files(&tidy::root(), &[&format!("services/{service}/src")], "rs").unwrap();
    files.iter().map(|file| code(&file.text)).collect()
}

/// `reserve_stock` of ReserveStock, as tonic's clients name it.
fn snake(rpc: &str) -> String {
    let parts = rpc.chars().map(|c| match c.is_uppercase() {
        true => format!("_{}", c.to_lowercase()),
        false => c.to_string(),
    });
    parts.collect::<String>().trim_start_matches('_').to_owned()
}

/// Cells that a service's code has no use for, and clients that have no cell.
fn wrong_callers(table: &Table, caller: &str, source: &str, passed: &BTreeSet<String>) -> Vec<String> {
    let cells = table.cells().into_iter().filter(|cell| cell.caller == caller);
    let cells: Vec<Cell> = cells.filter(|cell| !cell.path.contains("EventFeed")).collect();
    let service = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
    let made = |service: &str| {
        let short = service.rsplit('.').next().unwrap_or_default();
        source.contains(&format!("{short}Client::new"))
    };
    let called = |path: &str| {
        let rpc = path.rsplit('/').next().unwrap_or_default();
        source.contains(&format!(".{}(", snake(rpc)))
    };
    let mut wrong = Vec::new();
    for cell in &cells {
        let used = passed.contains(&cell.path) || called(&cell.path);
        if !used || !made(&service(&cell.path)) {
            wrong.push(format!("{caller} may call {}, and its code does not", cell.path));
        }
    }
    let clients: BTreeSet<String> = cells.iter().map(|cell| service(&cell.path)).collect();
    let grpc = descriptors().services().map(|service| service.full_name().to_owned());
    let unlisted = grpc.filter(|name| made(name) && !clients.contains(name));
    wrong.extend(unlisted.map(|name| format!("{caller} makes a client of {name}, and may not call it")));
    wrong
}

/// Producers that a service's source reads, and whether it publishes.
fn events(source: &str) -> (BTreeSet<String>, bool) {
    let read = source.split("events.from(\"").skip(1);
    let read = read.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
    (read, source.contains(".publish()"))
}

#[test]
fn the_table_names_every_rpc_of_the_contracts_once_and_no_other() {
    let table = of_charts!().table();
    crate::none(&missing_or_unknown(&table));
    let mut broken = table.clone();
    let orders =
        broken.entries.get_mut("orders").unwrap().rpcs.get_mut("madang.orders.v1.OrdersService").unwrap();
    let row = orders.remove("GetOrder").unwrap();
    orders.insert("FetchOrder".to_owned(), row);
    let wrong = missing_or_unknown(&broken);
    crate::told(&wrong, "no row for /madang.orders.v1.OrdersService/GetOrder");
    crate::told(&wrong, "a row for /madang.orders.v1.OrdersService/FetchOrder");
}

#[test]
fn no_row_stands_in_the_table_twice() {
    let text = std::fs::read_to_string(tidy::root().join("helm/library/templates/_table.tpl")).unwrap();
    let table = text.split("define \"madang.table\" -}}").nth(1).unwrap().split("{{- end").next().unwrap();
    // A key that is there twice is an error.
    let parsed: BTreeMap<String, Entry> = serde_saphyr::from_str(table).unwrap();
    assert!(parsed.len() >= 8, "only {} services were found", parsed.len());
    let twice = table.replace("      GetOrder:", "      GetOrder: [operator]\n      GetOrder:");
    assert!(serde_saphyr::from_str::<BTreeMap<String, Entry>>(&twice).is_err());
}

#[test]
fn a_stream_is_called_one_and_a_write_has_a_key() {
    let table = of_charts!().table();
    crate::none(&wrong_kinds(&table));
    let broken = |service: &str, rpc: &str, kind: Kind| {
        let mut broken = table.clone();
        for entry in broken.entries.values_mut() {
            if let Some(row) = entry.rpcs.get_mut(service).and_then(|rpcs| rpcs.get_mut(rpc)) {
                row.kind = kind;
            }
        }
        wrong_kinds(&broken)
    };
    crate::told(&broken("madang.orders.v1.OrdersService", "WatchOrder", Kind::Read), "WatchOrder is Read");
    crate::told(&broken("madang.orders.v1.OrdersService", "GetOrder", Kind::Stream), "GetOrder is Stream");
    crate::told(&broken("madang.orders.v1.OrdersService", "PlaceOrder", Kind::Read), "PlaceOrder is Read");
    crate::told(
        &broken("madang.orders.v1.OrdersService", "GetOrder", Kind::Operator),
        "called by [\"gateway\"]",
    );
}

#[test]
fn the_gateway_may_call_what_it_passes_and_nothing_else() {
    let table = of_charts!().table();
    let source = tidy::root().join("services/gateway/src/grpc/allowed.rs");
    let passed = passed(&std::fs::read_to_string(source).unwrap());
    assert!(passed.len() >= 11, "{passed:?}");
    crate::none(&wrong_at_the_edge(&table, &passed));
    let mut fewer = passed.clone();
    let one = fewer.pop_first().unwrap();
    crate::told(&wrong_at_the_edge(&table, &fewer), &format!("may call {one}"));
    let more = passed
        .into_iter()
        .chain(["/madang.orders.v1.OrdersOperatorService/AuditOrders".to_owned()])
        .collect();
    crate::told(&wrong_at_the_edge(&table, &more), "passes /madang.orders.v1.OrdersOperatorService");
}

#[test]
fn every_cell_is_called_by_its_callers_code_and_no_client_lacks_one() {
    let table = of_charts!().table();
    let allowed = std::fs::read_to_string(tidy::root().join("services/gateway/src/grpc/allowed.rs")).unwrap();
    let passed = passed(&allowed);
    for caller in table.table.keys() {
        let passed = if caller == "gateway" { passed.clone() } else { BTreeSet::new() };
        crate::none(&wrong_callers(&table, caller, &sources(caller), &passed));
    }
    let without = wrong_callers(&table, "orders", "", &BTreeSet::new());
    crate::told(&without, "ReserveStock, and its code does not");
    let client = "let x = OrdersServiceClient::new(y);";
    crate::told(
        &wrong_callers(&table, "catalog", client, &BTreeSet::new()),
        "catalog makes a client of madang.orders",
    );
}

#[test]
fn a_service_publishes_and_reads_what_its_code_does() {
    let table = of_charts!().table();
    for (name, entry) in &table.table {
        let source =
            std::fs::read_to_string(tidy::root().join(format!("services/{name}/src/lib.rs"))).unwrap();
        assert_eq!(events(&source), (entry.consumes.clone(), entry.publishes), "{name}");
    }
    let some = "let feed = events.publish(); events.consume(vec![events.from(\"orders\", url, Handler)])";
    assert_eq!(events(some), (BTreeSet::from(["orders".to_owned()]), true));
}
