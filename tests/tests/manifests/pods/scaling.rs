//! How many pods there are, of which version, and what they may take.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::charts::Charts;
use crate::object::{Labels, Object, broken, labels, list, of_kind, one, text, without};
use crate::of_charts;
use crate::table::Table;
use crate::variants::{self, PLAIN, Variant};

/// Whose outage all customers would see.
const AT_LEAST_TWO: [&str; 3] = ["gateway", "catalog", "orders"];
const TRACK: &str = "madang.dev/track";
const NAME: &str = "app.kubernetes.io/name";

/// Deployments, autoscalers and budgets that do not fit each other.
fn wrong(objects: &[Object], _: &Table, variant: &Variant) -> Vec<String> {
    let mut wrong = Vec::new();
    for deployment in of_kind(objects, "Deployment") {
        let title = deployment.title();
        let (name, track) = match deployment.name().strip_suffix("-canary") {
            Some(name) => (name, "canary"),
            None => (deployment.name(), "stable"),
        };
        let selector = labels(&deployment.0, "/spec/selector/matchLabels");
        if selector
            != Labels::from([(NAME.to_owned(), name.to_owned()), (TRACK.to_owned(), track.to_owned())])
        {
            wrong.push(format!("{title} selects {selector:?}"));
        }
        let scaled = of_kind(objects, "HorizontalPodAutoscaler")
            .any(|scaler| text(&scaler.0, "/spec/scaleTargetRef/name") == deployment.name());
        if scaled != deployment.at("/spec/replicas").is_null() {
            wrong.push(format!("{title} and an autoscaler both say how many there are, or neither"));
        }
        let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}});
        if *deployment.at("/spec/strategy") != rolling {
            wrong.push(format!("{title} is updated by {}", deployment.at("/spec/strategy")));
        }
        wrong.extend(without_guards(objects, name));
    }
    let canaries = of_kind(objects, "Deployment").filter(|deployment| deployment.name().ends_with("-canary"));
    if canaries.map(Object::name).ne(variant.canary.map(|name| format!("{name}-canary")).iter()) {
        wrong.push(format!("the canaries are not {:?}", variant.canary));
    }
    wrong.extend(of_kind(objects, "HorizontalPodAutoscaler").flat_map(wrong_scaler));
    wrong.extend(objects.iter().flat_map(unselected));
    wrong
}

/// A Service and a budget over both tracks, which hold no version.
fn without_guards(objects: &[Object], name: &str) -> Vec<String> {
    let selector = json!({NAME: name});
    let guards = [("Service", "/spec/selector"), ("PodDisruptionBudget", "/spec/selector/matchLabels")];
    let lacking = guards.iter().filter(|(kind, path)| {
        !of_kind(objects, kind).any(|guard| guard.name() == name && *guard.at(path) == selector)
    });
    let mut wrong: Vec<String> = lacking.map(|(kind, _)| format!("no {kind} selects {name}")).collect();
    let budget = of_kind(objects, "PodDisruptionBudget").find(|budget| budget.name() == name);
    if budget.is_some_and(|budget| *budget.at("/spec/maxUnavailable") != 1) {
        wrong.push(format!("a drain may take more than one pod of {name}"));
    }
    wrong
}

fn wrong_scaler(scaler: &Object) -> Vec<String> {
    let number = |path: &str| scaler.at(path).as_u64().unwrap_or_default();
    let (least, most) = (number("/spec/minReplicas"), number("/spec/maxReplicas"));
    let target = text(&scaler.0, "/spec/scaleTargetRef/name");
    let two = if AT_LEAST_TWO.contains(&target) { 2 } else { 1 };
    let rules = [
        (
            text(&scaler.0, "/spec/metrics/0/resource/target/type") == "AverageValue",
            "does not go by the whole pod's CPU",
        ),
        (list(&scaler.0, "/spec/metrics").len() == 1, "goes by several measures"),
        (
            target == scaler.name() && !target.ends_with("-canary"),
            "scales another Deployment than the stable one",
        ),
        (least >= two, "keeps too few"),
        (most > least, "cannot scale"),
    ];
    rules
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, rule)| format!("{} {rule}", scaler.title()))
        .collect()
}

/// A selector whose pods do not have the labels.
fn unselected(object: &Object) -> Option<String> {
    let template = object.pod().filter(|_| ["Deployment", "StatefulSet"].contains(&object.kind()))?;
    let have = labels(template, "/metadata/labels");
    let selector = labels(&object.0, "/spec/selector/matchLabels");
    let versioned = selector.keys().any(|key| key.ends_with("/version") || key.ends_with("/instance"));
    let fits = !selector.is_empty() && selector.iter().all(|(key, value)| have.get(key) == Some(value));
    (versioned || !fits).then(|| format!("{} selects {selector:?}", object.title()))
}

/// A quantity of Kubernetes in thousandths.
fn thousandths(quantity: &Value) -> u64 {
    let text = quantity.as_str().map_or_else(|| quantity.to_string(), str::to_owned);
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &text[digits.len()..] {
        "m" => 1,
        "" => 1_000,
        "Ki" => 1_000 << 10,
        "Mi" => 1_000 << 20,
        "Gi" => 1_000 << 30,
        unit => panic!("{unit} is no unit that is used here"),
    };
    digits.parse::<u64>().unwrap() * unit
}

