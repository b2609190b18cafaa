//! The dashboards for Grafana: one of each service, one of the shop.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::names;
use crate::panels::{Panel, Row, SERVICE, SHOP};
use crate::registries::{self, Registry};

const FOLDER: &str = "k8s/dashboards";
/// A dashboard is so many columns wide.
const COLUMNS: usize = 24;
const WIDTH: usize = 8;
const HEIGHT: usize = 8;

fn target((number, (query, legend)): (usize, &(&str, &str)), service: &str) -> Value {
    let letter = char::from_u32('A' as u32 + u32::try_from(number).unwrap()).unwrap();
    json!({
        "refId": letter.to_string(),
        "datasource": { "type": "prometheus", "uid": "${datasource}" },
        "expr": query.replace("$service", service),
        "legendFormat": legend,
        // The traces of slow calls, as points.
        "exemplar": query.contains("_bucket"),
    })
}

fn panel(panel: &Panel, service: &str, (id, column, line): (usize, usize, usize)) -> Value {
    let targets: Vec<Value> = panel.queries.iter().enumerate().map(|query| target(query, service)).collect();
    json!({
        "id": id,
        "type": "timeseries",
        "title": panel.title,
        "datasource": { "type": "prometheus", "uid": "${datasource}" },
        "gridPos": { "x": column, "y": line, "w": WIDTH, "h": HEIGHT },
        "fieldConfig": {
            "defaults": { "unit": panel.unit, "min": 0, "custom": { "fillOpacity": 10, "showPoints": "never" } },
            "overrides": [],
        },
        "options": { "legend": { "displayMode": "list", "placement": "bottom" }, "tooltip": { "mode": "multi" } },
        "targets": targets,
    })
}

/// The panels of rows that are wanted, each in its place.
fn panels(rows: &[Row], service: &str, wanted: impl Fn(&Panel) -> bool) -> Vec<Value> {
    let (mut placed, mut line, mut id) = (Vec::new(), 0, 0);
    for (title, row) in rows {
        let row: Vec<&Panel> = row.iter().filter(|panel| wanted(panel)).collect();
        if row.is_empty() {
            continue;
        }
        id += 1;
        let place = json!({ "x": 0, "y": line, "w": COLUMNS, "h": 1 });
        placed.push(json!({ "id": id, "type": "row", "title": title, "collapsed": false, "gridPos": place, "panels": [] }));
        line += 1;
        for (number, one) in row.iter().enumerate() {
            id += 1;
            let (column, below) = (number * WIDTH % COLUMNS, number * WIDTH / COLUMNS * HEIGHT);
            placed.push(panel(one, service, (id, column, line + below)));
        }
        line += row.len().div_ceil(COLUMNS / WIDTH) * HEIGHT;
    }
    placed
}

fn dashboard(name: &str, panels: &[Value]) -> String {
    let source = json!({
        "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}, "hide": 0,
    });
    let dashboard = json!({
        "uid": format!("madang-{name}"),
        "title": format!("Madang: {name}"),
        "tags": ["madang"],
        "editable": true,
        "schemaVersion": 39,
        "version": 1,
        "refresh": "10s",
        "time": { "from": "now-30m", "to": "now" },
        "timezone": "browser",
        "graphTooltip": 1,
        "templating": { "list": [source] },
        "panels": panels,
    });
    let mut text = serde_json::to_string_pretty(&dashboard).unwrap();
    text.push('\n');
    text
}

/// Every dashboard: its name and its text.
pub(crate) fn all(registries: &[Registry]) -> Vec<(String, String)> {
    let of = |(service, listed): &Registry| {
        let has =
            |panel: &Panel| panel.queries.iter().all(|(query, _)| names::unknown(query, listed).is_empty());
        ((*service).to_owned(), dashboard(service, &panels(SERVICE, service, has)))
    };
    let shop = ("shop".to_owned(), dashboard("shop", &panels(SHOP, "", |_| true)));
    registries.iter().map(of).chain([shop]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboards_are_those_of_the_panels() {
    let registries = registries::all().await;
    let all = all(&registries);
    for (name, text) in &all {
        crate::held(&format!("{FOLDER}/{name}.json"), text);
    }
    let wanted: BTreeSet<String> = all.iter().map(|(name, _)| format!("{name}.json")).collect();
    let found = std::fs::read_dir(crate::root().join(FOLDER)).unwrap();
    let found: BTreeSet<String> =
        found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, wanted);
    // A panel that no service has would be nowhere.
    for panel in SERVICE.iter().flat_map(|(_, row)| *row) {
        let title = serde_json::to_string(panel.title).unwrap();
        assert!(all.iter().any(|(_, text)| text.contains(&title)), "{title} is on no dashboard");
    }
}
