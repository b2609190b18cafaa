use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{GetOrderRequest, Order};
use madang_api::within;
use madang_spans::{ORDER_ID, Span, TraceId, json as otlp};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tonic::metadata::MetadataValue;

use super::Wanted;
use crate::client;
use crate::cluster::{Cluster, Forwards, Goal};
use crate::exit::Unreachable;
use crate::place::PlaceArgs;
use crate::shop::{Service, Shop};
use crate::system;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where Jaeger is on a cluster, and its port for questions.
const OBSERVABILITY: &str = "observability";
const JAEGER: &str = "app.kubernetes.io/name=jaeger";
const QUERY: u16 = 16686;
/// Traces of one order at most: one for each request about it.
const TRACES: usize = 100;

/// Who is asked for traces, and for the order.
#[derive(Debug)]
pub(super) struct Source {
    http: reqwest::Client,
    /// Of the console or of Jaeger; spans are read the same way from both.
    url: String,
    orders: String,
    /// Leads to pods, on Kubernetes.
    forwards: Option<Forwards>,
}

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) spans: Vec<Span>,
    /// Spans that were not kept.
    pub(super) cut: u64,
}

impl Spans {
    fn read(answer: Option<Value>) -> Self {
        let answer = answer.unwrap_or_default();
        Self { spans: otlp::spans(&answer), cut: answer["spansCut"].as_u64().unwrap_or_default() }
    }
}

impl Source {
    /// Finds the console, or leads ports to Jaeger and orders.
    pub(super) async fn open(place: &PlaceArgs) -> Result<Self> {
        if !place.is_on_kubernetes() {
            return Self::of(&place.find.find()?);
        }
        Self::on(&place.target.cluster().await?).await
    }

    /// Jaeger and orders of a cluster.
    pub(super) async fn on(cluster: &Cluster) -> Result<Self> {
        let mut forwards = Forwards::new();
        let orders = forwards.lead_free(cluster, Goal::of(Service::Orders, Service::Orders.port())).await?;
        let observability = Cluster { namespace: OBSERVABILITY.to_owned(), ..cluster.clone() };
        let goal = Goal::labelled("jaeger", JAEGER, QUERY);
        let jaeger = forwards.lead_free(&observability, goal).await?;
        let (url, orders) = (format!("http://{jaeger}"), format!("http://{orders}"));
        Ok(Self { http: http()?, url, orders, forwards: Some(forwards) })
    }

    /// The console of a shop on this machine.
    pub(super) fn of(shop: &Shop) -> Result<Self> {
        let url = |service| shop.url(service).trim_end_matches('/').to_owned();
        let (url, orders) = (url(Service::Console), url(Service::Orders));
        Ok(Self { http: http()?, url, orders, forwards: None })
    }

    fn is_jaeger(&self) -> bool {
        self.forwards.is_some()
    }

    /// The order as it is now.
    pub(super) async fn order(&mut self, order_id: &str) -> Result<Option<Order>> {
        let asked = async {
            let mut orders = OrdersServiceClient::new(client::connect(&self.orders).await?);
            let request = within(PATIENCE, GetOrderRequest { order_id: order_id.to_owned() });
            Ok(orders.get_order(untraced(request)).await?.into_inner().order)
        };
        let asked: Result<_> = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(asked) => asked,
            Err(_) => Err(anyhow!("orders does not answer")),
        };
        asked.map_err(|error| self.explain(error))
    }

    /// The spans that there are of it now.
    pub(super) async fn spans(&self, wanted: &Wanted) -> Result<Spans> {
        match wanted {
            Wanted::Trace(id) => self.trace(id).await,
            Wanted::Order(order) if !self.is_jaeger() => {
                Ok(Spans::read(self.get("/api/v3/traces", &[("order", order.clone())]).await?))
            }
            Wanted::Order(order) => self.of_order_in_jaeger(order).await,
        }
    }

    async fn trace(&self, id: impl ToString) -> Result<Spans> {
        Ok(Spans::read(self.get(&format!("/api/v3/traces/{}", id.to_string()), &[]).await?))
    }

    /// Jaeger's version 3 does not search by attributes; what its page asks does, within a service. All requests about an order
    /// reach orders.
    async fn of_order_in_jaeger(&self, order: &str) -> Result<Spans> {
        let query = [
            ("service", Service::Orders.name().to_owned()),
            ("tags", json!({ ORDER_ID: order }).to_string()),
            ("limit", TRACES.to_string()),
        ];
        let answer = self.get("/api/traces", &query).await?.unwrap_or_default();
        let listed = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ids: BTreeSet<TraceId> =
            listed.iter().filter_map(|it| it["traceID"].as_str().and_then(id)).collect();
        let mut all = Spans::default();
        for id in ids {
            all.spans.extend(self.trace(id).await?.spans);
        }
        Ok(all)
    }

    /// An answer; none where nothing is found.
    async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Option<Value>> {
        if self.url.is_empty() {
            return Err(Unreachable { url: "the console".to_owned() }.into());
        }
        let url = format!("{}{path}", self.url);
        let url =
            reqwest::Url::parse_with_params(&url, query).with_context(|| format!("`{url}` is no URL"))?;
        let answer = self.http.get(url.clone()).send().await;
        let answer = match answer {
            Err(error) if error.is_connect() => return Err(Unreachable { url: self.url.clone() }.into()),
            answer => answer.with_context(|| format!("{url} does not answer"))?,
        };
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                Ok(Some(answer.json().await.with_context(|| format!("{url} answers no JSON"))?))
            }
            status => bail!("{url} answers {status}"),
        }
    }

    /// Why a pod could not be reached is known to what leads there, not to who asked.
    pub(super) fn explain(&mut self, error: Error) -> Error {
        let remark = self.forwards.as_mut().and_then(Forwards::remark);
        if error.downcast_ref::<tonic::Status>().is_some() && remark.is_none() {
            return error;
        }
        remark.map_or(error, |remark| anyhow!(remark))
    }

    /// What to do where an order is there and its trace is not.
    pub(super) fn why_missing(&self) -> &'static str {
        match self.is_jaeger() {
            false => {
                "in the console: it keeps the youngest in memory, from its own start on, and gets none where `madang up` runs \
                 with --no-traces; `madang logs` may still have the lines"
            }
            true => {
                "in Jaeger: it keeps the youngest in memory, and only those that sampling left; `madang logs` may still have \
                 the lines"
            }
        }
    }
}

fn http() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?)
}

/// A trace that is not sampled: who looks at an order's traces makes none of it.
fn untraced<T>(mut request: tonic::Request<T>) -> tonic::Request<T> {
    let id = system::uuid();
    let parent = format!("00-{:032x}-{:016x}-00", id.as_u128(), id.as_u64_pair().1);
    if let Ok(parent) = MetadataValue::try_from(parent) {
        request.metadata_mut().insert("traceparent", parent);
    }
    request
}

/// Jaeger leaves zeros at the beginning away.
fn id(text: &str) -> Option<TraceId> {
    format!("{text:0>32}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_jaeger_may_lack_zeros() {
        assert_eq!(id("1f").unwrap().to_string(), format!("{}1f", "0".repeat(30)));
        assert!(id("").is_none() && id("x").is_none());
    }
}