/// What all pods that stay request together, at the fewest replicas, without sidecars: thousandths of CPUs and of bytes.
fn requested(objects: &[Object]) -> (u64, u64) {
    let edge = one(objects, "ConfigMap", "edge");
    let edge: Value = serde_saphyr::from_str(text(&edge.0, "/data/deployment")).unwrap();
    let (mut cpu, mut memory) = (0, 0);
    let mut add = |times: u64, container: &Value| {
        let requests = &container["resources"]["requests"];
        cpu += times * thousandths(&requests["cpu"]);
        memory += times * thousandths(&requests["memory"]);
    };
    list(&edge, "/spec/template/spec/containers").iter().for_each(|container| add(1, container));
    for object in objects.iter().filter(|object| ["Deployment", "StatefulSet"].contains(&object.kind())) {
        let scaler =
            of_kind(objects, "HorizontalPodAutoscaler").find(|scaler| scaler.name() == object.name());
        let replicas = scaler.map_or(object.at("/spec/replicas"), |scaler| scaler.at("/spec/minReplicas"));
        let pod = object.pod().unwrap();
        super::containers(pod).for_each(|container| add(replicas.as_u64().unwrap(), container));
    }
    (cpu, memory)
}

/// The digest of its settings that each workload's pods carry.
fn digests(charts: &Charts, sets: &[&str]) -> BTreeMap<String, String> {
    let shop = charts.shop(sets);
    let workloads = shop.iter().filter(|object| ["Deployment", "StatefulSet"].contains(&object.kind()));
    let digest = |object: &Object| {
        let path = "/spec/template/metadata/annotations/madang.dev~1config";
        (object.name().to_owned(), text(&object.0, path).to_owned())
    };
    workloads.map(digest).collect()
}

/// The workloads whose pods roll when these values are set.
fn rolled(charts: &Charts, sets: &[&str]) -> Vec<String> {
    let (before, after) = (digests(charts, &[]), digests(charts, sets));
    assert!(before.values().all(|digest| digest.len() == 16), "{before:?}");
    before
        .iter()
        .filter(|(name, digest)| after.get(*name) != Some(digest))
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn stable_and_canary_scaling_and_budgets_fit_each_other_in_every_form_of_the_shop() {
    crate::none(&variants::wrong(of_charts!(), wrong));
}

#[test]
fn numbers_and_selectors_that_do_not_fit_are_told() {
    let charts = of_charts!();
    let (table, shop) = (charts.table(), charts.shop(&[]));
    let with =
        |of: (&str, &str), path: &str, value: Value| wrong(&broken(&shop, of, path, value), &table, &PLAIN);
    let deployment = ("Deployment", "catalog");
    let scaler = ("HorizontalPodAutoscaler", "catalog");
    let version = "/spec/selector/matchLabels/app.kubernetes.io~1version";
    crate::told(&with(deployment, version, json!("0.1.0")), "Deployment catalog selects");
    crate::told(&with(deployment, "/spec/replicas", json!(2)), "Deployment catalog and an autoscaler");
    crate::told(&with(deployment, "/spec/strategy", json!({"type": "Recreate"})), "catalog is updated by");
    crate::told(
        &with(("Service", "catalog"), "/spec/selector/madang.dev~1track", json!("stable")),
        "no Service selects catalog",
    );
    crate::told(
        &with(("PodDisruptionBudget", "catalog"), "/spec/maxUnavailable", json!(2)),
        "more than one pod of catalog",
    );
    crate::told(
        &with(scaler, "/spec/metrics/0/resource/target/type", json!("Utilization")),
        "whole pod's CPU",
    );
    crate::told(&with(scaler, "/spec/minReplicas", json!(1)), "keeps too few");
    crate::told(
        &with(("StatefulSet", "nats"), "/spec/selector/matchLabels", json!({"app": "x"})),
        "StatefulSet nats selects",
    );
    let alone = without(&shop, "PodDisruptionBudget", "catalog");
    crate::told(&wrong(&alone, &table, &PLAIN), "no PodDisruptionBudget selects catalog");
    let canary = variants::ALL.iter().find(|variant| variant.canary.is_some()).unwrap().shop(charts);
    crate::told(&wrong(&canary, &table, &PLAIN), "the canaries are not None");
}

#[test]
fn the_whole_shop_requests_at_most_one_cpu_and_one_gib_without_sidecars() {
    let shop = of_charts!().shop(&[]);
    let (cpu, memory) = requested(&shop);
    println!("requested without sidecars: {cpu}m CPU, {} MiB", (memory / 1_000) >> 20);
    assert!((300..=1_000).contains(&cpu), "{cpu}m CPU");
    assert!(memory <= 1_000 << 30, "{} MiB", (memory / 1_000) >> 20);
    let path = "/spec/template/spec/containers/0/resources/requests/cpu";
    let greedy = broken(&shop, ("Deployment", "orders"), path, json!("1"));
    assert_eq!(requested(&greedy).0, cpu - 2 * 20 + 2 * 1_000);
}

#[test]
fn a_setting_that_changes_rolls_the_pods_that_read_it_and_no_others() {
    let charts = of_charts!();
    assert_eq!(rolled(charts, &["orders.logLevel=debug"]), ["orders"]);
    assert_eq!(rolled(charts, &["orders.env.MADANG_LOG_FORMAT=json"]), ["orders"]);
    assert_eq!(rolled(charts, &["payments.database.connections=9"]), ["payments"]);
    let speak_nats = ["inventory", "notifications", "orders", "payments", "shipping"];
    assert_eq!(rolled(charts, &["global.nats.replicas=3"]), speak_nats);
    assert!(rolled(charts, &["orders.scaling.maxReplicas=9", "orders.mesh.read.retries=1"]).is_empty());
}
