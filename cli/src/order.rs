//! `madang order`: what a customer does, by gRPC through the gateway.

mod line;
pub mod show;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand, value_parser};
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{
    CancelOrderRequest, GetOrderRequest, ListOrdersRequest, ListOrdersResponse, Order, OrderState,
    PlaceOrderRequest, WatchOrderRequest,
};
use madang_api::types::v1::Address;
use madang_api::within;
use serde_json::{Value, json};
use tonic::Request;
use tonic::transport::Channel;

use crate::args::MAX_SECONDS;
use crate::client::{self, call};
use crate::output::{self, Output};
use crate::shop::GatewayArgs;
use crate::system;

pub use line::Line;

/// What `madang order` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang order place --line celadon-tea-cup=2 --line nokcha-green-tea=1
  madang order place --line celadon-tea-cup=1 --card tok_declined
  madang order list --customer mina
  madang order watch 0198c0de-0000-7000-8000-000000000001

Test cards: tok_visa, tok_declined, tok_insufficient_funds, tok_lost_answer, tok_slow.")]
pub struct OrderArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(subcommand)]
    command: OrderCommand,
}

#[derive(Debug, Subcommand)]
enum OrderCommand {
    /// Place an order and tell how it came out; 1 is the exit code of one that is refused
    Place(PlaceArgs),
    /// Read an order
    #[command(after_help = "Example:\n  madang order get 0198c0de-0000-7000-8000-000000000001")]
    Get {
        /// The order's id
        order_id: String,
    },
    /// List a customer's orders, newest first
    List(ListArgs),
    /// Follow an order until it is final; with --output json, a line for each change
    #[command(
        after_help = "Example:\n  madang order watch 0198c0de-0000-7000-8000-000000000001 --output json"
    )]
    Watch {
        /// The order's id
        order_id: String,
    },
    /// Cancel an order whose parcel has not departed
    #[command(after_help = "Example:\n  madang order cancel 0198c0de-0000-7000-8000-000000000001")]
    Cancel {
        /// The order's id
        order_id: String,
        /// Names this request, so that sending it again is safe; a new UUID unless set
        #[arg(long, value_name = "UUID")]
        request_id: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang order list --customer mina
  madang order list --customer mina --limit 200 --output json | jq -r .next_page_token
  madang order list --customer mina --limit 200 --page-token TOKEN")]
struct ListArgs {
    /// Who ordered
    #[arg(long, default_value = "guest")]
    customer: String,
    /// How many, at most
    #[arg(long, default_value_t = 50, value_parser = value_parser!(i32).range(1..=200))]
    limit: i32,
    /// Go on where the list before ended, with the token that it told
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    page_token: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang order place --line celadon-tea-cup=2
  madang order place --line celadon-tea-cup=1 --card tok_slow --wait 60
  madang order place --line celadon-tea-cup --output json | jq -r .orderId

Test cards: tok_visa, tok_declined, tok_insufficient_funds, tok_lost_answer, tok_slow.")]
struct PlaceArgs {
    /// What and how many pieces; may be given more than once
    #[arg(long = "line", value_name = "PRODUCT=QUANTITY", required = true)]
    lines: Vec<Line>,
    /// Who orders
    #[arg(long, default_value = "guest")]
    customer: String,
    /// The card's token
    #[arg(long, value_name = "TOKEN", default_value = "tok_visa")]
    card: String,
    /// The country that the parcel goes to
    #[arg(long, value_name = "CODE", default_value = "KR")]
    region: String,
    /// Its postal code
    #[arg(long, value_name = "CODE", default_value = "04524")]
    postal_code: String,
    /// Who receives the parcel
    #[arg(long, value_name = "NAME", default_value = "Hong Gildong")]
    recipient: String,
    /// City, street and number; may be given more than once
    #[arg(long = "address", value_name = "LINE", default_value = "110 Sejong-daero, Jung-gu, Seoul")]
    address_lines: Vec<String>,
    /// Names this request, so that sending it again is safe; a new UUID unless set
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,
    /// How long to wait for the order's end; it goes on in any case
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = value_parser!(u64).range(1..=MAX_SECONDS))]
    wait: u64,
}

