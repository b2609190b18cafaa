use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use serde_json::Value;

use crate::{Answer, Cell, Databases, Login};

/// What can be done to a shop on Kubernetes. All of it is undone when the world is closed; what is done to an object is written
/// down in the object with it, so that the next command of `madang` undoes it where this one was killed.
#[tonic::async_trait(?Send)]
pub trait Kubernetes {
    /// An object as it is.
    async fn read(&self, object: &Object) -> Result<Value>;

    /// Changes an object by a merge patch (RFC 7396).
    async fn change(&self, object: &Object, patch: Value) -> Result<()>;

    /// Gives an object back what its changes took.
    async fn restore(&self, object: &Object) -> Result<()>;

    /// The names of a service's pods that are not about to end, without those of a canary.
    async fn pods(&self, service: &str) -> Result<Vec<String>>;

    /// Waits until as many pods of a service serve as it is to have, all as they are to be.
    async fn served(&self, service: &str) -> Result<()>;

    /// Replaces all pods of a service, one after the other, and waits until the new ones serve.
    async fn roll_out(&self, service: &str) -> Result<()>;

    /// Where one pod of a service serves gRPC, past its proxy.
    async fn at(&self, service: &str, pod: &str) -> Result<String>;

    /// What the proxies of a service's pods have counted, all pods together, of the counters whose names and labels contain all
    /// of these words. Names are Envoy's, as Prometheus has them.
    async fn counted(&self, service: &str, words: &[&str]) -> Result<f64>;

    /// What one pod's proxy has counted, or the service in it.
    async fn counted_at(&self, pod: &str, words: &[&str]) -> Result<f64>;

    /// What a pod hears that asks everybody everything: under an identity, or from outside of the mesh, in plain text. Servers
    /// that this shop lacks are not in it.
    async fn asked(&self, identity: Option<&str>) -> Result<BTreeMap<Cell, Answer>>;

    /// Tries the credentials of each service at the database of each, past the mesh.
    async fn logins(&self, databases: Databases) -> Result<Vec<Login>>;
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are Kubernetes' and Istio's own words")]
pub enum Kind {
    Deployment,
    HorizontalPodAutoscaler,
    DestinationRule,
    VirtualService,
    PeerAuthentication,
    AuthorizationPolicy,
    Node,
}

/// An object in the shop's namespace, or of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Deployment,
        Self::HorizontalPodAutoscaler,
        Self::DestinationRule,
        Self::VirtualService,
        Self::PeerAuthentication,
        Self::AuthorizationPolicy,
        Self::Node,
    ];

    /// Whether its objects are the shop's own, in its namespace; others are the cluster's.
    pub fn is_of_the_shop(self) -> bool {
        self != Self::Node
    }

    /// The object of this kind that has that name.
    pub fn named(self, name: impl Into<String>) -> Object {
        Object { kind: self, name: name.into() }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}
