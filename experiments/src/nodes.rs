use anyhow::Result;

/// What can be done to the nodes of a cluster, and to the pods of a shop as things that stand on them. That no new pods come to a
/// node is a [change](crate::Kubernetes::change) of that node.
#[tonic::async_trait(?Send)]
pub trait Nodes {
    /// The names of the nodes that take pods.
    async fn nodes(&self) -> Result<Vec<String>>;

    /// The pods of the shop that run, its databases, its broker and its edge among them.
    async fn standing(&self) -> Result<Vec<Pod>>;

    /// Asks that a pod goes, as `kubectl drain` does: where a budget refuses that, again until it is allowed. Waits until the pod
    /// is gone, and answers whether a budget held it back.
    async fn evict(&self, pod: &Pod) -> Result<bool>;

    /// Has pods deleted, all at once, with no budget asked, and waits until they are gone.
    async fn delete(&self, pods: &[Pod]) -> Result<()>;

    /// Waits until all that the shop is made of serves.
    async fn all_serve(&self) -> Result<()>;
}

/// A pod of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name; a database's next pod has the same.
    pub name: String,
    /// What no other pod ever has.
    pub uid: String,
    /// What it is a pod of, such as `catalog` or `catalog-postgres`.
    pub of: String,
    /// The node on which it stands.
    pub node: String,
}
