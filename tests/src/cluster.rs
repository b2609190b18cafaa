//! The shop on Kubernetes, where MADANG_TEST_CONTEXT names a context: asked by kubectl, and by `madang` through port-forwards.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::{Service, Shop, ids, tidy, wait, web};

/// Where the shop is.
pub const NAMESPACE: &str = "madang";
/// Where the platform's Jaeger and Prometheus are.
pub const OBSERVABILITY: &str = "observability";
/// How long a command of kubectl may take; a roll-out of one service is the longest.
const LIMIT: Duration = Duration::from_secs(300);
/// How long a pod may take to end.
const END: &str = "--timeout=120s";
/// How long the ports may take to open.
const OPEN: Duration = Duration::from_secs(30);

/// A cluster with the shop on it. What it started ends with it.
#[derive(Debug)]
pub struct Cluster {
    context: String,
    /// The shop as operators reach it; its customers come by the edge.
    pub shop: Shop,
    _forward: (Child, Told),
}

/// What a process prints; kept while it runs, since it may end where nobody listens.
type Told = Lines<BufReader<ChildStdout>>;

/// A port of this machine that leads to one pod, until this is dropped.
#[derive(Debug)]
pub struct Tunnel {
    /// Its number.
    pub port: u16,
    _forward: (Child, Told),
}

