//! `madang sagas`: the orders that are under way or stuck, and what gets the stuck ones going again.

mod show;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use madang_api::orders::v1::orders_operator_service_client::OrdersOperatorServiceClient;
use madang_api::orders::v1::{ListSagasRequest, Order, OrderState, ResumeOrderRequest, Saga};
use serde_json::{Value, json};
use tonic::Status;
use tonic::transport::Channel;

use crate::client::{self, PAGE_SIZE, call};
use crate::exit;
use crate::output::{self, Output};
use crate::shop::{FindArgs, Service};
use crate::system;

type Operator = OrdersOperatorServiceClient<Channel>;

/// What `madang sagas` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang sagas list
  madang sagas list --state stuck --output json | jq -r '.sagas[].orderId'
  madang sagas resume 0198c0de-0000-7000-8000-000000000001
  madang sagas resume --all")]
pub struct SagasArgs {
    #[command(flatten)]
    find: FindArgs,
    #[command(subcommand)]
    command: SagasCommand,
}

#[derive(Debug, Subcommand)]
enum SagasCommand {
    /// List the orders that are under way or stuck: why, what each waits for, and which undos are its own
    #[command(after_help = "Examples:
  madang sagas list
  madang sagas list --state open
  madang sagas list --state stuck --output json | jq -r '.sagas[].orderId'

A saga is stuck when a participant refused an undo, or did not answer it for 15 minutes. See to that, then resume it.
The table shows the end of each owner's id: the process of orders that drives the saga.")]
    List {
        /// Which of them
        #[arg(long, value_enum, ignore_case = true, default_value_t, value_name = "STATE")]
        state: Which,
    },
    /// Send stuck orders back to their undos; 1 is the exit code where one could not be resumed
    Resume(ResumeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang sagas resume 0198c0de-0000-7000-8000-000000000001
  madang sagas resume --all

An order that is not stuck is left as it is. `madang order watch` follows one to its end.")]
struct ResumeArgs {
    /// The orders' ids
    #[arg(value_name = "ORDER_ID", required_unless_present = "all", conflicts_with = "all")]
    order_ids: Vec<String>,
    /// All that are stuck
    #[arg(long)]
    all: bool,
}

/// Which sagas are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Those that wait for an operator
    Stuck,
    /// Those that are under way: PENDING, CANCELLING, REJECTING
    Open,
    /// Both
    #[default]
    All,
}

impl Which {
    fn states(self) -> Vec<i32> {
        let states: &[OrderState] = match self {
            Self::Stuck => &[OrderState::Stuck],
            Self::Open => &[OrderState::Pending, OrderState::Cancelling, OrderState::Rejecting],
            Self::All => &[],
        };
        states.iter().map(|state| (*state).into()).collect()
    }
}

/// Runs one of them.
///
/// # Errors
/// Where orders cannot be reached, or does not list its sagas.
pub async fn run(args: SagasArgs, output: &Output) -> Result<ExitCode> {
    let shop = args.find.find()?;
    let operator = Operator::new(client::connect(shop.url(Service::Orders)).await?);
    match args.command {
        SagasCommand::List { state } => list(&operator, state, output).await,
        SagasCommand::Resume(args) => resume(&operator, args, output).await,
    }
}

async fn list(operator: &Operator, which: Which, output: &Output) -> Result<ExitCode> {
    let sagas = read(operator, which).await?;
    if output.is_json() {
        let sagas: Vec<Value> = sagas.iter().map(output::message).collect::<Result<_>>()?;
        output.json(&json!({ "sagas": sagas }))?;
    } else if sagas.is_empty() {
        output.line("no sagas")?;
    } else {
        output.text(&show::table(&sagas, system::now()).render())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(operator: &Operator, which: Which) -> Result<Vec<Saga>> {
    let page = async |page_token| {
        let request = ListSagasRequest { page_size: PAGE_SIZE, page_token, states: which.states() };
        let answer = operator.clone().list_sagas(call(request)).await?.into_inner();
        Ok((answer.sagas, answer.next_page_token))
    };
    client::all(page).await.context("reading the sagas")
}

/// One order after it was to be resumed: as it is now, or why it could not be.
type Resumed = (String, Result<Order, Status>);

async fn resume(operator: &Operator, args: ResumeArgs, output: &Output) -> Result<ExitCode> {
    let order_ids = match args.all {
        true => read(operator, Which::Stuck).await?.into_iter().map(|saga| saga.order_id).collect(),
        false => args.order_ids,
    };
    let mut resumed: Vec<Resumed> = Vec::with_capacity(order_ids.len());
    for order_id in order_ids {
        let request = ResumeOrderRequest { order_id: order_id.clone() };
        let answer = operator.clone().resume_order(call(request)).await;
        resumed.push((order_id, answer.map(|answer| answer.into_inner().order.unwrap_or_default())));
    }
    if output.is_json() {
        output.json(&json!({ "orders": resumed.iter().map(value).collect::<Result<Vec<_>>>()? }))?;
    } else if resumed.is_empty() {
        output.line("no saga is stuck")?;
    } else {
        output.text(&show::resumed(&resumed).render())?;
    }
    let failed = resumed.iter().any(|(_, order)| order.is_err());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn value((order_id, order): &Resumed) -> Result<Value> {
    Ok(match order {
        Ok(order) => json!({ "order_id": order_id, "order": output::message(order)? }),
        Err(status) => json!({ "order_id": order_id, "error": exit::refusal_value(status) }),
    })
}
