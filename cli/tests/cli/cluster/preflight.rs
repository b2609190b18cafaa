//! What a cluster lacks, told by `madang` itself that asked an API server.

use super::api_server::Kubernetes;
use super::{Tried, WENT_ON, program};

const OLD: &str = "missing: the API server is 1.29; 1.30 or newer is needed, for native sidecars and the sleep before a stop
  upgrade the cluster, or use another with --context
";
const WITHOUT_METRICS: &str = "remark: the cluster has no metrics-server, so nothing is scaled
  install it: https://github.com/kubernetes-sigs/metrics-server
";
const UP: [&str; 6] = ["cluster", "up", "--context", "staging", "--charts", "."];
const DEPLOY: [&str; 4] = ["cluster", "deploy", "--charts", "."];

#[test]
fn a_cluster_that_lacks_nothing_is_gone_on_with() {
    let good = Tried::new(Kubernetes::good(), "staging");
    for args in [&UP[..], &DEPLOY] {
        let said = good.says(args);
        assert!(said.contains(WENT_ON) && !said.contains("missing:") && !said.contains("remark:"), "{said}");
    }
}

#[test]
fn an_old_cluster_is_refused_before_anything_is_changed() {
    let old = Tried::new(Kubernetes { version: "v1.29.4", ..Kubernetes::good() }, "staging");
    for args in [&UP[..], &DEPLOY] {
        assert_eq!(
            old.says(args),
            format!("{OLD}error: something is missing; nothing was changed\n"),
            "{args:?}"
        );
    }
    assert_eq!(old.calls(), Vec::<String>::new());
}

#[test]
fn a_kind_cluster_of_an_old_image_is_refused_before_images_are_built() {
    let old = Tried::new(Kubernetes { version: "v1.29.4", ..Kubernetes::good() }, "kind-madang");
    old.has_kind();
    let said = old.says(&["cluster", "up", "--charts", ".", "--platform", ".", "--kind-config", "."]);
    let end = "error: in the kind cluster madang, which `madang cluster down --name madang` takes away: something is missing; \
               nothing was changed\n";
    assert!(said.ends_with(&format!("{OLD}{end}")), "{said}");
    assert_eq!(
        old.calls(),
        ["kind get clusters", "kind get clusters", "kind export kubeconfig --name madang"]
    );
}

#[test]
fn definitions_that_are_missing_are_all_named_unless_the_platform_brings_them() {
    let mut bare = Kubernetes::good();
    bare.definitions.retain(|name| !name.ends_with("gateway.networking.k8s.io"));
    let bare = Tried::new(bare, "staging");
    let wanted = "missing: the cluster does not know gateways.gateway.networking.k8s.io
missing: the cluster does not know httproutes.gateway.networking.k8s.io
missing: the cluster does not know grpcroutes.gateway.networking.k8s.io
  install Gateway API and Istio, or have it done by `madang cluster up --platform k8s/platform`
error: 3 things are missing; nothing was changed
";
    for args in [&UP[..], &DEPLOY] {
        assert_eq!(bare.says(args), wanted, "{args:?}");
    }
    assert_eq!(bare.calls(), Vec::<String>::new());

    program(bare.path(), "kubectl", "echo v1.32.4");
    let said = bare.says(&[&UP[..], &["--platform", "."]].concat());
    assert_eq!(
        said.lines().last(),
        Some("error: cannot list the platform: the server could not find the requested resource")
    );
    assert_eq!(bare.calls(), ["kubectl apply --server-side -k . --context staging"]);
}

#[test]
fn a_cluster_without_metrics_server_is_gone_on_with_after_a_remark() {
    let mut without = Kubernetes::good();
    without.groups.retain(|name| *name != "metrics.k8s.io");
    let without = Tried::new(without, "staging");
    for args in [&UP[..], &DEPLOY] {
        let said = without.says(args);
        assert!(said.starts_with(WITHOUT_METRICS) && said.contains(WENT_ON), "{said}");
    }
}

#[test]
fn all_that_a_cluster_lacks_is_told_at_once_and_what_the_user_may_not_do_with_it() {
    let poor = Kubernetes {
        version: "v1.28.3+k3s1",
        definitions: vec!["sidecars.networking.istio.io"],
        groups: Vec::new(),
        forbidden: vec!["deployments", "namespaces"],
    };
    let poor = Tried::new(poor, "staging");
    let said = poor.says(&UP);
    for told in [
        "the API server is 1.28;",
        "does not know telemetries.telemetry.istio.io\n",
        "no metrics-server",
        "missing: you may not create deployments of apps in namespace madang\n",
        "missing: you may not create namespaces\n",
        "error: 12 things are missing; nothing was changed\n",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(!said.contains("sidecars."), "{said}");
    assert!(!poor.says(&DEPLOY).contains("you may not"), "one service needs less");
}
