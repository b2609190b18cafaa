//! What is committed for `kubectl apply -k`, against the charts, the pinned releases, and the schemas of Kubernetes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use madang_tests::backends::skipped;
use madang_tests::tidy;

use crate::charts::{self, Charts, SERVICES};
use crate::object::{Object, list, text};
use crate::of_charts;
use crate::variants;

/// What is rendered for, from the oldest to the newest.
const KUBERNETES: [&str; 7] = ["1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37"];
const CHARTS: [&str; 2] = ["commons", "madang"];

/// What a command prints, and whether it succeeded.
fn run(command: &mut Command) -> (bool, String) {
    let output =
        command.current_dir(tidy::root()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&told).into_owned())
}

fn kustomize(folder: &str) -> Vec<Object> {
    let (succeeded, told) = run(Command::new("kubectl").args(["kustomize", folder]));
    assert!(succeeded, "{told}");
    Object::parse(&told).unwrap()
}

/// Whether what is committed below a root is what its charts give.
fn rendered(root: &Path) -> (bool, String) {
    run(Command::new(root.join("tools/render")).arg("shop").env("CHECK", "1"))
}

/// What the schemas find wrong with files of manifests.
fn against_schemas(files: &[&Path]) -> (bool, String) {
    let mut validate = Command::new("python3");
    validate.arg("tests/tests/manifests/schemas.py").args(files);
    validate.args(["--definitions", "k8s/platform/istio-base.yaml", "k8s/platform/gateway-api.yaml"]);
    run(validate.arg("--versions").args(KUBERNETES))
}

/// What `istioctl analyze` says of a namespace with a mesh, with these objects in it.
fn analyzed(file: &Path) -> (bool, String) {
    let mut istioctl = Command::new("istioctl");
    istioctl.args([
        "analyze",
        "--use-kube=false",
        "--failure-threshold",
        "Info",
        "--namespace",
        charts::NAMESPACE,
    ]);
    // A server outside has no addresses of its own: it is told by its port, and no sidecar's scope has two servers of one port.
    for entry in ["orders-database", "nats-broker"] {
        istioctl.args(["--suppress", &format!("IST0134=ServiceEntry {}/{entry}", charts::NAMESPACE)]);
    }
    run(istioctl.arg(file))
}

/// The release of each image below k8s/platform that a pin names, and of the Gateway API's definitions.
fn wrong_pins(pins: &str, platform: &[Object]) -> Vec<String> {
    let pin = |name: &str| {
        let line = pins.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("{name} is not pinned")).to_owned()
    };
    let wanted = [
        ("docker.io/istio/", pin("ISTIO")),
        ("docker.io/jaegertracing/jaeger", pin("JAEGER")),
        ("docker.io/prom/prometheus", format!("v{}", pin("PROMETHEUS"))),
        ("registry.k8s.io/metrics-server/", format!("v{}", pin("METRICS_SERVER"))),
    ];
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for object in platform {
        for container in object.pod().into_iter().flat_map(|pod| list(pod, "/spec/containers")) {
            let image = text(container, "/image");
            let known = wanted.iter().find(|(prefix, _)| image.starts_with(prefix));
            seen.extend(known.map(|(prefix, _)| *prefix));
            if known.is_none_or(|(_, release)| !image.ends_with(&format!(":{release}"))) {
                wrong.push(format!("{} runs {image}, which is not pinned", object.title()));
            }
        }
        let bundle = text(&object.0, "/metadata/annotations/gateway.networking.k8s.io~1bundle-version");
        if !bundle.is_empty() && bundle != format!("v{}", pin("GATEWAY_API")) {
            wrong.push(format!("{} is of {bundle}", object.title()));
        }
    }
    let lacking = wanted.iter().filter(|(prefix, _)| !seen.contains(prefix));
    wrong.extend(lacking.map(|(prefix, _)| format!("nothing runs {prefix}")));
    wrong
}

#[test]
fn what_is_committed_for_kubectl_is_what_the_charts_give() {
    if !charts::asked() {
        return;
    }
    let (succeeded, told) = rendered(&tidy::root());
    assert!(succeeded, "{told}");
    let copy = tempfile::tempdir().unwrap();
    for folder in ["helm", "k8s/base", "k8s/platform", "tools"] {
        charts::copy(&tidy::root().join(folder), &copy.path().join(folder)).unwrap();
    }
    fs::write(copy.path().join("helm/orders/values.yaml"), "logLevel: debug\n").unwrap();
    let (succeeded, told) = rendered(copy.path());
    assert!(!succeeded && told.contains("run tools/render"), "{told}");
}

#[test]
fn the_shop_for_kind_is_the_charts_rendering_in_its_namespace() {
    let charts = of_charts!();
    let name = |object: &Object| (object.kind().to_owned(), object.name().to_owned());
    let found: BTreeSet<_> = kustomize("k8s/overlays/kind").iter().map(name).collect();
    let without_hooks = |object: &&Object| object.at("/metadata/annotations/helm.sh~1hook").is_null();
    let mut wanted: BTreeSet<_> = charts.shop(&[]).iter().filter(without_hooks).map(name).collect();
    wanted.insert(("Namespace".to_owned(), charts::NAMESPACE.to_owned()));
    assert_eq!(found, wanted);
    let elsewhere: Vec<String> = kustomize("k8s/overlays/kind")
        .iter()
        .filter(|object| {
            object.kind() != "Namespace" && text(&object.0, "/metadata/namespace") != charts::NAMESPACE
        })
        .map(Object::title)
        .collect();
    crate::none(&elsewhere);
}

