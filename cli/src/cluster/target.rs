use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::NamespaceResourceScope;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;

use super::NAMESPACE;
use crate::exit::NoCluster;
use crate::prove;

/// How long the API server may take to be reached, and to answer.
const CONNECT: Duration = Duration::from_secs(5);

/// Which cluster is meant, and where in it the shop is.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which cluster")]
pub struct TargetArgs {
    /// The context in the kubeconfig; the current one unless set
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub context: Option<String>,

    /// The namespace of the shop, `madang` unless set
    #[arg(long, global = true, value_name = "NAMESPACE", value_parser = label)]
    pub namespace: Option<String>,
}

/// A cluster that answered, and the namespace of the shop.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The context's name, for the tools; none within a pod.
    pub(crate) context: Option<String>,
    pub(crate) namespace: String,
}

impl TargetArgs {
    /// The namespace, from outside the cluster.
    pub(crate) fn namespace(&self) -> String {
        self.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned())
    }

    /// Reaches the API server from outside the cluster.
    ///
    /// # Errors
    /// Where there is no such context; [`NoCluster`] where it does not answer.
    pub(crate) async fn cluster(&self) -> Result<Cluster> {
        let cluster = self.reach().await?;
        prove::kubernetes::clean(&cluster).await;
        Ok(cluster)
    }

    /// The same cluster, asked by a client that tells each refusal: others ask again by themselves where they are told to wait.
    ///
    /// # Errors
    /// Where there is no such context.
    pub(crate) async fn asking_once(&self, cluster: &Cluster) -> Result<Cluster> {
        let (mut config, _) = self.config().await?;
        config.default_retry = false;
        let client = Client::try_from(config).context("cannot speak to the API server")?;
        Ok(Cluster { client, ..cluster.clone() })
    }

    async fn reach(&self) -> Result<Cluster> {
        let (config, context) = self.config().await?;
        Cluster::connect(config, Some(context), self.namespace()).await
    }

    /// How the API server is reached from outside the cluster, and the context's name.
    async fn config(&self) -> Result<(Config, String)> {
        let config = Kubeconfig::read().context("cannot read the kubeconfig")?;
        let context = self.context.clone().or_else(|| config.current_context.clone());
        let context = context.context("the kubeconfig has no current context; name one with --context")?;
        let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(config, &options).await;
        let told = || format!("the kubeconfig does not give a usable context {context}");
        let mut config = config.with_context(told)?;
        config.connect_timeout = Some(CONNECT);
        Ok((config, context))
    }

    /// Reaches the API server from within a pod of it, or else as from outside. The namespace is the pod's own unless it is given.
    ///
    /// # Errors
    /// Like [`Self::cluster`].
    pub(crate) async fn cluster_of_pod(&self) -> Result<Cluster> {
        match Config::incluster() {
            Ok(config) if self.context.is_none() => {
                let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
                Cluster::connect(config, None, namespace).await
            }
            Ok(_) | Err(_) => self.cluster().await,
        }
    }
}

impl Cluster {
    async fn connect(mut config: Config, context: Option<String>, namespace: String) -> Result<Self> {
        config.connect_timeout = Some(CONNECT);
        let url = config.cluster_url.to_string();
        let client = Client::try_from(config).context("cannot speak to the API server")?;
        let version = tokio::time::timeout(CONNECT * 2, client.apiserver_version()).await;
        let version =
            version.map_err(|_| NoCluster { url: url.clone(), why: "no answer in time".to_owned() })?;
        version.map_err(|error| match matches!(error, kube::Error::Api(_)) {
            true => anyhow::Error::new(error),
            false => NoCluster { url, why: chain(&error) }.into(),
        })?;
        Ok(Self { client, context, namespace })
    }

    /// The objects of one kind in the shop's namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope> + DeserializeOwned,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text += &format!(": {told}");
        }
        cause = error.source();
    }
    text
}

/// A name as Kubernetes has it for a namespace.
pub(crate) fn label(text: &str) -> Result<String, &'static str> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_edge = |c: Option<char>| c.is_some_and(|c| inner(c) && c != '-');
    match text.len() <= 63
        && text.chars().all(inner)
        && is_edge(text.chars().next())
        && is_edge(text.chars().last())
    {
        true => Ok(text.to_owned()),
        false => Err("write small letters, digits and `-`, at most 63"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_label() {
        assert!(label("madang").is_ok() && label("madang-2").is_ok());
        for bad in ["", "-a", "a-", "A", "a.b", "a/b", &"a".repeat(64)] {
            assert!(label(bad).is_err(), "{bad}");
        }
    }
}
