//! The registries of all services, each of a service that serves.

use std::time::Duration;

use madang_chassis::metrics::Described;
use madang_chassis::{Listener, Platform, config};
use tempfile::TempDir;

/// A service's name and what it measures.
pub(crate) type Registry = (&'static str, Vec<Described>);

/// The flags of a service with a database and events.
fn flags(folder: &TempDir, name: &str) -> Vec<String> {
    let database = format!("sqlite:{}", folder.path().join(name).display());
    [name, "--database", &database].map(str::to_owned).into()
}

/// Nobody is there: what publishes and consumes by NATS is registered all the same.
const NATS: [&str; 2] = ["--nats-url", "nats://127.0.0.1:9"];

/// What a server registers last, before it serves calls, or HTTP.
const LAST: [&str; 2] = ["madang_rpc_server_places_taken", "madang_http_server_duration_seconds"];

async fn listed(platform: &Platform) -> Vec<Described> {
    let is_web = [madang_gateway::SERVICE, madang_console::SERVICE].contains(&platform.service);
    let serves = async {
        while !has(&platform.metrics.list(), LAST[usize::from(is_web)]) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), serves).await;
    assert!(waited.is_ok(), "{} does not serve: {:?}", platform.service.name, platform.readiness.missing());
    let (listed, text) = (platform.metrics.list(), platform.metrics.text());
    hold_labels(&listed, &text);
    platform.shutdown.begin();
    listed
}

fn has(listed: &[Described], name: &str) -> bool {
    listed.iter().any(|metric| metric.name == name)
}

/// Every label that is shown is one that is listed.
fn hold_labels(listed: &[Described], text: &str) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else { continue };
        let metric = listed.iter().find(|metric| of(metric, name)).unwrap_or_else(|| panic!("{line}"));
        let shown = rest.split_once('}').unwrap().0.split("\",").filter_map(|label| label.split_once("=\""));
        for (label, _) in shown.filter(|(label, _)| *label != "le") {
            assert!(metric.labels.contains(&label), "{label} of {name} is not listed");
        }
    }
}

/// Whether a series is of this metric.
pub(crate) fn of(metric: &Described, series: &str) -> bool {
    let rest = series.strip_prefix(metric.name.as_str());
    match metric.kind {
        "histogram" => matches!(rest, Some("_bucket" | "_sum" | "_count")),
        _ => rest == Some(""),
    }
}

/// Starts every service, asks it, and has it end.
pub(crate) async fn all() -> Vec<Registry> {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    macro_rules! list {
        ($service:ident, $flags:expr) => {{
            let flags: Vec<String> = $flags;
            let service = $service::SERVICE;
            let platform = Platform::system(service);
            let config: $service::Config = config::try_parse_from(&service, flags).unwrap();
            let (listener, _connector) = Listener::memory();
            let running = platform.clone();
            platform.tasks.spawn("service", async move {
                $service::run(config, listener, running).await.unwrap();
            });
            all.push((service.name, listed(&platform).await));
            assert!(platform.tasks.wait(Duration::from_secs(30)).await);
        }};
    }
    let with_events = |name| {
        let mut flags = flags(&folder, name);
        flags.extend(NATS.map(str::to_owned));
        flags
    };
    list!(madang_catalog, flags(&folder, "catalog"));
    list!(madang_inventory, with_events("inventory"));
    list!(madang_payments, with_events("payments"));
    list!(madang_shipping, with_events("shipping"));
    list!(madang_orders, with_events("orders"));
    list!(madang_notifications, with_events("notifications"));
    list!(madang_gateway, vec!["gateway".to_owned()]);
    list!(madang_console, vec!["console".to_owned()]);
    all
}
