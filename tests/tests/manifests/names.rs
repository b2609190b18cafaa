//! Names and versions that stand in several places: crates, charts, images, the Makefile, skaffold.

mod images;
mod skaffold;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use madang_tests::tidy;
use serde_json::Value;

use crate::charts::{self, SERVICES};
use crate::object::{list, text, texts};
use crate::of_charts;

fn read(path: &str) -> String {
    fs::read_to_string(tidy::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn set(names: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    names.into_iter().map(Into::into).collect()
}

/// The services, and the command line.
fn images() -> BTreeSet<String> {
    set(SERVICES.into_iter().chain(["cli"]))
}

/// The version of a crate, as its manifest says it.
fn version(folder: &str) -> String {
    let manifest = read(&format!("{folder}/Cargo.toml"));
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    line.unwrap_or_else(|| panic!("{folder} has no version of its own")).trim_matches('"').to_owned()
}

/// The words that follow a name and a mark in a file, to the end of its line.
fn words(path: &str, before: &str) -> BTreeSet<String> {
    words_of(&read(path), before).unwrap_or_else(|| panic!("{path}: {before}"))
}

/// The same of a text; none where it has no such mark.
fn words_of(text: &str, before: &str) -> Option<BTreeSet<String>> {
    let line = text.lines().find_map(|line| line.strip_prefix(before))?;
    Some(set(line.trim_matches(['"', ' ']).split_whitespace()))
}

/// A stage of the Dockerfile: its name, and its instructions.
fn stages(dockerfile: &str) -> Vec<(String, String)> {
    let stages = dockerfile.split("\nFROM ").skip(1);
    let named = stages.filter_map(|stage| {
        let (head, rest) = stage.split_once('\n')?;
        Some((head.rsplit(" AS ").next()?.to_owned(), rest.to_owned()))
    });
    named.collect()
}

/// What is wrong with the stages and the binaries of a Dockerfile.
fn wrong_stages(dockerfile: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let stages = stages(dockerfile);
    let names =
        set(stages.iter().map(|(name, _)| name.clone()).filter(|name| name != "build" && name != "base"));
    if names != images() {
        wrong.push(format!("the stages are {names:?}"));
    }
    let built: BTreeSet<String> = ["ARG SERVICES=", "ARG CLI="]
        .iter()
        .filter_map(|name| words_of(dockerfile, name))
        .flatten()
        .collect();
    if built != images() {
        wrong.push(format!("of all images {built:?} are built"));
    }
    for (name, stage) in stages.iter().filter(|(name, _)| names.contains(name)) {
        let binary = if name == "cli" { "madang".to_owned() } else { format!("madang-{name}") };
        for part in
            [format!("COPY --from=build /out/{binary} /{binary}"), format!("ENTRYPOINT [\"/{binary}\"]")]
        {
            if !stage.lines().any(|line| line == part) {
                wrong.push(format!("the stage {name} has no {part}"));
            }
        }
    }
    if !stages.iter().any(|(name, stage)| name == "base" && stage.contains("\nUSER 65532:65532\n")) {
        wrong.push("the images run as root".to_owned());
    }
    wrong
}

#[test]
fn the_dockerfile_has_a_stage_for_each_service_and_the_command_line() {
    if !charts::asked() {
        return;
    }
    let dockerfile = read("Dockerfile");
    crate::none(&wrong_stages(&dockerfile));
    let other = dockerfile.replace(" AS orders", " AS order").replace("ARG CLI=cli", "ARG CLI");
    let wrong = wrong_stages(
        &other.replace("[\"/madang-catalog\"]", "[\"/madang-orders\"]").replace("USER 65532", "USER 0"),
    );
    for about in ["the stages are", "of all images {", "the stage catalog has no ENTRYPOINT", "run as root"] {
        crate::told(&wrong, about);
    }
}

#[test]
fn hadolint_finds_nothing_wrong_with_the_dockerfile() {
    if !charts::asked() {
        return;
    }
    let hadolint = |file: &std::path::Path| {
        let output = Command::new("hadolint").arg(file).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (succeeded, told) = hadolint(&tidy::root().join("Dockerfile"));
    assert!(succeeded && told.is_empty(), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Dockerfile");
    fs::write(&file, "FROM debian:latest\nRUN cd /tmp && apt-get install curl\n").unwrap();
    assert!(hadolint(&file).1.contains("DL3007"), "hadolint does not look");
}

#[test]
fn the_image_is_built_by_the_toolchain_of_the_repository() {
    let arg = words("Dockerfile", "ARG RUST=").pop_first().unwrap();
    let channel = words("rust-toolchain.toml", "channel = ").pop_first().unwrap();
    let oldest = words("Cargo.toml", "rust-version = ").pop_first().unwrap();
    assert!(channel.trim_matches('"').starts_with(&format!("{arg}.")), "{channel} and {arg}");
    assert_eq!(arg, oldest.trim_matches('"'));
}

#[test]
fn every_place_that_lists_the_services_lists_the_same() {
    let services = set(SERVICES);
    let folders = fs::read_dir(tidy::root().join("services")).unwrap();
    assert_eq!(
        set(folders.map(|entry| entry.unwrap().file_name().into_string().unwrap())),
        services,
        "services/"
    );
    assert_eq!(words("Makefile", "SERVICES := "), services, "Makefile");
    assert_eq!(words("tools/images", "names="), images(), "tools/images");
    let folders = fs::read_dir(tidy::root().join("helm")).unwrap();
    let mut charts = services.clone();
    charts.extend(set(["commons", "library", "madang"]));
    assert_eq!(set(folders.map(|entry| entry.unwrap().file_name().into_string().unwrap())), charts, "helm/");
    let mut installed = services.clone();
    installed.insert("commons".to_owned());
    let umbrella = yaml("helm/madang/Chart.yaml");
    assert_eq!(
        set(list(&umbrella, "/dependencies").iter().map(|chart| text(chart, "/name"))),
        installed,
        "umbrella"
    );
    let values = yaml("helm/madang/values.yaml");
    assert_eq!(set(values.as_object().unwrap().keys().cloned()), installed, "umbrella's values");
}

#[test]
fn the_policy_table_has_an_entry_for_each_service() {
    let table = of_charts!().table();
    assert_eq!(set(table.table.into_keys()), set(SERVICES));
}

#[test]
fn a_chart_has_the_version_of_its_service_and_depends_on_what_is_there() {
    for name in SERVICES.into_iter().chain(["commons", "madang"]) {
        let chart = yaml(&format!("helm/{name}/Chart.yaml"));
        let folder = if SERVICES.contains(&name) { format!("services/{name}") } else { "cli".to_owned() };
        assert_eq!(text(&chart, "/appVersion"), version(&folder), "helm/{name}");
        for needed in list(&chart, "/dependencies") {
            let path = text(needed, "/repository").strip_prefix("file://../").unwrap();
            let there = yaml(&format!("helm/{path}/Chart.yaml"));
            let told = |key: &str| (text(needed, key).to_owned(), text(&there, key).to_owned());
            for (wanted, found) in ["/name", "/version"].map(told) {
                assert_eq!(wanted, found, "helm/{name} needs {path}");
            }
        }
    }
}

#[test]
fn the_job_and_the_tests_run_the_command_line_of_this_version() {
    let values = yaml("helm/commons/values.yaml");
    assert_eq!(text(&values, "/image/repository"), "madang/cli");
    assert_eq!(text(&values, "/image/tag"), version("cli"));
    assert_eq!(words("Dockerfile", "ARG VERSION="), set([version("cli")]));
}

#[test]
fn a_services_image_is_of_its_name_and_version() {
    let shop = of_charts!().shop(&[]);
    for name in SERVICES {
        let deployment = crate::object::one(&shop, "Deployment", name);
        let images: Vec<String> = list(&deployment.0, "/spec/template/spec/containers")
            .iter()
            .map(|container| text(container, "/image").to_owned())
            .collect();
        assert_eq!(images, [format!("madang/{name}:{}", version(&format!("services/{name}")))]);
    }
}

/// The variables that a service reads, as its own source and that of the shared crates say it.
fn read_by(service: &str) -> BTreeSet<String> {
    let own = format!("services/{service}/src");
    let files =
        tidy::files(&tidy::root(), &[&own, "crates/chassis/src", "crates/db/src", "crates/events/src"], "rs");
    let mut found = BTreeSet::new();
    for file in files.unwrap() {
        let after = file.text.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(set(after));
    }
    found
}

/// Variables of a service's pods that it does not read.
fn unread(shop: &[crate::object::Object], service: &str) -> Vec<String> {
    let deployment = crate::object::one(shop, "Deployment", service);
    let known = read_by(service);
    let given =
        list(&deployment.0, "/spec/template/spec/containers/0/env").iter().map(|it| text(it, "/name"));
    let unread = given.filter(|name| !known.contains(*name));
    unread.map(|name| format!("{service} does not read {name}")).collect()
}

#[test]
fn every_variable_that_a_pod_is_given_is_one_that_its_service_reads() {
    let charts = of_charts!();
    for variant in crate::variants::ALL {
        let shop = variant.shop(charts);
        crate::none(&SERVICES.map(|service| unread(&shop, service)).concat());
    }
    let misspelt = charts.shop(&["orders.env.MADANG_LOGLEVEL=debug", "orders.faults=true"]);
    assert_eq!(unread(&misspelt, "orders"), ["orders does not read MADANG_LOGLEVEL"]);
}
