//! Which shop a command looks at: one of this machine, or one on Kubernetes.

use crate::cluster::TargetArgs;
use crate::shop::FindArgs;

/// Which shop is meant, here or on Kubernetes.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    pub(crate) find: FindArgs,

    /// The shop on Kubernetes, in the cluster of the current context; --context says the same of another
    #[arg(long, conflicts_with = "shop")]
    kubernetes: bool,

    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

impl PlaceArgs {
    /// Whether the shop on Kubernetes is meant.
    pub(crate) fn is_on_kubernetes(&self) -> bool {
        self.kubernetes || self.target.context.is_some() || self.target.namespace.is_some()
    }
}
