//! `madang cluster`: the shop on Kubernetes, with Istio sidecars.
//!
//! ```text
//! up ──> preflight ──> kind ──> images ──> platform ──> deploy ──> wait ──> smoke
//! forward ──> the services' ports on this machine: what operators may ask is guarded by Kubernetes' own permissions
//! secrets ──> run by a Job in the cluster: the passwords that nobody has to know
//! ```
//!
//! The API server is spoken to by kube; `kind`, `docker`, `helm` and `kubectl` are run as processes where they are the tool. What
//! is decided (what is missing, what to run, why a pod is not ready) is pure and stands apart from what is asked and run.

mod ask;
pub(crate) mod charts;
mod deploy;
mod down;
#[cfg(test)]
pub(crate) mod fake;
mod forward;
pub(crate) mod helm;
mod kind;
mod namespace;
mod platform;
mod preflight;
mod secrets;
mod smoke;
mod status;
mod target;
pub(crate) mod tool;
mod up;
pub(crate) mod wait;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::output::Output;

pub use target::TargetArgs;

pub(crate) use forward::{Forwards, Goal};
pub(crate) use target::Cluster;
pub(crate) use wait::{Seen, why};

/// The namespace where the shop is unless told otherwise.
pub const NAMESPACE: &str = "madang";

/// What `madang cluster` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang cluster up                                 A kind cluster with the shop in it
  madang cluster up --context staging               The shop in a cluster that is there
  madang cluster forward                            Then, in another terminal: madang audit
  madang cluster deploy orders --context kind-madang")]
pub struct ClusterArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Tell what this pod may ask of every other: run in a pod by the tests of the policies
    #[command(hide = true)]
    Ask(ask::AskArgs),
    /// Set all up, from the cluster to the first confirmed order; what is there is used
    Up(up::UpArgs),
    /// Deploy services, each as its own Helm release, and wait until they serve
    Deploy(deploy::DeployArgs),
    /// Show the nodes, the platform, and what Helm has installed
    Status(status::StatusArgs),
    /// Take away the kind cluster, or the shop out of another cluster
    Down(down::DownArgs),
    /// Open the services' ports on this machine, until Ctrl-C: for audit, status, sagas and dead-letters
    Forward(forward::ForwardArgs),
    /// Make the passwords of the databases and of NATS, as Secrets; what is there is never changed
    Secrets(secrets::SecretsArgs),
}

/// Runs one of them.
///
/// # Errors
/// What the API server or a tool refuses, or that the cluster cannot be reached.
pub async fn run(args: ClusterArgs, output: &Output) -> Result<ExitCode> {
    match args.command {
        ClusterCommand::Ask(ask) => Box::pin(ask::run(ask, output)).await,
        ClusterCommand::Up(up) => Box::pin(up::run(up, &args.target, output)).await,
        ClusterCommand::Deploy(deploy) => Box::pin(deploy::run(deploy, &args.target, output)).await,
        ClusterCommand::Status(status) => Box::pin(status::run(status, &args.target, output)).await,
        ClusterCommand::Down(down) => Box::pin(down::run(down, &args.target, output)).await,
        ClusterCommand::Forward(forward) => Box::pin(forward::run(forward, &args.target, output)).await,
        ClusterCommand::Secrets(secrets) => Box::pin(secrets::run(secrets, &args.target, output)).await,
    }
}
