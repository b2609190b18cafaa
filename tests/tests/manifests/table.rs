//! The policy table of helm/library/templates/_table.tpl: who may call what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// What may be done with a call that failed; the first word of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Changes nothing.
    Read,
    /// A repeat has no second effect.
    Write,
    /// Goes on for long.
    Stream,
    /// Nobody in the mesh calls it.
    Operator,
}

/// A row: an RPC's kind and who may call it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) callers: Vec<String>,
}

impl TryFrom<Vec<String>> for Row {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        let (kind, callers) = words.split_first().ok_or("a row is empty")?;
        let kind = serde_json::from_value(Value::String(kind.clone())).map_err(|error| error.to_string())?;
        Ok(Self { kind, callers: callers.to_vec() })
    }
}

/// The rows of a service of Kubernetes, by gRPC service and RPC.
pub(crate) type Rows = BTreeMap<String, BTreeMap<String, Row>>;

/// A service of Kubernetes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) port: u16,
    #[serde(default)]
    pub(crate) http: bool,
    #[serde(default)]
    pub(crate) database: bool,
    #[serde(default)]
    pub(crate) publishes: bool,
    #[serde(default)]
    pub(crate) consumes: BTreeSet<String>,
    #[serde(default)]
    pub(crate) rpcs: Rows,
}

/// One call that may be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) caller: String,
    pub(crate) callee: String,
    /// `/package.Service/Rpc`.
    pub(crate) path: String,
}

/// All of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// What stands there.
    pub(crate) table: BTreeMap<String, Entry>,
    /// The same with what follows: feeds, dead letters, cursors, faults, health, reflection.
    pub(crate) entries: BTreeMap<String, Entry>,
    /// The values of a service where nobody says otherwise.
    pub(crate) defaults: Value,
}

impl Table {
    /// Every call that may be made between services and by the tester.
    pub(crate) fn cells(&self) -> BTreeSet<Cell> {
        let rows = self.entries.iter().flat_map(|(callee, entry)| {
            rows(&entry.rpcs).map(move |(service, rpc, row)| (callee, format!("/{service}/{rpc}"), row))
        });
        rows.flat_map(|(callee, path, row)| {
            let callers = row.callers.iter();
            callers.map(move |caller| Cell {
                caller: caller.clone(),
                callee: callee.clone(),
                path: path.clone(),
            })
        })
        .collect()
    }
}

/// Every row, with its gRPC service and RPC.
pub(crate) fn rows(rpcs: &Rows) -> impl Iterator<Item = (&str, &str, &Row)> {
    rpcs.iter()
        .flat_map(|(service, rpcs)| rpcs.iter().map(move |(rpc, row)| (service.as_str(), rpc.as_str(), row)))
}
