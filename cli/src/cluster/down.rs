//! `madang cluster down`: takes away what `up` made, and no more.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;
use tokio::time::Instant;

use super::NAMESPACE;
use super::charts::Release;
use super::helm::{Helm, Listed};
use super::kind::Kind;
use super::target::{Cluster, TargetArgs};
use super::tool::{Call, Tools, is_on_path};
use crate::output::Output;
use crate::shop::Service;

/// What is the shop's own, and what `madang cluster secrets` made.
const OURS: &str = "app.kubernetes.io/part-of=madang";
/// How long pods and claims may take to go.
const GONE: Duration = Duration::from_secs(120);
const NAME: &str = "app.kubernetes.io/name";
const SECRETS: &str = "app.kubernetes.io/managed-by=madang-cluster-secrets";

/// What `madang cluster down` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang cluster down                                 The kind cluster, with all that is in it
  madang cluster down --context staging               The shop's releases; its data and passwords stay
  madang cluster down --context staging --purge       Those too, after a question

Exit codes: 0 it is gone, 1 something failed or the answer was no, 69 the API server cannot be reached.")]
pub(super) struct DownArgs {
    /// The kind cluster's name
    #[arg(long, value_name = "NAME", default_value = NAMESPACE, value_parser = super::target::label)]
    name: String,

