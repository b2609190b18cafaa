//! skaffold.yaml against the tree. skaffold itself is not run, since no package brings it; 2.16.1 was, by hand, with Helm 3.18 on
//! kind: run, of all, and dev, of one service.

use std::collections::{BTreeMap, BTreeSet};

use madang_tests::tidy;
use serde_json::{Value, json};

use super::{SERVICES, images, list, read, set, stages, text, texts, yaml};

/// What of `build.artifacts` is wrong; `wanted` are the images that it should build.
fn wrong_artifacts(artifacts: &[Value], wanted: &BTreeSet<String>) -> Vec<String> {
    let stages = set(stages(&read("Dockerfile")).into_iter().map(|(name, _)| name));
    let mut wrong = Vec::new();
    for artifact in artifacts {
        let (image, target) = (text(artifact, "/image"), text(artifact, "/docker/target"));
        if image != format!("madang/{target}") || !stages.contains(target) {
            wrong.push(format!("{image} is built from the stage {target}"));
        }
        // Of one image nothing else is built, or its loop would take as long as all of them.
        let alone = json!({"PROFILE": "release", "SERVICES": target, "CLI": ""});
        let args = if wanted.len() == 1 { alone } else { json!({"PROFILE": "release"}) };
        if artifact["docker"]["buildArgs"] != args {
            wrong.push(format!("{image} is built with {}", artifact["docker"]["buildArgs"]));
        }
        let file = text(artifact, "/docker/dockerfile");
        if !tidy::root().join(file).is_file() {
            wrong.push(format!("{image} is built from {file}, which is not there"));
        }
    }
    let built = set(artifacts.iter().map(|artifact| text(artifact, "/docker/target")));
    if built != *wanted {
        wrong.push(format!("{built:?} are built, not {wanted:?}"));
    }
    wrong
}

/// What of `deploy.helm.releases` is wrong; each installs one chart, with the image that was built.
fn wrong_releases(releases: &[Value], wanted: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for release in releases {
        let (name, chart) = (text(release, "/name"), text(release, "/chartPath"));
        if chart != format!("helm/{name}") || !tidy::root().join(chart).join("Chart.yaml").is_file() {
            wrong.push(format!("{name} installs {chart}"));
        }
        if text(release, "/namespace") != crate::charts::NAMESPACE {
            wrong.push(format!("{name} is for the namespace {}", release["namespace"]));
        }
        let image = if name == "commons" { "cli" } else { name };
        let template = |what: &str| format!("{{{{.IMAGE_{what}_madang_{image}}}}}");
        let values = json!({"image.repository": template("REPO"), "image.tag": template("TAG")});
        if release["setValueTemplates"] != values {
            wrong.push(format!("{name} runs {}", release["setValueTemplates"]));
        }
        let known = values.as_object().unwrap().keys().all(|key| is_value(name, key));
        let files = texts(release, "/valuesFiles");
        if !known || files.iter().any(|file| !tidy::root().join(file).is_file()) {
            wrong.push(format!("{name} sets values that are not there"));
        }
    }
    let installed = set(releases.iter().map(|release| text(release, "/name")));
    if installed != *wanted {
        wrong.push(format!("{installed:?} are installed, not {wanted:?}"));
    }
    wrong
}

/// Whether the schema of a chart names a value.
fn is_value(chart: &str, path: &str) -> bool {
    let schema: Value = serde_json::from_str(&read(&format!("helm/{chart}/values.schema.json"))).unwrap();
    let place = path.split('.').map(|key| format!("/properties/{key}")).collect::<String>();
    schema.pointer(&place).is_some()
}

