//! What may be set: values.schema.json of every chart, against the defaults and against bad values.

use std::collections::BTreeSet;
use std::fs;

use madang_tests::tidy;
use serde_json::{Value, json};

use crate::charts::{Charts, SERVICES};
use crate::of_charts;

/// A value that is refused, and what the message must name.
const BAD: [(&str, &str, &str); 43] = [
    ("orders", "scaling.minReplicas=0", "'/scaling/minReplicas': minimum"),
    ("orders", "scaling.minReplicas=9", "scaling.minReplicas"),
    ("orders", "scaling.maxReplicas=1000", "'/scaling/maxReplicas': maximum"),
    ("orders", "scaling.targetCpuPerPod=much", "'/scaling/targetCpuPerPod'"),
    ("orders", "scaling.max=3", "'/scaling': additional properties 'max'"),
    ("orders", "replicas=-1", "'/replicas': minimum"),
    ("orders", "replicas=two", "'/replicas': got string"),
    ("orders", "image.tag=a tag", "'/image/tag'"),
    ("orders", "image.digest=sha256:1", "'/image/digest'"),
    ("orders", "image.pullPolicy=Sometimes", "'/image/pullPolicy'"),
    ("orders", "typo=1", "'': additional properties 'typo'"),
    ("orders", "faults=maybe", "'/faults': got string"),
    ("orders", "env.PATH=x", "'PATH' does not match"),
    ("orders", "logLevel=", "'/logLevel'"),
    ("orders", "traceRatio=2", "'/traceRatio': maximum"),
    ("orders", "resources.limits.memory=lots", "'/resources/limits/memory'"),
    ("orders", "resources.requests.cpu=-1", "'/resources/requests/cpu'"),
    ("orders", "drain.preStopSeconds=0", "'/drain/preStopSeconds': minimum"),
    ("orders", "drain.timeoutSeconds=soon", "'/drain/timeoutSeconds'"),
    ("orders", "disruption.maxUnavailable=0", "'/disruption/maxUnavailable'"),
    ("orders", "disruption.maxUnavailable=some", "'/disruption/maxUnavailable'"),
    ("orders", "canary.weight=101", "'/canary/weight': maximum"),
    ("orders", "canary.weight=-1", "'/canary/weight': minimum"),
    ("orders", "database.connections=0", "'/database/connections': minimum"),
    ("orders", "database.managed.port=-1", "'/database/managed/port': minimum"),
    ("orders", "database.managed.enabled=true", "'/database/managed': missing property 'host'"),
    ("orders", "database.managed.host=a b", "'/database/managed/host'"),
    ("orders", "database.managed.addresses={10.0.0.1}", "'/database/managed/addresses/0'"),
    ("orders", "postgres.maxConnections=3", "'/postgres/maxConnections': minimum"),
    ("orders", "postgres.storage.size=big", "'/postgres/storage/size'"),
    ("orders", "mesh.read.timeout=soon", "'/mesh/read/timeout'"),
    ("orders", "mesh.write.perTryTimeout=2s", "'/mesh/write': additional properties 'perTryTimeout'"),
    ("orders", "mesh.outlier.maxEjectionPercent=101", "'/mesh/outlier/maxEjectionPercent': maximum"),
    ("orders", "global.nats.url=http://nats", "'/global/nats/url'"),
    ("orders", "global.nats.host=nats.example.com", "global.nats.url"),
    ("orders", "global.telemetry.port=70000", "'/global/telemetry/port': maximum"),
    ("gateway", "hostnames={Not_A_Host}", "'/hostnames/0'"),
    ("console", "hostnames={shop.example.com}", "'': additional properties 'hostnames'"),
    ("commons", "edge.serviceType=Ingress", "'/edge/serviceType'"),
    ("commons", "edge.replicas=0", "'/edge/replicas': minimum"),
    ("commons", "edge.http.nodePort=80", "'/edge/http/nodePort': minimum"),
    ("commons", "prometheus.rule=maybe", "'/prometheus/rule': got string"),
    ("madang", "orders.scaling.minReplicas=0", "'/scaling/minReplicas': minimum"),
];
/// In the schema and not in the defaults: switches of the umbrella, a limit that nobody has.
const NO_DEFAULT: [&str; 4] =
    ["enabled", "madang-library", "resources.limits.cpu", "postgres.resources.limits.cpu"];