    /// With --context: delete the data and the passwords too
    #[arg(long)]
    purge: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Takes it away.
///
/// # Errors
/// Where kind, Helm or the API server fails, or the answer was no.
pub(super) async fn run(args: DownArgs, target: &TargetArgs, output: &Output) -> Result<ExitCode> {
    let tools = Tools::new()?;
    match target.context {
        Some(_) => of_context(&args, &target.cluster().await?, &tools, output).await?,
        None => of_kind(&args, &tools, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_kind(args: &DownArgs, tools: &Tools, output: &Output) -> Result<()> {
    if !is_on_path("kind") {
        bail!("kind is not on PATH; with --context the shop is taken out of another cluster");
    }
    if args.purge {
        bail!("--purge goes with --context; a kind cluster goes with all that is in it");
    }
    let kind = Kind { name: args.name.clone(), config: Default::default(), node_image: None };
    let was_there = kind.is_there(tools).await?;
    let mut progress = output.progress();
    progress.show(&format!("deleting the kind cluster {}", args.name));
    if was_there {
        kind.delete(tools).await?;
    }
    drop(progress);
    let text = if was_there { "is deleted" } else { "was not there" };
    match output.is_json() {
        true => output.json(&json!({ "cluster": args.name, "deleted": was_there }))?,
        false => output.line(&format!("the kind cluster {} {text}", args.name))?,
    }
    Ok(())
}

async fn of_context(args: &DownArgs, cluster: &Cluster, tools: &Tools, output: &Output) -> Result<()> {
    if !is_on_path("helm") {
        bail!("helm is not on PATH; get it at https://helm.sh/docs/intro/install");
    }
    let helm = Helm::new(tools, cluster);
    let there = ours(&helm.list().await?);
    if args.purge && !args.yes {
        ask(cluster)?;
    }
    let mut progress = output.progress();
    for name in &there {
        progress.show(&format!("uninstalling {name}"));
        let call = Call::new("helm", ["uninstall", name, "--timeout", "5m"]).within(Duration::from_secs(330));
        helm.run(call).await.with_context(|| format!("cannot uninstall {name}"))?;
    }
    progress.show("waiting until the pods have ended");
    let is_empty = gone(async || {
        Ok(cluster.api::<Pod>().list(&ListParams::default().labels(OURS)).await?.items.is_empty())
    });
    if !is_empty.await? {
        output.note("some pods have not ended yet");
    }
    let purged = match args.purge {
        true => purge(cluster).await?,
        false => Vec::new(),
    };
    drop(progress);
    if output.is_json() {
        return Ok(output.json(&json!({ "uninstalled": there, "deleted": purged }))?);
    }
    output.line(&format!("{} releases are uninstalled", there.len()))?;
    match args.purge {
        true => output.line(&format!("{} volume claims and Secrets are deleted", purged.len()))?,
        false => output.line("its volume claims and Secrets stay; --purge deletes them too")?,
    }
    Ok(())
}

/// The releases of ours that are there: services first, what they stand on last.
fn ours(there: &[Listed]) -> Vec<String> {
    let mut names: Vec<&str> = Release::all().map(Release::name).collect();
    names.reverse();
    let is_there = |name: &&str| there.iter().any(|it| it.name == **name);
    names.into_iter().filter(is_there).map(ToOwned::to_owned).collect()
}

fn ask(cluster: &Cluster) -> Result<()> {
    let context = cluster.context.as_deref().unwrap_or_default();
    let namespace = &cluster.namespace;
    if !std::io::stdin().is_terminal() {
        bail!("--purge deletes the data in namespace {namespace} of {context}; without a terminal say --yes");
    }
    crate::output::note(&format!(
        "All orders, payments and passwords in namespace {namespace} of {context} will be lost. Type `{namespace}` to go on:"
    ));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    match answer.trim() == namespace {
        true => Ok(()),
        false => bail!("nothing was changed"),
    }
}

/// Deletes the shop's volume claims, and the Secrets that were made for it.
async fn purge(cluster: &Cluster) -> Result<Vec<String>> {
    let claims: Api<PersistentVolumeClaim> = cluster.api();
    let secrets: Api<Secret> = cluster.api();
    let mut deleted = Vec::new();
    for claim in claims.list(&ListParams::default()).await?.items.into_iter().filter(is_ours) {
        let name = claim.metadata.name.unwrap_or_default();
        claims
            .delete(&name, &DeleteParams::default())
            .await
            .with_context(|| format!("cannot delete claim {name}"))?;
        deleted.push(format!("persistentvolumeclaim/{name}"));
    }
    // Who sets the shop up again must not meet claims that are about to go.
    let is_gone = async || Ok(!claims.list(&ListParams::default()).await?.items.iter().any(is_ours));
    if !gone(is_gone).await? {
        bail!("the volume claims are not gone yet: a pod still has them");
    }
    for secret in secrets.list(&ListParams::default().labels(SECRETS)).await?.items {
        let name = secret.metadata.name.unwrap_or_default();
        secrets
            .delete(&name, &DeleteParams::default())
            .await
            .with_context(|| format!("cannot delete Secret {name}"))?;
        deleted.push(format!("secret/{name}"));
    }
    Ok(deleted)
}

/// Waits until it is so; answers whether it is.
async fn gone(is_so: impl AsyncFn() -> Result<bool>) -> Result<bool> {
    let end = Instant::now() + GONE;
    while !is_so().await? {
        if Instant::now() >= end {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(true)
}

/// Whether the claim is of a database or of NATS: a StatefulSet's claims have the labels of its selector, and no other for certain.
fn is_ours(claim: &PersistentVolumeClaim) -> bool {
    let label =
        |key: &str| claim.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    let name = label(NAME).unwrap_or_default();
    let service = name.strip_suffix("-postgres");
    let is_database = service.is_some_and(|name| Service::ALL.into_iter().any(|it| it.name() == name));
    name == "nats" || is_database
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::fake;

    #[test]
    fn only_our_releases_go_and_what_they_stand_on_goes_last() {
        let listed = |name: &str| {
            serde_json::from_value(
                json!({ "name": name, "revision": "1", "status": "deployed", "chart": "x-1" }),
            )
            .unwrap()
        };
        let there: Vec<Listed> = ["commons", "somebody-elses", "orders", "console"].map(listed).into();
        assert_eq!(ours(&there), ["console", "orders", "commons"]);
    }

    #[tokio::test]
    async fn a_purge_deletes_claims_and_secrets_of_ours() {
        let claim = |name: &str| {
            let labels = json!({ "app.kubernetes.io/name": name });
            json!({ "metadata": { "name": format!("data-{name}-0"), "labels": labels } })
        };
        let mut claims: Vec<_> = ["orders-postgres", "nats", "somebody-elses-postgres"].map(claim).into();
        let (client, asked) = fake::client(move |line, _| match line {
            "GET /api/v1/namespaces/madang/persistentvolumeclaims" => {
                (200, json!({ "metadata": {}, "items": claims }))
            }
            "GET /api/v1/namespaces/madang/secrets" => {
                (200, json!({ "metadata": {}, "items": [{ "metadata": { "name": "nats-users" } }] }))
            }
            _ => {
                claims.retain(|claim| !line.ends_with(claim["metadata"]["name"].as_str().unwrap()));
                (200, json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }))
            }
        });
        let cluster = Cluster { client, context: None, namespace: "madang".into() };
        let deleted = purge(&cluster).await.unwrap();
        let ours =
            ["data-orders-postgres-0", "data-nats-0"].map(|name| format!("persistentvolumeclaim/{name}"));
        assert_eq!(deleted, [ours[0].as_str(), &ours[1], "secret/nats-users"]);
        let deletes = asked.lock().unwrap().iter().filter(|(line, _)| line.starts_with("DELETE")).count();
        assert_eq!(deletes, 3);
    }
}