/// Profiles that do not build and install their one service.
fn wrong_profiles(profiles: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    for profile in profiles {
        let name = text(profile, "/name");
        let patches: BTreeMap<&str, &[Value]> = list(profile, "/patches")
            .iter()
            .filter(|patch| patch["op"] == "replace")
            .map(|patch| (text(patch, "/path"), list(patch, "/value")))
            .collect();
        let one = set([name]);
        let part = |path: &str| patches.get(path).copied().unwrap_or_default();
        let found = wrong_artifacts(part("/build/artifacts"), &one).into_iter();
        let found = found.chain(wrong_releases(part("/deploy/helm/releases"), &one));
        wrong.extend(found.map(|line| format!("profile {name}: {line}")));
    }
    let names = set(profiles.iter().map(|profile| text(profile, "/name")));
    if names != set(SERVICES) {
        wrong.push(format!("the profiles are {names:?}"));
    }
    wrong
}

/// A namespace that is not there before the releases, or that ends with skaffold.
fn wrong_namespace(skaffold: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if !skaffold["manifests"].is_null() {
        wrong.push("what is a manifest is deleted at the end, with all that is in it".to_owned());
    }
    let hook = texts(skaffold, "/deploy/helm/hooks/before/0/host/command").join(" ");
    let file = hook.split_whitespace().find(|word| word.contains(".yaml")).unwrap_or("nothing");
    if !tidy::root().join(file).is_file() {
        wrong.push(format!("{file} is applied first, which is not there"));
    }
    if !hook.contains("--context \"$SKAFFOLD_KUBE_CONTEXT\"") {
        wrong.push(format!("{file} is applied to another cluster than the releases"));
    }
    wrong
}

/// Everything that is wrong with skaffold.yaml.
fn wrong(skaffold: &Value) -> Vec<String> {
    let mut installed = set(SERVICES);
    installed.insert("commons".to_owned());
    let mut wrong = wrong_namespace(skaffold);
    wrong.extend(wrong_artifacts(list(skaffold, "/build/artifacts"), &images()));
    wrong.extend(wrong_releases(list(skaffold, "/deploy/helm/releases"), &installed));
    wrong.extend(wrong_profiles(list(skaffold, "/profiles")));
    wrong
}

#[test]
fn skaffold_names_images_charts_and_values_that_are_there_and_has_a_profile_for_each_service() {
    let skaffold = yaml("skaffold.yaml");
    crate::none(&wrong(&skaffold));
    let broken = |path: &str, value: Value| {
        let mut skaffold = skaffold.clone();
        *skaffold.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
        wrong(&skaffold)
    };
    crate::told(&broken("/build/artifacts/0/docker/target", json!("order")), "is built from the stage order");
    let all = broken("/profiles/0/patches/0/value/0/docker/buildArgs", json!({"PROFILE": "release"}));
    crate::told(&all, "profile catalog: madang/catalog is built with");
    crate::told(
        &broken("/build/artifacts/0/docker/dockerfile", json!("Containerfile")),
        "Containerfile, which is not there",
    );
    crate::told(
        &broken("/deploy/helm/releases/1/chartPath", json!("helm/orders")),
        "catalog installs helm/orders",
    );
    crate::told(&broken("/deploy/helm/releases/1/namespace", json!("shop")), "catalog is for the namespace");
    crate::told(&broken("/deploy/helm/releases/1/setValueTemplates", json!({})), "catalog runs {}");
    let mut owned = skaffold.clone();
    owned["manifests"] = json!({"rawYaml": ["k8s/base/namespace.yaml"]});
    crate::told(&wrong(&owned), "is deleted at the end");
    let hook = "/deploy/helm/hooks/before/0/host/command/2";
    let nowhere = broken(hook, json!("kubectl apply -f k8s/nowhere.yaml"));
    crate::told(&nowhere, "k8s/nowhere.yaml is applied first, which is not there");
    crate::told(&nowhere, "is applied to another cluster");
    crate::told(&broken("/profiles/0/patches/0/value", json!([])), "profile catalog: {} are built");
    crate::told(&broken("/profiles/0/name", json!("catalogue")), "the profiles are");
}
