//! The proof that the shop serves: a real order, through the edge, until it is confirmed.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{GetOrderRequest, Order, OrderState, PlaceOrderRequest};
use madang_api::types::v1::{Address, ProductQuantity};
use madang_api::within;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::forward::{Forwards, Goal};
use super::target::Cluster;
use crate::client::connect;
use crate::exit;
use crate::output::Progress;
use crate::system;

/// How long the edge may take to lead to orders, and the order to be confirmed.
pub(super) const LIMIT: Duration = Duration::from_secs(90);
const CALL: Duration = Duration::from_secs(8);
const BETWEEN: Duration = Duration::from_secs(1);
/// What is ordered: the catalog has it from the start.
const PRODUCT: &str = "celadon-tea-cup";
/// The mesh writes the Gateway's name on the edge's pods.
const EDGE: &str = "gateway.networking.k8s.io/gateway-name=edge";

/// Where the edge is.
#[derive(Debug)]
pub(super) struct Edge {
    /// HTTP.
    pub(super) http: String,
    /// gRPC.
    pub(super) grpc: String,
    /// What leads there, where nothing else does.
    _forwards: Option<Forwards>,
}

impl Edge {
    /// On a kind cluster, which leads ports of this machine to it.
    pub(super) fn of_kind() -> Self {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        Self { http: url(8080), grpc: url(9090), _forwards: None }
    }

    /// On any other: by ports of this machine that lead to its pods, while this lives.
    ///
    /// # Errors
    /// Where no port is free.
    pub(super) async fn forwarded(cluster: &Cluster) -> Result<Self> {
        let mut forwards = Forwards::new();
        let goal = |port| Goal::labelled("edge", EDGE, port);
        let http = format!("http://{}", forwards.lead_free(cluster, goal(8080)).await?);
        let grpc = format!("http://{}", forwards.lead_free(cluster, goal(9090)).await?);
        Ok(Self { http, grpc, _forwards: Some(forwards) })
    }
}

/// Places an order and waits until it is confirmed.
///
/// # Errors
/// Where it ends otherwise, or time is over; with what the shop said last.
pub(super) async fn order(edge: &Edge, limit: Duration, progress: &mut Progress) -> Result<Order> {
    let request = request();
    let end = Instant::now() + limit;
    let mut order: Option<Order> = None;
    loop {
        progress.show("placing an order through the edge");
        let answer = match &order {
            None => place(edge, request.clone()).await,
            Some(order) => get(edge, order.order_id.clone()).await,
        };
        let said = match answer {
            Ok(answer) => {
                let state = crate::order::show::state_name(answer.state());
                let said = match verdict(&answer)? {
                    true => match read(edge, &answer.order_id).await {
                        Ok(()) => return Ok(answer),
                        Err(error) => format!("the order is {state}, and by HTTP: {error:#}"),
                    },
                    false => format!("the order is {state}"),
                };
                order = Some(answer);
                said
            }
            Err(error) if may_pass(&error) => exit::brief(&error),
            Err(error) => return Err(error).context("the edge refuses an order"),
        };
        if Instant::now() >= end {
            bail!("no order was confirmed within {} s; last: {said}", limit.as_secs());
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn place(edge: &Edge, request: PlaceOrderRequest) -> Result<Order> {
    let mut orders = OrdersServiceClient::new(connect(&edge.grpc).await?);
    let answer = orders.place_order(within(CALL, request)).await?.into_inner();
    Ok(answer.order.unwrap_or_default())
}

async fn get(edge: &Edge, order_id: String) -> Result<Order> {
    let mut orders = OrdersServiceClient::new(connect(&edge.grpc).await?);
    let answer = orders.get_order(within(CALL, GetOrderRequest { order_id })).await?.into_inner();
    Ok(answer.order.unwrap_or_default())
}

/// Reads the order once more, by HTTP.
async fn read(edge: &Edge, order_id: &str) -> Result<()> {
    let client = reqwest::Client::builder().timeout(CALL).no_proxy().build()?;
    let answer = client.get(format!("{}/api/orders/{order_id}", edge.http)).send().await?;
    Ok(answer.error_for_status().map(drop)?)
}

/// Whether the order is confirmed.
///
/// # Errors
/// Where it never will be.
fn verdict(order: &Order) -> Result<bool> {
    match order.state() {
        OrderState::Confirmed => Ok(true),
        OrderState::Pending | OrderState::Unspecified => Ok(false),
        state @ (OrderState::Rejecting
        | OrderState::Rejected
        | OrderState::Cancelling
        | OrderState::Cancelled
        | OrderState::Stuck) => {
            bail!("order {} is {}, not CONFIRMED", order.order_id, crate::order::show::state_name(state))
        }
    }
}

/// Whether asking again may help: a mesh takes a moment to learn of routes, pods and permissions, and says so in several ways.
fn may_pass(error: &anyhow::Error) -> bool {
    let passing = [
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::Cancelled,
        Code::Unknown,
        Code::Internal,
        Code::Unimplemented,
        Code::PermissionDenied,
    ];
    let status = error.chain().find_map(|cause| cause.downcast_ref::<Status>());
    status.map_or_else(|| exit::code(error) == exit::UNREACHABLE, |status| passing.contains(&status.code()))
}

fn request() -> PlaceOrderRequest {
    let address = Address {
        region_code: "KR".to_owned(),
        postal_code: "04524".to_owned(),
        recipient: "Hong Gildong".to_owned(),
        address_lines: vec!["110 Sejong-daero, Jung-gu, Seoul".to_owned()],
    };
    PlaceOrderRequest {
        request_id: system::request_id(),
        customer_id: "smoke-test".to_owned(),
        lines: vec![ProductQuantity { product_id: PRODUCT.to_owned(), quantity: 1 }],
        address: Some(address),
        card_token: "tok_visa".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_confirmed_order_will_do() {
        let order = |state: OrderState| Order { state: state.into(), ..Order::default() };
        assert!(verdict(&order(OrderState::Confirmed)).unwrap());
        assert!(!verdict(&order(OrderState::Pending)).unwrap());
        assert!(verdict(&order(OrderState::Rejected)).unwrap_err().to_string().contains("REJECTED"));
    }

    #[test]
    fn what_a_mesh_says_before_it_is_ready_is_asked_again() {
        assert!(may_pass(&Status::unavailable("no healthy upstream").into()));
        assert!(may_pass(&Status::permission_denied("RBAC: access denied").into()));
        assert!(may_pass(&exit::Unreachable { url: String::new() }.into()));
        assert!(!may_pass(&Status::invalid_argument("a line is wrong").into()));
    }

    #[tokio::test]
    async fn an_edge_that_does_not_answer_is_told() {
        let edge = Edge { http: String::new(), grpc: "http://127.0.0.1:9".into(), _forwards: None };
        let error = order(&edge, Duration::ZERO, &mut Progress::hidden()).await.unwrap_err().to_string();
        assert!(
            error.starts_with("no order was confirmed within 0 s; last: the shop cannot be reached"),
            "{error}"
        );
    }
}