/// Runs one of them.
///
/// # Errors
/// What the shop refuses, or that it cannot be reached.
pub async fn run(args: OrderArgs, output: &Output) -> Result<ExitCode> {
    let mut orders = OrdersServiceClient::new(client::connect(&args.gateway.find()?).await?);
    match args.command {
        OrderCommand::Place(args) => return place(&mut orders, args, output).await,
        OrderCommand::Get { order_id } => {
            let answer = orders.get_order(call(GetOrderRequest { order_id })).await?.into_inner();
            tell(&answer.order.unwrap_or_default(), output)?;
        }
        OrderCommand::List(args) => list(&mut orders, args, output).await?,
        OrderCommand::Watch { order_id } => watch(&mut orders, order_id, output).await?,
        OrderCommand::Cancel { order_id, request_id } => {
            let request_id = request_id.unwrap_or_else(system::request_id);
            let request = call(CancelOrderRequest { request_id, order_id });
            let answer = orders.cancel_order(request).await?.into_inner();
            tell(&answer.order.unwrap_or_default(), output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn place(
    orders: &mut OrdersServiceClient<Channel>,
    args: PlaceArgs,
    output: &Output,
) -> Result<ExitCode> {
    let limit = Duration::from_secs(args.wait);
    let mut progress = output.progress();
    progress.show("placing the order");
    let answer = orders.place_order(within(limit, args.into_request())).await;
    drop(progress);
    let order = answer?.into_inner().order.unwrap_or_default();
    tell(&order, output)?;
    let refused = [OrderState::Rejecting, OrderState::Rejected, OrderState::Stuck].contains(&order.state());
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn list(
    orders: &mut OrdersServiceClient<Channel>,
    ListArgs { customer: customer_id, limit: page_size, page_token }: ListArgs,
    output: &Output,
) -> Result<()> {
    let request = ListOrdersRequest { customer_id, page_size, page_token };
    let ListOrdersResponse { orders, next_page_token } =
        orders.list_orders(call(request)).await?.into_inner();
    if output.is_json() {
        let orders: Vec<Value> = orders.iter().map(output::message).collect::<Result<_>>()?;
        return Ok(output.json(&json!({ "orders": orders, "next_page_token": next_page_token }))?);
    }
    match orders.is_empty() {
        true => output.line("no orders")?,
        false => output.text(&show::table(&orders).render())?,
    }
    if !next_page_token.is_empty() {
        output.note(&format!("there are more: --page-token {next_page_token}"));
    }
    Ok(())
}

async fn watch(orders: &mut OrdersServiceClient<Channel>, order_id: String, output: &Output) -> Result<()> {
    // Without a deadline: an order may wait for minutes.
    let request = Request::new(WatchOrderRequest { order_id });
    let mut changes = orders.watch_order(request).await?.into_inner();
    while let Some(change) = changes.message().await? {
        let order = change.order.unwrap_or_default();
        match output.is_json() {
            true => output.json_line(&output::message(&order)?)?,
            false => output.line(&show::change(&order))?,
        }
    }
    Ok(())
}

fn tell(order: &Order, output: &Output) -> Result<()> {
    match output.is_json() {
        true => output.json(&output::message(order)?)?,
        false => output.text(&show::order(order))?,
    }
    Ok(())
}

impl PlaceArgs {
    fn into_request(self) -> PlaceOrderRequest {
        let address = Address {
            region_code: self.region,
            postal_code: self.postal_code,
            recipient: self.recipient,
            address_lines: self.address_lines,
        };
        PlaceOrderRequest {
            request_id: self.request_id.unwrap_or_else(system::request_id),
            customer_id: self.customer,
            lines: self.lines.into_iter().map(Into::into).collect(),
            address: Some(address),
            card_token: self.card,
        }
    }
}
