//! The table of metrics in docs/telemetry.md.

use std::collections::BTreeMap;
use std::fmt::Write;

use madang_chassis::metrics::Described;

use crate::registries::{self, Registry};

const FILE: &str = "docs/telemetry.md";
const BEGIN: &str = "<!-- metrics -->\n";
const END: &str = "<!-- /metrics -->\n";

fn unit(metric: &Described) -> &'static str {
    let name = metric.name.strip_suffix("_total").unwrap_or(&metric.name);
    match name.rsplit('_').next() {
        Some("seconds") => "seconds",
        Some("bytes") => "bytes",
        Some(_) | None => "",
    }
}

fn table(registries: &[Registry]) -> String {
    let mut metrics: BTreeMap<&str, (&Described, Vec<&str>)> = BTreeMap::new();
    for (service, listed) in registries {
        for metric in listed {
            let (first, services) = metrics.entry(&metric.name).or_insert((metric, Vec::new()));
            assert_eq!(*first, metric, "one name, one meaning");
            services.push(service);
        }
    }
    let mut table =
        String::from("\n| name | type | unit | labels | meaning | services |\n|---|---|---|---|---|---|\n");
    for (name, (metric, services)) in metrics {
        let all = services.len() == registries.len();
        let services = if all { "all".to_owned() } else { services.join(", ") };
        let (labels, help) = (metric.labels.join(", "), metric.help.trim_end_matches('.'));
        let (kind, unit) = (metric.kind, unit(metric));
        writeln!(table, "| `{name}` | {kind} | {unit} | {labels} | {help} | {services} |").unwrap();
    }
    table.push('\n');
    table
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_lists_every_metric_of_every_service() {
    let table = table(&registries::all().await);
    let document = std::fs::read_to_string(crate::root().join(FILE)).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    crate::held(FILE, &format!("{before}{BEGIN}{table}{END}{after}"));
}

/// Base units, `_total` on counters alone, and nothing of OpenMetrics' own suffixes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_follow_the_conventions() {
    for (service, listed) in registries::all().await {
        for Described { name, help, kind, .. } in listed {
            assert_eq!(name.ends_with("_total"), kind == "counter", "{service}: {name}");
            assert!(
                name.starts_with("madang_") && name.chars().all(|c| matches!(c, 'a'..='z' | '_')),
                "{name}"
            );
            for wrong in
                ["_ms", "_millis", "_milliseconds", "_kb", "_mb", "_percent", "_count", "_sum", "_bucket"]
            {
                assert!(!name.ends_with(wrong), "{service}: {name}");
            }
            assert!(!help.is_empty() && !help.contains('|'), "{name}: {help}");
            assert!(!name.contains("duration") || name.contains("_seconds"), "{service}: {name}");
        }
    }
}
