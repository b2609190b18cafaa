//! The platform's Prometheus, where there is one: what it scrapes, its rules, exemplars, an alert, and all that dashboards ask it.

use std::collections::BTreeSet;
use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use madang_api::orders::v1::OrderState;
use madang_tests::cluster::{Cluster, OBSERVABILITY};
use madang_tests::customer::{Customer, PLENTY};
use madang_tests::spans::jaeger;
use madang_tests::{Service, load, tidy, wait, web};
use serde_json::Value;

/// Scrapes are 5 s apart, evaluations 15 s, and an alert may wait for a minute.
const LIMIT: Duration = Duration::from_secs(180);
/// Where the sidecar's agent shows the service's metrics with its own.
const AGENT: &str = ":15020/";

/// What is measured only where something fails, or where the mesh is Istio's own build of Envoy.
const TROUBLE: [&str; 6] = [
    "code!=\"OK\"",
    "code=~\"UNKNOWN",
    "ALERTS",
    "madang_saga_steps_retried_total",
    "madang_telemetry_spans_dropped_total",
    "istio_requests_total",
];

struct Prometheus<'a>(&'a Cluster);

impl<'a> Prometheus<'a> {
    /// None where the platform has none, and then that is told.
    async fn of(cluster: &'a Cluster) -> Result<Option<Self>> {
        let args = [
            "get",
            "service",
            "prometheus",
            "--namespace",
            OBSERVABILITY,
            "--ignore-not-found",
            "-o",
            "name",
        ];
        if cluster.kubectl(&args).await?.is_empty() {
            writeln!(std::io::stderr(), "not run: the platform has no Prometheus")?;
            return Ok(None);
        }
        Ok(Some(Self(cluster)))
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let proxy =
            format!("/api/v1/namespaces/{OBSERVABILITY}/services/prometheus:http-web/proxy/api/v1/{path}");
        let told = self.0.kubectl(&["get", "--raw", &proxy]).await?;
        let mut told: Value = serde_json::from_str(&told).with_context(|| told.clone())?;
        ensure!(told["status"] == "success", "{path}: {told}");
        Ok(told["data"].take())
    }

    async fn query(&self, kind: &str, query: &str) -> Result<Value> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.get(&format!("{kind}?query={encoded}")).await
    }

    /// How many series a query gives.
    async fn count(&self, query: &str) -> Result<usize> {
        let told = self.query("query", query).await.with_context(|| query.to_owned())?;
        Ok(told["result"].as_array().context("a list of series")?.len())
    }
}

