//! What Prometheus is given: its configuration and rules in the platform, and the objects for an operator, on request alone.

use std::fs;
use std::process::Command;

use madang_tests::tidy;
use serde_json::{Value, json};

use crate::charts;
use crate::object::{Object, list, text};
use crate::of_charts;

const OPERATORS: &str = "monitoring.coreos.com/v1";

fn rules() -> Value {
    let rules = fs::read_to_string(tidy::root().join("helm/commons/files/rules.yaml")).unwrap();
    serde_saphyr::from_str(&rules).unwrap()
}

fn of_operators(objects: &[Object]) -> Vec<&Object> {
    objects.iter().filter(|object| text(&object.0, "/apiVersion") == OPERATORS).collect()
}

#[test]
fn objects_for_an_operator_of_prometheus_are_there_on_request_alone() {
    let charts = of_charts!();
    assert!(of_operators(&charts.shop(&[])).is_empty());
    let sets = ["commons.prometheus.rule=true", "commons.prometheus.labels.release=monitoring"];
    let shop = charts.shop(&sets);
    let [rule] = of_operators(&shop)[..] else { panic!("one object was asked for") };
    assert_eq!((rule.kind(), rule.at("/spec")), ("PrometheusRule", &rules()));
    assert_eq!(rule.at("/metadata/labels/release"), "monitoring");
    let shop = charts.shop(&["commons.prometheus.podMonitor=true"]);
    let [monitor] = of_operators(&shop)[..] else { panic!("one object was asked for") };
    assert_eq!(monitor.kind(), "PodMonitor");
    // It finds the pods of every service.
    let wanted = monitor.at("/spec/selector/matchLabels").as_object().unwrap();
    let pods: Vec<&Object> = shop.iter().filter(|object| charts::SERVICES.contains(&object.name())).collect();
    let deployments = pods.iter().filter(|object| object.kind() == "Deployment");
    let labels = deployments.map(|object| object.at("/spec/template/metadata/labels")).collect::<Vec<_>>();
    assert_eq!(labels.len(), charts::SERVICES.len());
    for labels in labels {
        assert!(wanted.iter().all(|(name, value)| &labels[name] == value), "{labels} is not selected");
    }
}

#[test]
fn the_platforms_prometheus_reads_the_rules_and_keeps_exemplars() {
    if !charts::asked() {
        return;
    }
    let output =
        Command::new("kubectl").args(["kustomize", "k8s/platform"]).current_dir(tidy::root()).output();
    let platform = Object::parse(&String::from_utf8(output.unwrap().stdout).unwrap()).unwrap();
    let named = |kind: &str, name: &str| {
        let found = platform.iter().find(|object| object.kind() == kind && object.name().starts_with(name));
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    };
    let map = named("ConfigMap", "prometheus-rules-");
    assert_eq!(map.at("/metadata/namespace"), "observability");
    let mounted: Value = serde_saphyr::from_str(map.at("/data/rules.yaml").as_str().unwrap()).unwrap();
    assert_eq!(mounted, rules());

    let prometheus = named("Deployment", "prometheus");
    let pod = prometheus.pod().unwrap();
    let volume = json!({ "name": "rules", "configMap": { "name": map.name() } });
    assert!(list(pod, "/spec/volumes").contains(&volume), "its volume is that of the rules");
    let container = &list(pod, "/spec/containers")[0];
    let mount = json!({ "name": "rules", "mountPath": "/etc/prometheus/rules", "readOnly": true });
    assert!(list(container, "/volumeMounts").contains(&mount));
    assert!(list(container, "/args").contains(&json!("--enable-feature=exemplar-storage")));
    let config = platform.iter().find(|object| object.kind() == "ConfigMap" && object.name() == "prometheus");
    let config = config.unwrap().at("/data/prometheus.yml").as_str().unwrap();
    let config: Value = serde_saphyr::from_str(config).unwrap();
    assert_eq!(config["rule_files"], json!(["/etc/prometheus/rules/*.yaml"]));
}
