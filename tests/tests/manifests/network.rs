//! Who can open a connection to whom: the rendered NetworkPolicies, evaluated at both ends as Kubernetes defines them, against
//! one list of what is needed.

mod needed;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use madang_tests::tidy;
use serde_json::json;

use crate::charts::NAMESPACE;
use crate::object::{Labels, Object, broken, labels, of_kind, one, without};
use crate::of_charts;
use crate::table::Table;
use crate::variants::{self, PLAIN, Variant};
use policy::{Policy, Port};

/// Somebody with an address: a pod, or a server outside of the cluster.
#[derive(Debug, Clone)]
struct Node {
    name: String,
    /// None for who is no pod.
    namespace: Option<String>,
    labels: Labels,
    address: Ipv4Addr,
}

/// One connection that can be opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    from: String,
    to: String,
    port: Port,
}

/// Pods of other namespaces, by their labels: some are not of our making, and a made-up one that nobody knows.
const ELSEWHERE: [(&str, &str, &str, &str); 3] = [
    ("kube-dns", "kube-system", "k8s-app", "kube-dns"),
    ("prometheus", "observability", "app.kubernetes.io/name", "prometheus"),
    ("elsewhere", "default", "app.kubernetes.io/name", "orders"),
];
/// Servers outside of the cluster.
const OUTSIDE: [(&str, Ipv4Addr); 3] = [
    ("db.example.com", Ipv4Addr::new(192, 0, 2, 7)),
    ("nats.example.com", Ipv4Addr::new(192, 0, 2, 8)),
    ("world", Ipv4Addr::new(198, 51, 100, 1)),
];
/// Ports that nobody should reach, though something may listen there.
const OTHERS: [u16; 8] = [1, 22, 8222, 4318, 15000, 15017, 15021, 15090];

/// The platform's pods that the shop speaks to: name, namespace, labels.
static PLATFORM: LazyLock<[(String, String, Labels); 2]> = LazyLock::new(|| {
    ["istiod", "jaeger"].map(|name| {
        let text = fs::read_to_string(tidy::root().join(format!("k8s/platform/{name}.yaml"))).unwrap();
        let platform = Object::parse(&text).unwrap();
        let deployment = one(&platform, "Deployment", name);
        let namespace = deployment.at("/metadata/namespace").as_str().unwrap().to_owned();
        (name.to_owned(), namespace, labels(deployment.pod().unwrap(), "/metadata/labels"))
    })
});

/// All who may meet: the rendered pods, the platform's, the edge, strangers here and elsewhere, servers outside.
fn nodes(objects: &[Object]) -> Vec<Node> {
    let label = |key: &str, value: &str| Labels::from([(key.to_owned(), value.to_owned())]);
    let mut pods: Vec<(String, String, Labels)> = Vec::new();
    for (object, pod) in objects.iter().filter_map(|object| Some((object, object.pod()?))) {
        let name = match object.kind() {
            "Job" => "secrets",
            "Pod" => "tester",
            _ => object.name(),
        };
        pods.push((name.to_owned(), NAMESPACE.to_owned(), labels(pod, "/metadata/labels")));
    }
    // Istio makes the edge's pods; these labels are its own and those that the Gateway asks for.
    let mut edge = labels(&one(objects, "Gateway", "edge").0, "/spec/infrastructure/labels");
    edge.extend(label("gateway.networking.k8s.io/gateway-name", "edge"));
    pods.push(("edge".to_owned(), NAMESPACE.to_owned(), edge));
    pods.push(("stranger".to_owned(), NAMESPACE.to_owned(), label("app", "stranger")));
    for (name, namespace, key, value) in ELSEWHERE {
        pods.push((name.to_owned(), namespace.to_owned(), label(key, value)));
    }
    pods.extend(PLATFORM.iter().cloned());
    let pods = pods.into_iter().zip(1..).map(|((name, namespace, labels), number)| Node {
        name,
        namespace: Some(namespace),
        labels,
        address: Ipv4Addr::new(10, 244, 0, number),
    });
    let outside = OUTSIDE.map(|(name, address)| Node {
        name: name.to_owned(),
        namespace: None,
        labels: Labels::new(),
        address,
    });
    pods.chain(outside).collect()
}

