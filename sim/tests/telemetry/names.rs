//! The names of metrics in rules and dashboards, against those that there are.

use std::collections::BTreeSet;

use madang_chassis::metrics::Described;
use serde_json::Value;

use crate::registries::{self, of};

const RULES: &str = "helm/commons/files/rules.yaml";

/// What others measure: Prometheus itself, and Istio's proxies.
const OTHERS: [&str; 2] = ["ALERTS", "istio_requests_total"];

/// What stands before a brace or a bracket in a query and is no series: functions take round brackets, so nothing else does.
fn series(query: &str) -> BTreeSet<&str> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    let mut series = BTreeSet::new();
    let mut quoted = false;
    let mut start = None;
    for (at, letter) in query.char_indices().chain([(query.len(), ' ')]) {
        if letter == '"' {
            quoted = !quoted;
        }
        if is_name(letter) && !quoted {
            start = start.or(Some(at));
        } else if let Some(from) = start.take() {
            let name = &query[from..at];
            let selects =
                matches!(letter, '{' | '[') && name.starts_with(|first: char| first.is_ascii_alphabetic());
            if name.starts_with("madang") || selects {
                series.insert(name);
            }
        }
    }
    series
}

/// The series of a query that none of these metrics has; a recorded one has a colon, and is looked at elsewhere.
pub(crate) fn unknown<'a>(query: &'a str, listed: &[Described]) -> Vec<&'a str> {
    let known = |name: &&str| {
        name.contains(':') || OTHERS.contains(name) || listed.iter().any(|metric| of(metric, name))
    };
    series(query).into_iter().filter(|name| !known(name)).collect()
}

/// The rules, as they are written.
fn rules() -> Vec<Value> {
    let text = std::fs::read_to_string(crate::root().join(RULES)).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

fn texts(rules: &[Value], field: &str) -> Vec<String> {
    rules.iter().filter_map(|rule| rule[field].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_and_dashboards_name_only_what_there_is() {
    let registries = registries::all().await;
    let listed: Vec<Described> = registries.iter().flat_map(|(_, listed)| listed.clone()).collect();
    let rules = rules();
    let (mut queries, recorded) = (texts(&rules, "expr"), texts(&rules, "record"));
    assert!(queries.len() > 30 && recorded.len() > 9, "{queries:?} {recorded:?}");
    for (name, text) in crate::dashboards::all(&registries) {
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let panels = dashboard["panels"].as_array().unwrap().iter();
        let targets = panels.flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
        let found: Vec<String> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
        assert!(found.len() > 5, "{name} shows next to nothing");
        queries.extend(found);
    }
    let mut wrong = BTreeSet::new();
    for query in &queries {
        wrong.extend(unknown(query, &listed));
        let of_rules = |name: &&str| name.starts_with("madang:");
        wrong.extend(
            series(query)
                .into_iter()
                .filter(of_rules)
                .filter(|name| !recorded.iter().any(|known| known == name)),
        );
    }
    assert!(wrong.is_empty(), "there is no {wrong:?}");
}

#[test]
fn a_name_that_is_not_there_is_found() {
    let metric =
        Described { name: "madang_a_seconds".into(), help: String::new(), kind: "histogram", labels: &[] };
    let query = "sum by (madang) (rate(madang_a_seconds_bucket{x=\"madang_z\"}[5m])) / madang_a_seconds + b_total{} and madang:c > up";
    assert_eq!(unknown(query, &[metric]), ["b_total", "madang", "madang_a_seconds"]);
}

#[test]
fn every_alert_has_its_line_in_the_runbook() {
    let runbook = std::fs::read_to_string(crate::root().join("docs/runbook.md")).unwrap();
    let entries: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let rules = rules();
    let alerts = texts(&rules, "alert");
    assert_eq!(entries, alerts.iter().map(String::as_str).collect());
    for rule in rules.iter().filter(|rule| rule["alert"].is_string()) {
        let (alert, severity) =
            (rule["alert"].as_str().unwrap(), rule["labels"]["severity"].as_str().unwrap());
        let link = format!("docs/runbook.md#{}", alert.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], Value::String(link));
        assert!(rule["annotations"]["summary"].is_string(), "{alert}");
        let told = format!("## {alert}\nSeverity {severity}. ");
        assert!(runbook.contains(&told), "the runbook does not say that {alert} is a {severity}");
    }
}
