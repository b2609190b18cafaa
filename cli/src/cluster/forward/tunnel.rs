use std::io;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Portforwarder};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::pod;
use crate::shop::Service;

/// How long a pod may take to be connected to.
const CONNECT: Duration = Duration::from_secs(10);
/// How often it is seen whether the pod of a connection is still there: a node that is lost closes nothing.
const CHECK: Duration = Duration::from_secs(5);
/// A pause where connections cannot be taken: too many files may be open.
const PAUSE: Duration = Duration::from_millis(100);

/// Where connections are led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goal {
    /// What people call it.
    pub(crate) name: String,
    /// Which pods.
    pub(crate) pods: Pods,
    /// The port in the pod.
    pub(crate) port: u16,
}

/// Pods that are as good as each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pods {
    /// Those with these labels.
    Labelled(String),
    /// The one of that name.
    Named(String),
}

impl Pods {
    fn list(&self) -> ListParams {
        match self {
            Self::Labelled(labels) => ListParams::default().labels(labels),
            Self::Named(name) => ListParams::default().fields(&format!("metadata.name={name}")),
        }
    }
}

impl Goal {
    /// A port of a service.
    pub(crate) fn of(service: Service, port: u16) -> Self {
        let selector =
            format!("app.kubernetes.io/part-of=madang,app.kubernetes.io/name={service},madang.dev/track");
        Self::labelled(service.name(), &selector, port)
    }

    /// A port of pods with these labels.
    pub(crate) fn labelled(name: &str, selector: &str, port: u16) -> Self {
        Self { name: name.to_owned(), pods: Pods::Labelled(selector.to_owned()), port }
    }

    /// A port of one pod.
    pub(crate) fn pod(name: &str, port: u16) -> Self {
        Self { name: name.to_owned(), pods: Pods::Named(name.to_owned()), port }
    }
}

/// Leads each connection to a pod, for ever.
pub(super) async fn serve(listener: TcpListener, pods: Api<Pod>, goal: Goal, say: UnboundedSender<String>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((connection, _)) => {
                    connections.spawn(connect(connection, pods.clone(), goal.clone(), say.clone()));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(connection: TcpStream, pods: Api<Pod>, goal: Goal, say: UnboundedSender<String>) {
    if let Err(error) = lead(connection, &pods, &goal).await {
        // Nobody listens any more where the command ends.
        let _said = say.send(format!("{} {}: {error:#}", goal.name, goal.port)).is_ok();
    }
}

async fn lead(mut connection: TcpStream, pods: &Api<Pod>, goal: &Goal) -> Result<()> {
    connection.set_nodelay(true)?;
    let (pod, mut forwarder) = open(pods, goal).await?;
    let stream = forwarder.take_stream(goal.port).context("the API server forwards another port")?;
    let failed = forwarder.take_error(goal.port);
    let failed = async {
        match failed {
            Some(failed) => failed.await,
            None => None,
        }
    };
    let led = tokio::select! {
        copied = copy(&mut connection, stream) => copied,
        Some(error) = failed => Err(anyhow!("{pod} refuses: {}", error.trim())),
        () = gone(pods, &pod) => Err(anyhow!("{pod} is gone; the next connection leads to another")),
    };
    forwarder.abort();
    led
}

/// Connects to the first pod that serves and can be reached.
async fn open(pods: &Api<Pod>, goal: &Goal) -> Result<(String, Portforwarder)> {
    let listed = pods.list(&goal.pods.list()).await.context("cannot list pods")?;
    let mut last = anyhow!("no pod is ready");
    for name in pod::serving(listed.items) {
        match tokio::time::timeout(CONNECT, pods.portforward(&name, &[goal.port])).await {
            Ok(Ok(forwarder)) => return Ok((name, forwarder)),
            Ok(Err(error)) => last = anyhow::Error::new(error).context(format!("cannot forward to {name}")),
            Err(_) => last = anyhow!("{name} does not answer"),
        }
    }
    Err(last)
}

async fn copy(connection: &mut TcpStream, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
    match copy_bidirectional(connection, &mut stream).await {
        Ok(_) => Ok(()),
        // That is how clients and pods leave.
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until the pod is no more. An API server that does not answer says nothing about it.
async fn gone(pods: &Api<Pod>, name: &str) {
    loop {
        tokio::time::sleep(CHECK).await;
        if let Ok(None) = pods.get_metadata_opt(name).await {
            return;
        }
    }
}