impl Tunnel {
    /// Where the pod serves HTTP.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Cluster {
    /// The cluster of this run; none where none is named, and then that is told.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub async fn of_this_run() -> Result<Option<Self>> {
        let Ok(context) = std::env::var("MADANG_TEST_CONTEXT") else {
            writeln!(std::io::stderr(), "not run: MADANG_TEST_CONTEXT names no cluster with the shop on it")?;
            return Ok(None);
        };
        ids::in_a_lasting_shop();
        let edge = std::env::var("MADANG_TEST_EDGE").unwrap_or_else(|_| "http://127.0.0.1:9090".to_owned());
        let mut forward = Command::new(Shop::madang()?);
        forward.args(["cluster", "forward", "--context", &context, "--ports", "free", "--output", "json"]);
        let (forward, mut told) = listen(&mut forward)?;
        let ports = timeout(OPEN, json(&mut told)).await.context("a forward that says nothing")??;
        let shop = Shop::elsewhere(&edge, &ports)?;
        let cluster = Self { context, shop, _forward: (forward, told) };
        let url = format!("{}/readyz", cluster.shop.admin_url(Service::Orders));
        wait::until("the forwarded ports", OPEN, async || Ok(web::get(&url).await.ok())).await?;
        Ok(Some(cluster))
    }

    /// What kubectl calls it.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Runs kubectl in the shop's namespace and gives what it printed.
    ///
    /// # Errors
    /// What it told where it failed.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String> {
        printed(
            Command::new("kubectl").args(["--context", &self.context, "--namespace", NAMESPACE]).args(args),
        )
        .await
    }

    /// Objects of a kind, as `kubectl get` finds them.
    ///
    /// # Errors
    /// Like [`Self::kubectl`].
    pub async fn list(&self, args: &[&str]) -> Result<Vec<Value>> {
        let told = self.kubectl(&[&["get", "-o", "json"], args].concat()).await?;
        let mut told: Value = serde_json::from_str(&told)?;
        serde_json::from_value(told["items"].take()).context("a list of objects")
    }

    /// Applies objects.
    ///
    /// # Errors
    /// Like [`Self::kubectl`].
    pub async fn apply(&self, object: &Value) -> Result<()> {
        self.apply_in(NAMESPACE, object).await
    }

    /// The same in another namespace than the shop's.
    ///
    /// # Errors
    /// Like [`Self::kubectl`].
    pub async fn apply_in(&self, namespace: &str, object: &Value) -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), object.to_string())?;
        let file = file.path().to_string_lossy();
        self.kubectl(&["apply", "--namespace", namespace, "-f", &file]).await.map(drop)
    }

    /// The pods of a service that are not about to end, by what Kubernetes calls them and their uids.
    ///
    /// # Errors
    /// Like [`Self::kubectl`].
    pub async fn pods(&self, name: &str) -> Result<Vec<(String, String)>> {
        self.pods_by(&format!("app.kubernetes.io/name={name}")).await
    }

    /// The same by their labels.
    ///
    /// # Errors
    /// Like [`Self::kubectl`].
    pub async fn pods_by(&self, selector: &str) -> Result<Vec<(String, String)>> {
        let pods = self.list(&["pods", "-l", selector]).await?;
        let pods = pods.iter().filter(|pod| !is_ending(pod));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(pods.map(|pod| (text(&pod["metadata"]["name"]), text(&pod["metadata"]["uid"]))).collect())
    }

    /// Kills a pod of a service, as a node that fails does: at once.
    ///
    /// # Errors
    /// Where it has none.
    pub async fn kill_a_pod(&self, name: &str) -> Result<()> {
        let pods = self.pods(name).await?;
        let (pod, _) = pods.first().with_context(|| format!("{name} has no pod"))?;
        self.kill(pod).await
    }

    /// The same of one pod.
    ///
    /// # Errors
    /// Like [`Self::kubectl`].
    pub async fn kill(&self, pod: &str) -> Result<()> {
        self.kubectl(&["delete", "pod", pod, "--grace-period=0", "--force", "--wait=false"]).await.map(drop)
    }

    /// Does something while a service has no pods. Whatever comes of it, it has as many as before then.
    ///
    /// # Errors
    /// What came of it, or like [`Self::kubectl`].
    pub async fn without<T>(&self, service: Service, act: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let deployment = format!("deployment/{service}");
        let replicas = self.kubectl(&["get", &deployment, "-o", "jsonpath={.spec.replicas}"]).await?;
        self.kubectl(&["scale", &deployment, "--replicas=0"]).await?;
        let done = act().await;
        self.kubectl(&["scale", &deployment, "--replicas", &replicas]).await?;
        self.settled(service).await?;
        done
    }

    /// Waits until all pods of a Deployment or StatefulSet are there and ready.
    ///
    /// # Errors
    /// Where they are not in time.
    pub async fn ready(&self, workload: &str) -> Result<()> {
        self.kubectl(&["rollout", "status", workload, "--timeout=240s"]).await.map(drop)
    }

    /// Waits until a service's pods are ready and those that were to end are gone.
    ///
    /// # Errors
    /// Where that is not so in time.
    pub async fn settled(&self, service: Service) -> Result<()> {
        self.ready(&format!("deployment/{service}")).await?;
        let pods = self.list(&["pods", "-l", &format!("app.kubernetes.io/name={service}")]).await?;
        let going = pods.iter().filter(|pod| is_ending(pod));
        let going: Vec<&str> = going.filter_map(|pod| pod["metadata"]["name"].as_str()).collect();
        if going.is_empty() {
            return Ok(());
        }
        // One process that watches: what asks again and again takes the time of those who are to end.
        self.kubectl(&[&["wait", "pod", "--for=delete", END], going.as_slice()].concat()).await.map(drop)
    }

    /// Upgrades a service's release to the chart as it is here, with other values, and waits until it serves.
    ///
    /// # Errors
    /// What helm told where it failed.
    pub async fn upgrade(&self, release: &str, sets: &[&str]) -> Result<()> {
        let chart = format!("helm/{release}");
        let mut args = vec!["upgrade", release, chart.as_str(), "--reset-then-reuse-values", "--wait"];
        args.extend(sets.iter().flat_map(|set| ["--set", set]));
        self.helm(&["dependency", "build", &chart]).await?;
        self.helm(&args).await?;
        self.ready(&format!("deployment/{release}")).await
    }

    /// Rolls a service's release back to what it was before, and waits until it serves.
    ///
    /// # Errors
    /// What helm told where it failed.
    pub async fn rollback(&self, release: &str) -> Result<()> {
        self.helm(&["rollback", release, "--wait"]).await?;
        self.ready(&format!("deployment/{release}")).await
    }

    async fn helm(&self, args: &[&str]) -> Result<()> {
        let mut command = Command::new("helm");
        command.args(["--kube-context", &self.context, "--namespace", NAMESPACE]).args(args);
        printed(command.current_dir(tidy::root())).await.map(drop)
    }

    /// Opens a port of one pod on this machine.
    ///
    /// # Errors
    /// Where it does not open in time.
    pub async fn open(&self, pod: &str, port: u16) -> Result<Tunnel> {
        let mut command = Command::new("kubectl");
        command.args(["--context", &self.context, "--namespace", NAMESPACE, "port-forward", pod]);
        let (process, mut told) = listen(command.arg(format!(":{port}")))?;
        let first = timeout(OPEN, told.next_line()).await.context("a port-forward that says nothing")??;
        let first = first.with_context(|| format!("port {port} of {pod} does not open"))?;
        let here = first.split_whitespace().find_map(|word| word.strip_prefix("127.0.0.1:"));
        Ok(Tunnel { port: here.with_context(|| first.clone())?.parse()?, _forward: (process, told) })
    }

    /// A value of a Secret.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn secret(&self, name: &str, key: &str) -> Result<String> {
        let template = format!("{{{{index .data {key:?} | base64decode}}}}");
        self.kubectl(&["get", "secret", name, "-o", &format!("go-template={template}")]).await
    }

    /// The image that a service's stable pods run.
    ///
    /// # Errors
    /// Like [`Self::kubectl`].
    pub async fn image(&self, service: Service) -> Result<String> {
        let path = "jsonpath={.spec.template.spec.containers[0].image}";
        self.kubectl(&["get", "deployment", service.name(), "-o", path]).await
    }
}

/// Whether a pod was told to end.
pub fn is_ending(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

/// Runs a command to its end and gives what it printed.
async fn printed(command: &mut Command) -> Result<String> {
    let output = timeout(LIMIT, command.kill_on_drop(true).output());
    let output = output.await.with_context(|| format!("{:?} does not end", command.as_std()))??;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{:?}: {told}", command.as_std());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Starts a process that ends with its value.
fn listen(command: &mut Command) -> Result<(Child, Told)> {
    let command = command.kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn()?;
    let told = BufReader::new(process.stdout.take().context("what it prints")?).lines();
    Ok((process, told))
}

/// Reads a value that is printed over several lines.
async fn json(told: &mut Told) -> Result<Value> {
    let mut text = String::new();
    while let Some(line) = told.next_line().await? {
        text += &line;
        if let Ok(value) = serde_json::from_str(&text) {
            return Ok(value);
        }
    }
    anyhow::bail!("the forward ended: {text}")
}
