//! NetworkPolicies as Kubernetes defines them: what selects a pod adds up, and a pod that none selects is open.

use std::fmt::{self, Display, Formatter};
use std::net::Ipv4Addr;

use serde_json::{Map, Value};

use super::Node;
use crate::charts::NAMESPACE;
use crate::object::{Labels, Object, labels, list, text, texts};

/// A port of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Port {
    is_udp: bool,
    number: u16,
}

impl Port {
    pub(super) fn tcp(number: u16) -> Self {
        Self { is_udp: false, number }
    }

    pub(super) fn udp(number: u16) -> Self {
        Self { is_udp: true, number }
    }

    fn of(value: &Value) -> Self {
        only(value, &["protocol", "port"]);
        let number = value["port"].as_u64().and_then(|number| u16::try_from(number).ok());
        let number = number.unwrap_or_else(|| panic!("{value} is no number"));
        Self { is_udp: text(value, "/protocol") == "UDP", number }
    }
}

impl Display for Port {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.is_udp { "UDP" } else { "TCP" }, self.number)
    }
}

/// Who is meant at the other end.
#[derive(Debug)]
enum Peer {
    /// Pods with these labels, in namespaces with those; in the policy's own where none are said.
    Pods(Option<Labels>, Labels),
    /// Addresses of a network.
    Block(Ipv4Addr, u32),
}

/// One rule: none of something means all of it.
#[derive(Debug)]
struct Rule {
    peers: Option<Vec<Peer>>,
    ports: Option<Vec<Port>>,
}

/// A NetworkPolicy of the shop's namespace; a direction that it says nothing of is none.
#[derive(Debug)]
pub(super) struct Policy {
    selector: Labels,
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

impl Policy {
    /// Reads a policy; what is said in a form unknown here ends the test.
    pub(super) fn of(object: &Object) -> Self {
        let spec = object.at("/spec");
        only(spec, &["podSelector", "policyTypes", "ingress", "egress"]);
        let types = texts(spec, "/policyTypes");
        let direction = |kind: &str, key: &str, peers: &str| {
            let rules = list(spec, &format!("/{key}")).iter().map(|rule| Rule::of(rule, peers));
            types.iter().any(|found| found == kind).then(|| rules.collect())
        };
        Self {
            selector: selector(&spec["podSelector"]),
            ingress: direction("Ingress", "ingress", "from"),
            egress: direction("Egress", "egress", "to"),
        }
    }

    /// The ports that it names.
    pub(super) fn ports(&self) -> Vec<Port> {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        rules.flat_map(|rule| rule.ports.iter().flatten().copied()).collect()
    }

    fn selects(&self, node: &Node) -> bool {
        node.namespace.as_deref() == Some(NAMESPACE) && fits(&self.selector, &node.labels)
    }
}

impl Rule {
    fn of(rule: &Value, peers: &str) -> Self {
        only(rule, &[peers, "ports"]);
        let list = |key: &str| rule[key].as_array().filter(|list| !list.is_empty());
        Self {
            peers: list(peers).map(|list| list.iter().map(Peer::of).collect()),
            ports: list("ports").map(|list| list.iter().map(Port::of).collect()),
        }
    }

    fn allows(&self, other: &Node, port: Port) -> bool {
        let peer = self.peers.as_ref().is_none_or(|peers| peers.iter().any(|peer| peer.is(other)));
        peer && self.ports.as_ref().is_none_or(|ports| ports.contains(&port))
    }
}

impl Peer {
    fn of(peer: &Value) -> Self {
        only(peer, &["podSelector", "namespaceSelector", "ipBlock"]);
        if let Some(block) = peer.get("ipBlock") {
            only(block, &["cidr"]);
            let (network, bits) = text(block, "/cidr").split_once('/').unwrap();
            return Self::Block(network.parse().unwrap(), bits.parse().unwrap());
        }
        Self::Pods(peer.get("namespaceSelector").map(selector), selector(&peer["podSelector"]))
    }

    fn is(&self, node: &Node) -> bool {
        match self {
            Self::Pods(namespaces, pods) => node.namespace.as_deref().is_some_and(|namespace| {
                let name = Labels::from([("kubernetes.io/metadata.name".to_owned(), namespace.to_owned())]);
                let there = namespaces.as_ref().map_or(namespace == NAMESPACE, |wanted| fits(wanted, &name));
                there && fits(pods, &node.labels)
            }),
            Self::Block(network, bits) => {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                u32::from(node.address) & mask == u32::from(*network) & mask
            }
        }
    }
}

/// Whether a connection can be opened: both ends must let it.
pub(super) fn allows(policies: &[Policy], from: &Node, to: &Node, port: Port) -> bool {
    let out = rules(policies, from, |policy| policy.egress.as_ref());
    let into = rules(policies, to, |policy| policy.ingress.as_ref());
    let lets = |rules: Option<Vec<&Rule>>, other: &Node| {
        rules.is_none_or(|rules| rules.iter().any(|rule| rule.allows(other, port)))
    };
    lets(out, to) && lets(into, from)
}

/// The rules of one direction that hold for a node; none where no policy is about it.
fn rules<'a>(
    policies: &'a [Policy],
    node: &Node,
    direction: impl Fn(&'a Policy) -> Option<&'a Vec<Rule>>,
) -> Option<Vec<&'a Rule>> {
    let about: Vec<_> = policies.iter().filter(|policy| policy.selects(node)).filter_map(direction).collect();
    (!about.is_empty()).then(|| about.into_iter().flatten().collect())
}

fn fits(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn selector(value: &Value) -> Labels {
    only(value, &["matchLabels"]);
    labels(value, "/matchLabels")
}

/// Ends the test where something is said that is not looked at here.
#[track_caller]
fn only(value: &Value, keys: &[&str]) {
    let none = Map::new();
    let unknown: Vec<_> =
        value.as_object().unwrap_or(&none).keys().filter(|key| !keys.contains(&key.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?} is not looked at");
}
