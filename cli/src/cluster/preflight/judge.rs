use super::machine::{Found, Machine, Wants};
use super::server::Server;

const CPUS: usize = 2;
const MEMORY: u64 = 4 << 30;
/// Below these a kind cluster does not start; below the others it may fail later, with `too many open files`.
const INSTANCES: (u64, u64) = (128, 512);
const WATCHES: (u64, u64) = (8_192, 65_536);
/// Native sidecars are there from this on.
const KUBERNETES: (u32, u32) = (1, 30);

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lack {
    pub(crate) what: String,
    /// How to get it.
    pub(crate) how: String,
    /// Whether nothing works without it.
    pub(crate) is_fatal: bool,
}

impl Lack {
    pub(super) fn new(what: impl Into<String>, how: impl Into<String>) -> Self {
        Self { what: what.into(), how: how.into(), is_fatal: true }
    }

    fn remark(what: impl Into<String>, how: impl Into<String>) -> Self {
        Self { is_fatal: false, ..Self::new(what, how) }
    }
}

/// The version of a tool that is needed at least, and how to get it.
fn tool(name: &str) -> ((u32, u32), &'static str) {
    match name {
        "docker" => ((20, 10), "install it: https://docs.docker.com/engine/install, and start it"),
        "kind" => ((0, 20), "install it: https://kind.sigs.k8s.io/docs/user/quick-start/#installation"),
        "kubectl" => ((1, 27), "install it: https://kubernetes.io/docs/tasks/tools"),
        "helm" => ((3, 13), "install it: https://helm.sh/docs/intro/install"),
        _ => ((0, 0), "install it with the system's packages"),
    }
}

/// What this machine lacks.
pub(crate) fn of_machine(seen: &Machine, wants: &Wants) -> Vec<Lack> {
    let mut lacks: Vec<Lack> = seen.tools.iter().filter_map(|(name, found)| of_tool(name, found)).collect();
    if !wants.kind {
        return lacks;
    }
    if seen.cpus < CPUS {
        let what = format!("{CPUS} CPUs are needed, and {} is there", seen.cpus);
        lacks.push(Lack::new(what, "use a larger machine, or another cluster with --context"));
    }
    if !seen.has_cluster {
        lacks.extend(seen.memory.filter(|memory| *memory < MEMORY).map(|memory| {
            let what = format!("4 GiB of memory must be free, and {} MiB are", memory >> 20);
            Lack::new(what, "end other programs, or use another cluster with --context")
        }));
        lacks.extend(seen.taken_ports.iter().map(|port| {
            let how =
                format!("`ss -ltnp sport = :{port}` says by whom; end it, or map another with --kind-config");
            Lack::new(format!("port {port} is taken"), how)
        }));
    }
    lacks.extend(inotify("max_user_instances", seen.inotify_instances, INSTANCES));
    lacks.extend(inotify("max_user_watches", seen.inotify_watches, WATCHES));
    lacks
}

fn of_tool(name: &str, found: &Found) -> Option<Lack> {
    let (least, how) = tool(name);
    let (major, minor) = least;
    match found {
        Found::Missing => Some(Lack::new(format!("{name} {major}.{minor} or newer is not on PATH"), how)),
        Found::Broken(why) if name == "docker" => {
            let how = "start the Docker daemon, and allow this user to use it: `docker info` must work";
            Some(Lack::new(format!("docker does not run: {why}"), how))
        }
        Found::Broken(why) => Some(Lack::new(format!("{name} does not work: {why}"), how)),
        Found::Version(Some((had, had_minor))) if (*had, *had_minor) < least => {
            Some(Lack::new(format!("{name} {major}.{minor} or newer is needed, not {had}.{had_minor}"), how))
        }
        Found::Version(_) => None,
    }
}

fn inotify(name: &str, seen: Option<u64>, (least, good): (u64, u64)) -> Option<Lack> {
    let seen = seen.filter(|seen| *seen < good)?;
    let what = format!("fs.inotify.{name} is {seen}; {good} is good for a kind cluster");
    let how = format!("sudo sysctl fs.inotify.{name}={good}");
    Some(if seen < least { Lack::new(what, how) } else { Lack::remark(what, how) })
}

/// What a cluster lacks.
pub(crate) fn of_server(seen: &Server, gets_platform: bool) -> Vec<Lack> {
    let mut lacks = Vec::new();
    if seen.version.is_some_and(|version| version < KUBERNETES) {
        let (major, minor) = seen.version.unwrap_or_default();
        let what = format!(
            "the API server is {major}.{minor}; 1.30 or newer is needed, for native sidecars and the sleep before a stop"
        );
        lacks.push(Lack::new(what, "upgrade the cluster, or use another with --context"));
    }
    if !gets_platform {
        let by_platform =
            "install Gateway API and Istio, or have it done by `madang cluster up --platform k8s/platform`";
        let crds = seen.missing_crds.iter();
        lacks.extend(crds.map(|name| Lack::new(format!("the cluster does not know {name}"), by_platform)));
        if !seen.has_metrics {
            let what = "the cluster has no metrics-server, so nothing is scaled";
            lacks.push(Lack::remark(what, "install it: https://github.com/kubernetes-sigs/metrics-server"));
        }
    }
    lacks.extend(seen.forbidden.iter().map(|what| {
        Lack::new(format!("you may not {what}"), "ask who runs the cluster for it, or use another --context")
    }));
    lacks
}

/// The first version in a text, such as `v1.32.4`.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    text.split(|c: char| c.is_whitespace() || "\"',:".contains(c)).find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split(['.', '-', '+']);
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests;
