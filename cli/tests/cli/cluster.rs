mod api_server;
mod images;
mod preflight;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use api_server::{ApiServer, Kubernetes};

/// Runs `madang` where PATH has nothing but this folder.
fn madang(path: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
    command.current_dir(path).env("PATH", path).env("KUBECONFIG", path.join("kubeconfig")).args(args);
    command.output().unwrap()
}

/// A kubeconfig with one context, for an API server.
fn kubeconfig(folder: &Path, context: &str, url: &str) {
    let config = format!(
        "apiVersion: v1
kind: Config
clusters: [{{name: a, cluster: {{server: '{url}'}}}}]
users: [{{name: a, user: {{}}}}]
contexts: [{{name: {context}, context: {{cluster: a, user: a}}}}]
current-context: {context}
"
    );
    fs::write(folder.join("kubeconfig"), config).unwrap();
}

/// A program that writes down what it is told, and then does this.
fn program(folder: &Path, name: &str, does: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\necho \"{name} $*\" >> calls\n{does}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What helm says when it is asked for more than its version: then `madang` went on.
const WENT_ON: &str = "the test ends here";

/// A cluster whose API server is asked, and a folder with the tools.
struct Tried {
    server: ApiServer,
    folder: TempDir,
}

impl Tried {
    fn new(kubernetes: Kubernetes, context: &str) -> Self {
        let (server, folder) = (ApiServer::start(kubernetes), tempfile::tempdir().unwrap());
        kubeconfig(folder.path(), context, &server.url);
        let ends = format!("[ \"$1\" = version ] && echo v4.3.1 && exit 0; echo {WENT_ON} >&2; exit 3");
        program(folder.path(), "helm", &ends);
        Self { server, folder }
    }

    /// What is said on stderr by a command that fails.
    fn says(&self, args: &[&str]) -> String {
        let output = madang(self.folder.path(), args);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_eq!(self.server.writes(), Vec::<String>::new());
        text(&output.stderr)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts the tools there that a kind cluster takes, which is there already.
    fn has_kind(&self) {
        program(
            self.path(),
            "kind",
            "[ \"$1\" = version ] && echo v0.30.0; [ \"$1 $2\" = \"get clusters\" ] && echo madang; exit 0",
        );
        program(self.path(), "docker", "echo 28.2.2");
        program(self.path(), "kubectl", "echo v1.32.4");
        program(self.path(), "make", "echo GNU Make 4.3");
    }

    /// The tools that ran, but for those that were asked what they are.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path().join("calls")).unwrap();
        calls.lines().filter(|line| !line.contains(" version")).map(ToOwned::to_owned).collect()
    }
}

#[test]
fn all_that_is_missing_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let output = madang(folder.path(), &["cluster", "up"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    let tools = ["docker 20.10", "kind 0.20", "kubectl 1.27", "helm 3.13"];
    for missing in
        tools.iter().chain(&["helm is not there", "k8s/platform is not there", "one-node.yaml is not there"])
    {
        assert!(said.contains(missing), "{missing}: {said}");
    }
    assert!(said.contains("https://kind.sigs.k8s.io") && said.ends_with("nothing was changed\n"), "{said}");
}

#[test]
fn another_cluster_needs_neither_docker_nor_kind() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "helm", "echo v4.3.1");
    let output = madang(folder.path(), &["cluster", "up", "--context", "staging", "--charts", "."]);
    let said = text(&output.stderr);
    assert!(said.contains("kubeconfig") && !said.contains("docker") && !said.contains("kind "), "{said}");
}

#[test]
fn the_kind_cluster_is_deleted_where_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "kind", "[ \"$1\" = get ] && echo madang; exit 0");
    let output = madang(folder.path(), &["cluster", "down"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "the kind cluster madang is deleted\n");
    let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
    assert_eq!(calls, "kind get clusters\nkind delete cluster --name madang\n");

    let output = madang(folder.path(), &["cluster", "down", "--name", "other", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told, serde_json::json!({ "cluster": "other", "deleted": false }));
}

#[test]
fn what_a_tool_says_is_shown_where_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "kind", "[ \"$1\" = get ] && echo madang && exit 0; echo no daemon >&2; exit 3");
    let output = madang(folder.path(), &["cluster", "down"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("`kind delete cluster --name madang` failed (exit status: 3):\nno daemon"),
        "{said}"
    );
}

#[test]
fn an_api_server_that_does_not_answer_ends_with_69() {
    let folder = tempfile::tempdir().unwrap();
    kubeconfig(folder.path(), "a", "http://127.0.0.1:9");
    program(folder.path(), "helm", "echo v4.3.1");
    for args in [
        &["status", "--kubernetes"][..],
        &["cluster", "forward"],
        &["cluster", "status"],
        &["cluster", "deploy"],
    ] {
        let output = madang(folder.path(), args);
        assert_eq!(output.status.code(), Some(69), "{args:?}: {}", text(&output.stderr));
        assert!(
            text(&output.stderr).contains("the cluster cannot be reached at http://127.0.0.1:9"),
            "{args:?}"
        );
    }
}