#[test]
fn the_platform_runs_the_releases_that_are_pinned() {
    if !charts::asked() {
        return;
    }
    let pins = fs::read_to_string(tidy::root().join("k8s/platform/pins")).unwrap();
    let platform = kustomize("k8s/platform");
    crate::none(&wrong_pins(&pins, &platform));
    let newer = pins.replace("ISTIO=1.", "ISTIO=2.").replace("GATEWAY_API=1.", "GATEWAY_API=2.");
    let wrong = wrong_pins(&newer, &platform);
    crate::told(&wrong, "runs docker.io/istio/pilot");
    crate::told(&wrong, "is of v1.");
}

#[test]
fn every_object_fits_the_schemas_of_kubernetes_1_31_to_1_37_and_of_the_platforms_definitions() {
    let charts = of_charts!();
    let folder = tempfile::tempdir().unwrap();
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for (number, variant) in variants::ALL.iter().enumerate() {
        let file = folder.path().join(format!("{number}.yaml"));
        // What another form has as well is looked at once.
        let rendered = charts.text("madang", variant.sets).unwrap();
        let new = rendered.split("\n---\n").filter(|text| seen.insert((*text).to_owned()));
        fs::write(&file, new.collect::<Vec<_>>().join("\n---\n")).unwrap();
        files.push(file);
    }
    let platform = ["jaeger", "prometheus", "istio-cni", "istiod", "metrics-server", "namespaces"];
    files.extend(platform.map(|name| tidy::root().join(format!("k8s/platform/{name}.yaml"))));
    files.push(tidy::root().join("k8s/grpcurl.yaml"));
    let (succeeded, told) = against_schemas(&files.iter().map(|file| file.as_path()).collect::<Vec<_>>());
    assert!(succeeded, "{told}");
}

#[test]
fn an_object_that_fits_no_schema_is_told() {
    let charts = of_charts!();
    let rendered = charts.text("madang", &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.yaml");
    let broken = rendered.replace("enableServiceLinks:", "enableServiceLink:");
    let broken = broken.replace("consecutiveGatewayErrors:", "consecutiveErrorsOfGateway:");
    let broken = broken
        .replace("averageValue: 200m", "averageValue: [200m]")
        .replace("sectionName: grpc", "sectionName: 7");
    fs::write(&file, broken).unwrap();
    let (succeeded, told) = against_schemas(&[&file]);
    let lines: Vec<String> = told.lines().map(str::to_owned).collect();
    assert!(!succeeded);
    crate::told(&lines, "Deployment orders in Kubernetes 1.31");
    crate::told(&lines, "Deployment orders in Kubernetes 1.37");
    crate::told(&lines, "DestinationRule orders at spec/trafficPolicy/outlierDetection");
    crate::told(&lines, "HorizontalPodAutoscaler orders");
    crate::told(&lines, "GRPCRoute gateway-grpc at spec/parentRefs/0/sectionName");
}

#[test]
fn helm_finds_nothing_wrong_with_any_chart() {
    let charts = of_charts!();
    let lint = |charts: &Charts, chart: &str| {
        run(Command::new("helm").args(["lint", "--strict"]).arg(charts.of(chart)))
    };
    for chart in SERVICES.iter().chain(&CHARTS) {
        let (succeeded, told) = lint(charts, chart);
        assert!(succeeded && !told.contains("[WARNING]"), "{chart}: {told}");
    }
    let broken = Charts::copy(&|root| {
        fs::write(root.join("orders/Chart.yaml"), "apiVersion: v2\nname: orders\n").unwrap()
    });
    let (succeeded, told) = lint(&broken.unwrap(), "orders");
    assert!(!succeeded, "{told}");
}

#[test]
fn istioctl_finds_nothing_wrong_with_the_shop() {
    let charts = of_charts!();
    if Command::new("istioctl").arg("version").arg("--remote=false").output().is_err() {
        skipped(
            "istioctl_finds_nothing_wrong_with_the_shop",
            "istioctl is not on PATH, and no package brings it",
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    let namespaces = ["k8s/base/namespace.yaml", "k8s/platform/namespaces.yaml", "k8s/platform/jaeger.yaml"];
    let around = namespaces.map(|path| fs::read_to_string(tidy::root().join(path)).unwrap()).join("\n---\n");
    let analyze = |rendered: &str| {
        fs::write(&file, format!("{around}\n---\n{rendered}")).unwrap();
        analyzed(&file)
    };
    for variant in variants::ALL {
        let (succeeded, told) = analyze(&charts.text("madang", variant.sets).unwrap());
        assert!(succeeded && told.contains("No validation issues"), "{:?}: {told}", variant.sets);
    }
    let nowhere = charts.text("madang", &[]).unwrap().replace("subset: stable}", "subset: steady}");
    let (succeeded, told) = analyze(&nowhere);
    assert!(!succeeded && told.contains("IST0101"), "{told}");
}
