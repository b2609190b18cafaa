use anyhow::{Result, bail};
use madang_spans::Tree;

use crate::{Kubernetes, Needs, Nodes, Releases, Setup};

/// Where worlds come from.
#[tonic::async_trait(?Send)]
pub trait Lab {
    /// Opens a shop that may be harmed, with all services ready.
    ///
    /// # Errors
    /// Where there is none to be had, or it lacks what is needed. Nothing is harmed then.
    async fn open(&self, needs: Needs, setup: &Setup) -> Result<Box<dyn World>>;
}

/// A shop that may be harmed. Services go by their names, such as `payments`. What cannot be done is an error, and ends the trial.
#[tonic::async_trait(?Send)]
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
pub trait World {
    /// Where customers find it.
    fn gateway(&self) -> String;

    /// Where a service serves gRPC.
    fn url(&self, service: &str) -> Result<String>;

    /// A page of a service's admin port, such as `/metrics`.
    async fn admin(&self, service: &str, path: &str) -> Result<String>;

    /// Ends a service at once, as a crash does (SIGKILL), and waits until it is gone.
    async fn kill(&self, service: &str) -> Result<()>;

    /// Starts a service that does not run, and waits until it is ready.
    async fn start(&self, service: &str) -> Result<()>;

    /// Waits until nothing is under way, and holds the books of all services against each other.
    async fn audit(&self) -> Result<Audit>;

    /// The traces of an order, once they are whole or nothing more comes.
    async fn traces(&self, order_id: &str) -> Result<Vec<Tree>>;

    /// The shop as processes and data of this machine.
    fn machine(&self) -> Result<&dyn Machine> {
        bail!("it needs processes and data of this machine")
    }

    /// The shop as objects of Kubernetes.
    fn kubernetes(&self) -> Result<&dyn Kubernetes> {
        bail!("it needs Kubernetes")
    }

    /// The shop as pods on nodes.
    fn nodes(&self) -> Result<&dyn Nodes> {
        bail!("it needs Kubernetes")
    }

    /// The shop as releases of Helm.
    fn releases(&self) -> Result<&dyn Releases> {
        bail!("it needs Kubernetes, with each service as a release of Helm")
    }

    /// Undoes what was done, and ends what was begun. Answers what is not as it was, though nobody meant it, a line each.
    async fn close(&self) -> Vec<String>;
}

/// What only a shop of this machine bears.
#[tonic::async_trait(?Send)]
#[expect(clippy::missing_errors_doc, reason = "as for worlds")]
pub trait Machine {
    /// Ends a service as an upgrade does (SIGTERM), and waits until it has finished what it had begun.
    async fn stop(&self, service: &str) -> Result<()>;

    /// Tells a service something from its next start on: a variable and its value.
    async fn tell(&self, service: &str, name: &str, value: &str) -> Result<()>;

    /// Keeps a copy of a service's data as it is now; the service must not run.
    fn keep(&self, service: &str) -> Result<()>;

    /// Puts the copy back in place of the data: what was committed since is gone. The service must not run.
    fn put_back(&self, service: &str) -> Result<()>;
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Things that were held against a rule.
    pub checked: usize,
    /// What does not hold, a line each. A shop that does not come to rest is such a thing too.
    pub violations: Vec<String>,
}
