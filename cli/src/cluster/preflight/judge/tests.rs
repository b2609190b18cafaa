use std::collections::BTreeMap;

use super::*;

const KIND: Wants = Wants { kind: true, make: false, kubectl: true };

fn good() -> Machine {
    let found = |version| Found::Version(Some(version));
    Machine {
        tools: BTreeMap::from([
            ("docker", found((28, 2))),
            ("helm", found((4, 3))),
            ("kind", found((0, 30))),
            ("kubectl", found((1, 32))),
        ]),
        has_cluster: false,
        cpus: 2,
        memory: Some(4 << 30),
        taken_ports: Vec::new(),
        inotify_instances: Some(512),
        inotify_watches: Some(524_288),
    }
}

fn told(seen: &Machine) -> Vec<String> {
    of_machine(seen, &KIND).into_iter().map(|lack| lack.what).collect()
}

#[test]
fn nothing_is_missing_where_all_is_there() {
    assert_eq!(told(&good()), Vec::<String>::new());
    let unread = Machine { tools: BTreeMap::from([("helm", Found::Version(None))]), ..good() };
    assert_eq!(told(&unread), Vec::<String>::new());
}

#[test]
fn all_that_is_missing_is_told_at_once() {
    let bad = Machine {
        tools: BTreeMap::from([
            ("docker", Found::Broken("no daemon".into())),
            ("helm", Found::Version(Some((3, 12)))),
            ("kind", Found::Missing),
        ]),
        cpus: 1,
        memory: Some(1 << 30),
        taken_ports: vec![8080, 9090],
        inotify_instances: Some(64),
        inotify_watches: Some(8_192),
        has_cluster: false,
    };
    assert_eq!(
        told(&bad),
        [
            "docker does not run: no daemon",
            "helm 3.13 or newer is needed, not 3.12",
            "kind 0.20 or newer is not on PATH",
            "2 CPUs are needed, and 1 is there",
            "4 GiB of memory must be free, and 1024 MiB are",
            "port 8080 is taken",
            "port 9090 is taken",
            "fs.inotify.max_user_instances is 64; 512 is good for a kind cluster",
            "fs.inotify.max_user_watches is 8192; 65536 is good for a kind cluster",
        ]
    );
    let remarks: Vec<bool> = of_machine(&bad, &KIND).iter().map(|lack| lack.is_fatal).collect();
    assert_eq!(remarks.iter().filter(|fatal| !**fatal).count(), 1, "8192 watches may do");
}

#[test]
fn our_own_cluster_may_have_the_ports_and_the_memory() {
    let ours = Machine { has_cluster: true, taken_ports: vec![8080], memory: Some(1 << 20), ..good() };
    assert_eq!(told(&ours), Vec::<String>::new());
}

#[test]
fn another_cluster_needs_neither_docker_nor_kind() {
    let wants = Wants { kind: false, make: false, kubectl: false };
    let tools: Vec<&str> = wants.tools().into_iter().map(|(name, _)| name).collect();
    assert_eq!(tools, ["helm"]);
    let poor = Machine { cpus: 1, taken_ports: vec![8080], ..Machine::default() };
    assert_eq!(of_machine(&poor, &wants), Vec::new());
}

#[test]
fn what_a_cluster_lacks_is_told_at_once() {
    let old = Server {
        version: Some((1, 29)),
        missing_crds: vec!["gateways.gateway.networking.k8s.io".into()],
        has_metrics: false,
        forbidden: vec!["create deployments in apps".into()],
    };
    let what = |gets_platform| -> Vec<String> {
        of_server(&old, gets_platform).into_iter().map(|lack| lack.what).collect()
    };
    assert_eq!(
        what(false),
        [
            "the API server is 1.29; 1.30 or newer is needed, for native sidecars and the sleep before a stop",
            "the cluster does not know gateways.gateway.networking.k8s.io",
            "the cluster has no metrics-server, so nothing is scaled",
            "you may not create deployments in apps",
        ]
    );
    assert_eq!(what(true).len(), 2, "the platform brings the rest");
}

#[test]
fn versions_are_read_as_tools_print_them() {
    assert_eq!(version("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0"), Some((1, 32)));
    assert_eq!(version("kind v0.30.0 go1.24.3 linux/amd64"), Some((0, 30)));
    assert_eq!(version("28.2.2\n"), Some((28, 2)));
    assert_eq!(version("v4.3.1"), Some((4, 3)));
    assert_eq!(version("GNU Make 4.3"), Some((4, 3)));
    assert_eq!(version("nothing of that"), None);
}