#[tokio::test]
async fn every_pod_is_scraped_by_its_sidecars_agent_and_every_rule_is_evaluated() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let Some(prometheus) = Prometheus::of(&cluster).await? else { return Ok(()) };
    for service in Service::ALL {
        for (pod, _) in cluster.pods(service.name()).await? {
            let labels = format!("{{service=\"{service}\",pod=\"{pod}\"}}");
            let query = format!("up{labels} == 1 and on (pod) madang_build_info{labels}");
            wait::until(&query, LIMIT, async || Ok((prometheus.count(&query).await? == 1).then_some(())))
                .await?;
        }
    }
    let targets = prometheus.get("targets?state=active").await?;
    let targets = targets["activeTargets"].as_array().context("targets")?.clone();
    let of_ours = targets.iter().filter(|target| target["labels"]["namespace"] == "madang");
    let wrong: Vec<_> = of_ours.filter(|it| !it["scrapeUrl"].to_string().contains(AGENT)).collect();
    ensure!(wrong.is_empty(), "{wrong:#?}");
    wait::until("all rules to be evaluated", LIMIT, async || {
        let groups = prometheus.get("rules").await?;
        let groups = groups["groups"].as_array().context("groups")?.clone();
        let rules: Vec<Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect();
        let failed = rules.iter().find(|rule| rule["health"] == "err");
        ensure!(failed.is_none(), "{failed:#?}");
        Ok((rules.len() > 30 && rules.iter().all(|rule| rule["health"] == "ok")).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_duration_leads_to_the_trace_of_an_order() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let Some(prometheus) = Prometheus::of(&cluster).await? else { return Ok(()) };
    load::restock(&cluster.shop).await?;
    let customer = Customer::new(&cluster.shop, "yeon");
    let order = customer.complete(customer.wants(PLENTY, 1)).await?;
    let trace = wait::until("the trace in Jaeger", LIMIT, async || {
        let spans = jaeger::of_order(&cluster, &order.order_id).await?;
        Ok(spans.into_iter().next().map(|span| span.trace))
    })
    .await?;
    let query = "madang_rpc_server_duration_seconds_bucket{service=\"orders\",method=~\".*/PlaceOrder\"}";
    wait::until(&format!("an exemplar of trace {trace}"), LIMIT, async || {
        let told = prometheus.query("query_exemplars", query).await?.to_string();
        Ok(told.contains(&format!("\"trace_id\":\"{trace}\"")).then_some(()))
    })
    .await
}

#[tokio::test]
async fn payments_that_are_gone_fire_their_alert_until_they_are_back() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let Some(prometheus) = Prometheus::of(&cluster).await? else { return Ok(()) };
    let alert = "ALERTS{alertname=\"MadangServiceDown\",service=\"payments\",alertstate=\"firing\"}";
    ensure!(prometheus.count(alert).await? == 0, "payments are away already");
    let fires = async || {
        wait::until("the alert", LIMIT, async || Ok((prometheus.count(alert).await? == 1).then_some(())))
            .await
    };
    cluster.without(Service::Payments, fires).await?;
    wait::until("the alert to go", LIMIT, async || Ok((prometheus.count(alert).await? == 0).then_some(())))
        .await
}

#[tokio::test]
async fn every_query_of_the_dashboards_is_answered_with_data() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let Some(prometheus) = Prometheus::of(&cluster).await? else { return Ok(()) };
    load::restock(&cluster.shop).await?;
    let mut silent = queries()?;
    let all = silent.len();
    let customer = Customer::new(&cluster.shop, "mir");
    let last = wait::until("every query to have data", LIMIT, async || {
        // Rates need that something happens between two scrapes.
        visit(&cluster, &customer).await?;
        let mut left = BTreeSet::new();
        for query in std::mem::take(&mut silent) {
            let has_data = prometheus.count(&query.replace("$__rate_interval", "1m")).await? > 0;
            if !has_data && !TROUBLE.iter().any(|trouble| query.contains(trouble)) {
                left.insert(query);
            }
        }
        silent = left;
        Ok(silent.is_empty().then_some(()))
    });
    let last = last.await;
    writeln!(stdout(), "{all} queries; without data: {}", silent.len())?;
    if let Err(error) = last {
        bail!("{error}: {silent:#?}");
    }
    Ok(())
}

/// What the dashboards ask, each query once.
fn queries() -> Result<BTreeSet<String>> {
    let mut queries = BTreeSet::new();
    let folder = std::fs::read_dir(tidy::root().join("k8s/dashboards"))?;
    for file in folder {
        let dashboard: Value = serde_json::from_slice(&std::fs::read(file?.path())?)?;
        let panels = dashboard["panels"].as_array().cloned().unwrap_or_default();
        let targets =
            panels.iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
        queries.extend(targets.filter_map(|target| target["expr"].as_str().map(str::to_owned)));
    }
    ensure!(queries.len() > 100, "only {} queries", queries.len());
    Ok(queries)
}

/// What makes each service do something: an order that is confirmed, one that is rejected, and pages.
async fn visit(cluster: &Cluster, customer: &Customer) -> Result<()> {
    for (card, state) in [("tok_visa", OrderState::Confirmed), ("tok_declined", OrderState::Rejected)] {
        let mut request = customer.wants(PLENTY, 1);
        request.card_token = card.to_owned();
        let order = customer.complete(request).await?;
        ensure!(order.state() == state, "{order:?}");
    }
    for (name, port, path) in [("gateway", 8080, "api/products"), ("console", 8081, "api/services")] {
        for (pod, _) in cluster.pods(name).await? {
            let tunnel = cluster.open(&pod, port).await?;
            let url = format!("{}/{path}", tunnel.url());
            let answer = web::get(&url).await?;
            ensure!(answer.status.is_success(), "{url}: {answer:?}");
        }
    }
    Ok(())
}
