use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use super::judge::version;
use crate::cluster::tool::{Call, Tools, is_on_path};

/// Ports of this machine that a kind cluster takes: HTTP, gRPC, Jaeger.
const PORTS: [u16; 3] = [8080, 9090, 16686];
const LIMIT: Duration = Duration::from_secs(20);

/// For what the machine is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wants {
    /// Whether a kind cluster is to run here.
    pub(crate) kind: bool,
    /// Whether images are built here.
    pub(crate) make: bool,
    /// Whether manifests are applied.
    pub(crate) kubectl: bool,
}

/// A tool as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Not on PATH.
    Missing,
    /// It is there and does not work.
    Broken(String),
    /// It has a version; none that could be read counts as new enough.
    Version(Option<(u32, u32)>),
}

/// What was seen of this machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    pub(crate) tools: BTreeMap<&'static str, Found>,
    /// Whether the kind cluster of that name is there already: then it has the ports and its memory.
    pub(crate) has_cluster: bool,
    pub(crate) cpus: usize,
    /// Bytes, where the system says.
    pub(crate) memory: Option<u64>,
    pub(crate) taken_ports: Vec<u16>,
    /// What the system allows a user, where it says.
    pub(crate) inotify_instances: Option<u64>,
    pub(crate) inotify_watches: Option<u64>,
}

impl Wants {
    /// The tools, and how each is asked for its version.
    pub(crate) fn tools(self) -> Vec<(&'static str, Call)> {
        let helm = ("helm", Call::new("helm", ["version", "--template", "{{.Version}}"]));
        let mut tools = vec![helm];
        if self.kubectl {
            tools.push(("kubectl", Call::new("kubectl", ["version", "--client"])));
        }
        if self.kind {
            // The server's version: a client alone runs nothing.
            tools.push(("docker", Call::new("docker", ["version", "--format", "{{.Server.Version}}"])));
            tools.push(("kind", Call::new("kind", ["version"])));
        }
        if self.make {
            tools.push(("make", Call::new("make", ["--version"])));
        }
        tools
    }
}

impl Machine {
    /// Looks at this machine; `name` is the kind cluster's.
    pub(super) async fn observe(tools: &Tools, wants: &Wants, name: &str) -> Self {
        let mut seen = Self::default();
        for (tool, call) in wants.tools() {
            seen.tools.insert(tool, find(tools, tool, call).await);
        }
        if wants.kind {
            let clusters = tools.run(&Call::new("kind", ["get", "clusters"]).within(LIMIT)).await;
            seen.has_cluster = clusters.is_ok_and(|clusters| clusters.lines().any(|line| line == name));
            seen.cpus = std::thread::available_parallelism().map_or(1, usize::from);
            seen.memory = number("/proc/meminfo", "MemAvailable:").map(|kilobytes| kilobytes * 1024);
            seen.inotify_instances = number("/proc/sys/fs/inotify/max_user_instances", "");
            seen.inotify_watches = number("/proc/sys/fs/inotify/max_user_watches", "");
            let is_taken = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err();
            seen.taken_ports = PORTS.into_iter().filter(is_taken).collect();
        }
        seen
    }
}

async fn find(tools: &Tools, tool: &str, call: Call) -> Found {
    if !is_on_path(tool) {
        return Found::Missing;
    }
    match tools.run(&call.within(LIMIT)).await {
        Ok(said) => Found::Version(version(&said)),
        Err(error) => Found::Broken(format!("{error:#}")),
    }
}

/// The number in a file of the system, behind this title.
fn number(path: &str, title: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(title))?;
    line.split_whitespace().next()?.parse().ok()
}