/// What is said of the tag `latest`, wherever a chart takes a tag.
const LATEST: &str =
    "value must be 'the tag of one version, such as 0.1.0: latest is another image every time'";

/// What helm says where it refuses a value; none where it takes it.
fn refusal(charts: &Charts, chart: &str, sets: &[&str]) -> Option<String> {
    let output = charts.helm(chart, sets).unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

fn schema(chart: &str) -> Value {
    let path = tidy::root().join(format!("helm/{chart}/values.schema.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn values(chart: &str) -> Value {
    let path = tidy::root().join(format!("helm/{chart}/values.yaml"));
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The paths of all values that are no maps of others.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value.as_object().filter(|map| !map.is_empty()) {
        Some(map) => map.iter().for_each(|(key, value)| leaves(value, &format!("{path}.{key}"), found)),
        None => drop(found.insert(path.trim_start_matches('.').to_owned())),
    }
}

/// The paths of all values that a schema names.
fn named(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    match schema["properties"].as_object() {
        Some(map) => map.iter().for_each(|(key, part)| named(part, &format!("{path}.{key}"), found)),
        None => drop(found.insert(path.trim_start_matches('.').to_owned())),
    }
}

/// What is in one and not in the other.
fn differences(schema: &Value, defaults: &Value) -> Vec<String> {
    let (mut in_schema, mut in_defaults) = (BTreeSet::new(), BTreeSet::new());
    named(schema, "", &mut in_schema);
    leaves(defaults, "", &mut in_defaults);
    let unknown = in_defaults.difference(&in_schema).map(|path| format!("the schema does not know {path}"));
    let unset = in_schema.difference(&in_defaults).filter(|path| !NO_DEFAULT.contains(&path.as_str()));
    unknown.chain(unset.map(|path| format!("{path} has no default"))).collect()
}

/// Maps of a schema that take keys which they do not name.
fn open_maps(schema: &Value, path: &str, found: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    if schema["additionalProperties"] != false {
        found.push(format!("{path} takes keys that it does not name"));
    }
    properties.iter().for_each(|(key, part)| open_maps(part, &format!("{path}/{key}"), found));
}

#[test]
fn a_bad_value_is_refused_by_a_message_that_names_it() {
    let charts = of_charts!();
    let mut wrong = Vec::new();
    for (chart, set, about) in BAD {
        match refusal(charts, chart, &[set]) {
            None => wrong.push(format!("{chart} takes {set}")),
            Some(said) if !said.contains(about) => {
                wrong.push(format!("{chart} {set}: {about} is not in: {said}"))
            }
            Some(_) => {}
        }
    }
    crate::none(&wrong);
}

/// Tags of a chart, set to `latest`, that are taken, or refused without its saying what to do.
fn unclear_latest(charts: &Charts, chart: &str) -> Vec<String> {
    let mut paths = BTreeSet::new();
    named(&schema(chart), "", &mut paths);
    let tags: Vec<_> = paths.iter().filter(|path| path.to_lowercase().ends_with("tag")).collect();
    assert!(!tags.is_empty(), "{chart} takes no tag");
    let sets: Vec<_> = tags.iter().map(|path| format!("{path}=latest")).collect();
    let said = refusal(charts, chart, &sets.iter().map(String::as_str).collect::<Vec<_>>());
    let said = said.unwrap_or_default();
    // The library below it says its own.
    let own = said.split(&format!("\n{chart}:\n")).nth(1).unwrap_or_default();
    let own: Vec<&str> = own.lines().take_while(|line| line.starts_with("- ")).collect();
    let unsaid = tags.iter().filter(|path| {
        let wanted = format!("- at '/{}': {LATEST}", path.replace('.', "/"));
        !own.contains(&wanted.as_str())
    });
    unsaid.map(|path| format!("{chart} {path}=latest: {said}")).collect()
}

#[test]
fn the_tag_latest_is_refused_in_every_place_of_every_chart_by_what_to_write_instead() {
    let charts = of_charts!();
    let all = SERVICES.iter().chain(&["commons", "madang"]);
    crate::none(&all.flat_map(|chart| unclear_latest(charts, chart)).collect::<Vec<_>>());
    for through_the_umbrella in ["orders.image.tag=latest", "commons.nats.image.tag=latest"] {
        let said = refusal(charts, "madang", &[through_the_umbrella]).unwrap_or_default();
        assert!(said.contains(LATEST), "{through_the_umbrella}: {said}");
    }
    let without = Charts::copy(&|root| {
        let path = root.join("orders/values.schema.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace(r#""if": {"const": "latest"}"#, r#""if": {"const": "newest"}"#))
            .unwrap();
    });
    assert_eq!(unclear_latest(&without.unwrap(), "orders").len(), 4);
}

#[test]
fn a_good_value_is_taken() {
    let charts = of_charts!();
    let good = [
        ("orders", "image.tag=0.2.0-rc.1"),
        ("orders", "scaling.minReplicas=4"),
        ("orders", "disruption.maxUnavailable=25%"),
        ("orders", "resources.limits.cpu=1"),
        ("orders", "env.MADANG_LOG_FORMAT=json"),
        ("orders", "canary.weight=100"),
        ("gateway", "hostnames={shop.example.com}"),
        ("commons", "edge.serviceType=LoadBalancer"),
        ("madang", "orders.enabled=false"),
    ];
    let refused = good
        .iter()
        .filter_map(|(chart, set)| Some(format!("{chart} {set}: {}", refusal(charts, chart, &[set])?)));
    crate::none(&refused.collect::<Vec<_>>());
}

#[test]
fn services_have_the_librarys_schema_with_what_is_theirs_alone_and_all_charts_the_same_globals() {
    let library = schema("library");
    for chart in SERVICES {
        let mut of_service = schema(chart);
        // The edge's routes are the gateway's.
        let own = of_service["properties"].as_object_mut().unwrap().remove("hostnames");
        assert_eq!(own.is_some(), chart == "gateway", "hostnames in helm/{chart}/values.schema.json");
        assert_eq!(of_service, library, "helm/{chart}/values.schema.json");
    }
    for chart in ["commons", "madang"] {
        assert_eq!(schema(chart)["properties"]["global"], library["properties"]["global"], "{chart}");
    }
}

#[test]
fn a_schema_knows_every_default_and_every_value_has_one() {
    let charts = of_charts!();
    let defaults = charts.table().defaults;
    let mut library = schema("library");
    crate::none(&differences(&library, &defaults));
    library["properties"]["scaling"]["properties"]["limit"] = json!({"type": "integer"});
    crate::told(&differences(&library, &defaults), "scaling.limit has no default");
    let mut more = defaults.clone();
    more["scaling"]["few"] = json!(1);
    crate::told(&differences(&library, &more), "does not know scaling.few");

    let mut gateway = defaults.clone();
    gateway["hostnames"] = values("gateway")["hostnames"].clone();
    crate::none(&differences(&schema("gateway"), &gateway));

    let mut commons = values("commons");
    commons["global"] = defaults["global"].clone();
    let lacking = differences(&schema("commons"), &commons);
    let lacking = lacking.into_iter().filter(|line| !line.contains("resources.limits.cpu"));
    crate::none(&lacking.collect::<Vec<_>>());
}

#[test]
fn no_schema_takes_a_key_that_it_does_not_name() {
    let mut open = Vec::new();
    for chart in SERVICES.iter().chain(&["library", "commons", "madang"]) {
        open_maps(&schema(chart), chart, &mut open);
    }
    crate::none(&open);
    let mut library = schema("library");
    library["properties"]["drain"]["additionalProperties"] = json!(true);
    open_maps(&library, "library", &mut open);
    crate::told(&open, "library/drain takes keys");
}