/// Every connection that the policies of a rendering let be opened, from or to a pod of the shop.
fn allowed(objects: &[Object]) -> BTreeSet<Flow> {
    let policies: Vec<Policy> = of_kind(objects, "NetworkPolicy").map(Policy::of).collect();
    let nodes = nodes(objects);
    let mut ports: BTreeSet<Port> = policies.iter().flat_map(Policy::ports).collect();
    ports.extend(OTHERS.map(Port::tcp));
    ports.insert(Port::udp(15012));
    let is_ours = |node: &Node| node.namespace.as_deref() == Some(NAMESPACE);
    let mut flows = BTreeSet::new();
    for from in &nodes {
        for to in nodes.iter().filter(|to| to.name != from.name && (is_ours(from) || is_ours(to))) {
            let open = ports.iter().filter(|port| policy::allows(&policies, from, to, **port));
            flows.extend(open.map(|port| Flow { from: from.name.clone(), to: to.name.clone(), port: *port }));
        }
    }
    flows
}

/// Connections that can be opened and are not needed, or are needed and cannot be.
fn wrong(objects: &[Object], _: &Table, variant: &Variant) -> Vec<String> {
    let (allowed, needed) = (allowed(objects), needed::flows(variant));
    let told = |flow: &Flow| format!("{} -> {} {}", flow.from, flow.to, flow.port);
    let more =
        allowed.difference(&needed).map(|flow| format!("can be opened, and is not needed: {}", told(flow)));
    let less =
        needed.difference(&allowed).map(|flow| format!("is needed, and cannot be opened: {}", told(flow)));
    more.chain(less).collect()
}

#[test]
fn not_one_connection_more_or_less_than_needed_can_be_opened_in_every_form_of_the_shop() {
    let charts = of_charts!();
    crate::none(&variants::wrong(charts, wrong));
    let count = allowed(&charts.shop(&[])).len();
    println!("{count} connections between pods can be opened");
    assert!(count > 100, "{count}");
}

#[test]
fn the_table_and_the_list_of_needed_connections_agree() {
    let table = of_charts!().table();
    let needed = needed::flows(&PLAIN);
    let ports: BTreeMap<&String, u16> = table.table.iter().map(|(name, entry)| (name, entry.port)).collect();
    let lacking = table.cells().into_iter().filter(|cell| {
        !needed.contains(&Flow {
            from: cell.caller.clone(),
            to: cell.callee.clone(),
            port: Port::tcp(ports[&cell.callee]),
        })
    });
    crate::none(&lacking.map(|cell| format!("{} -> {}", cell.caller, cell.callee)).collect::<Vec<_>>());
}

#[test]
fn a_connection_that_is_opened_or_lost_by_a_change_is_told() {
    let charts = of_charts!();
    let (table, shop) = (charts.table(), charts.shop(&[]));
    let with = |name: &str, path: &str, value: serde_json::Value| {
        wrong(&broken(&shop, ("NetworkPolicy", name), path, value), &table, &PLAIN)
    };
    let dns = with("catalog", "/spec/egress/0/ports/0/port", json!(5353));
    crate::told(&dns, "cannot be opened: catalog -> kube-dns UDP 53");
    let open = with("orders", "/spec/ingress/0/from", serde_json::Value::Null);
    crate::told(&open, "is not needed: elsewhere -> orders TCP 50055");
    let anybody = json!({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "orders"}}});
    crate::told(&with("payments", "/spec/ingress/0/from/-", anybody), "elsewhere -> payments TCP 50053");
    let block = json!([{"ipBlock": {"cidr": "198.51.100.0/24"}}]);
    crate::told(
        &with("catalog", "/spec/egress/1/to", block.clone()),
        "is not needed: catalog -> world TCP 15012",
    );
    crate::told(
        &with("catalog", "/spec/egress/1/to", block),
        "cannot be opened: catalog -> istiod TCP 15012",
    );
    let types = with("console", "/spec/policyTypes", json!(["Ingress"]));
    crate::told(&types, "cannot be opened: console -> orders TCP 50155");
    let undenied = without(&shop, "NetworkPolicy", "deny-by-default");
    crate::told(&wrong(&undenied, &table, &PLAIN), "is not needed: stranger -> world");
}
