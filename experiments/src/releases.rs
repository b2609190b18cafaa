use anyhow::Result;
use serde_json::Value;

/// What can be done to a shop of which each service is a release of Helm. When the world is closed, a release is as it was: its
/// revision is written down before it is changed, so that the next command of `madang` goes back to it where this one was killed.
#[tonic::async_trait(?Send)]
pub trait Releases {
    /// The values that a service's release was given, beyond its chart's own.
    async fn values(&self, service: &str) -> Result<Value>;

    /// Upgrades a service's release with a value such as `logLevel=debug`, all others as they are, and waits until its new pods
    /// serve and its old ones are gone.
    async fn upgrade(&self, service: &str, value: &str) -> Result<()>;

    /// Rolls a service's release back to what it was before the trial changed it, and waits likewise.
    async fn roll_back(&self, service: &str) -> Result<()>;

    /// Starts a canary of a service, of the same image, and gives it so much of a hundred calls once it serves, as `madang canary
    /// --weight` does.
    async fn start_canary(&self, service: &str, weight: u8) -> Result<()>;

    /// Takes a canary's calls from it, then its pods, as `madang canary --rollback` does, and waits until they are gone.
    async fn end_canary(&self, service: &str) -> Result<()>;

    /// The names of a canary's pods.
    async fn canary(&self, service: &str) -> Result<Vec<String>>;
}
