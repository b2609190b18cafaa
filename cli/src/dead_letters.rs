//! `madang dead-letters`: events that a consumer could not apply, each with what is parked behind it.

mod find;
mod show;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use madang_api::error;
use madang_api::events::v1::{DiscardDeadLetterRequest, DiscardDeadLetterResponse, RedriveDeadLetterRequest};
use serde_json::{Value, json};

use crate::client::call;
use crate::exit;
use crate::output::Output;
use crate::shop::{FindArgs, Service, Shop};
use find::Block;

/// What `madang dead-letters` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang dead-letters list
  madang dead-letters redrive --all --service inventory
  madang dead-letters redrive 0198c0de-0000-7000-8000-000000000001
  madang dead-letters discard 0198c0de-0000-7000-8000-000000000001 --reason 'No such order'

A dead letter blocks the later events of its key, an order, at its consumer: they are parked behind it. All others go on.")]
pub struct DeadLettersArgs {
    #[command(flatten)]
    find: FindArgs,
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// List the dead letters of all consumers: why each could not be applied, and how many events are parked behind it
    #[command(after_help = "Examples:
  madang dead-letters list
  madang dead-letters list --service payments --output json | jq -r '.dead_letters[].event_id'

Exit codes: 0 all are listed, 1 a consumer refused, 69 one cannot be reached; those of the others are listed all the same.")]
    List {
        #[command(flatten)]
        at: ServiceArgs,
    },
    /// Apply dead letters again, each with what is parked behind it; 1 is the exit code where one failed again
    Redrive(RedriveArgs),
    /// Give a dead letter up for good, and apply what is parked behind it
    Discard(DiscardArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang dead-letters redrive 0198c0de-0000-7000-8000-000000000001
  madang dead-letters redrive --all
  madang dead-letters redrive --all --service inventory

First see to the reason that the list tells. A redrive applies a dead letter and all that is parked behind it, or nothing.")]
struct RedriveArgs {
    /// The events' ids
    #[arg(value_name = "EVENT_ID", required_unless_present = "all", conflicts_with = "all")]
    event_ids: Vec<String>,
    /// All dead letters
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    at: ServiceArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  madang dead-letters discard 0198c0de-0000-7000-8000-000000000001 --reason 'No such order, see ticket 7'

The event never takes effect at that consumer: `madang audit` then tells what is missing. The consumer keeps it, with the
reason. If an event that is parked behind it fails, that one is the next dead letter of the key.")]
struct DiscardArgs {
    /// The event's id
    event_id: String,
    /// Why, on one line of at most 200 characters
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    at: ServiceArgs,
}

#[derive(Debug, Args)]
struct ServiceArgs {
    /// Only at this consumer: inventory, payments, shipping or notifications
    #[arg(long, value_name = "SERVICE", value_parser = consumer)]
    service: Option<Service>,
}

fn consumer(name: &str) -> Result<Service, &'static str> {
    let found = Service::consumers().find(|service| service.name() == name);
    found.ok_or("consumers are inventory, payments, shipping and notifications")
}

impl ServiceArgs {
    fn services(&self) -> Vec<Service> {
        self.service.map_or_else(|| Service::consumers().collect(), |service| vec![service])
    }
}

/// Runs one of them.
///
/// # Errors
/// Where no consumer can be reached, or one refuses.
pub async fn run(args: DeadLettersArgs, output: &Output) -> Result<ExitCode> {
    let shop = args.find.find()?;
    match args.command {
        DeadLettersCommand::List { at } => list(&shop, &at, output).await,
        DeadLettersCommand::Redrive(args) => redrive(&shop, args, output).await,
        DeadLettersCommand::Discard(args) => discard(&shop, args, output).await,
    }
}

async fn list(shop: &Shop, at: &ServiceArgs, output: &Output) -> Result<ExitCode> {
    let (blocks, mut lost) = find::reachable(shop, &at.services()).await?;
    match (output.is_json(), blocks.is_empty()) {
        (true, _) => {
            let letters: Vec<Value> = blocks.iter().map(Block::value).collect();
            output.json(&json!({ "dead_letters": letters }))?;
        }
        (false, true) if lost.is_empty() => output.line("no dead letters")?,
        (false, true) => {}
        (false, false) => output.text(&show::blocks(&blocks).render())?,
    }
    let Some(last) = lost.pop() else { return Ok(ExitCode::SUCCESS) };
    lost.iter().chain([&last]).for_each(|error| output.note(&format!("not read: {error:#}")));
    Ok(ExitCode::from(exit::code(&last)))
}

/// One dead letter after it was redriven: how many events were applied, none where it was gone by then; or why none was.
type Redriven = (Block, Result<Option<i32>>);

async fn redrive(shop: &Shop, args: RedriveArgs, output: &Output) -> Result<ExitCode> {
    let blocks = find::all(shop, &args.at.services()).await?;
    let chosen: Vec<Block> =
        blocks.into_iter().filter(|block| args.all || args.event_ids.iter().any(|id| block.is(id))).collect();
    if let Some(id) = args.event_ids.iter().find(|id| !chosen.iter().any(|block| block.is(id))) {
        bail!("no dead letter has the id {id}");
    }
    let mut redriven: Vec<Redriven> = Vec::with_capacity(chosen.len());
    for block in chosen {
        let applied = redrive_one(shop, &block).await;
        redriven.push((block, applied));
    }
    if output.is_json() {
        output.json(&json!({ "redriven": redriven.iter().map(redriven_value).collect::<Vec<_>>() }))?;
    } else if redriven.is_empty() {
        output.line("no dead letters")?;
    } else {
        output.text(&show::redriven(&redriven).render())?;
    }
    let failed = redriven.iter().find_map(|(_, applied)| applied.as_ref().err());
    Ok(failed.map_or(ExitCode::SUCCESS, |error| ExitCode::from(exit::code(error))))
}

async fn redrive_one(shop: &Shop, block: &Block) -> Result<Option<i32>> {
    let request = RedriveDeadLetterRequest { dead_letter_id: block.id().to_owned() };
    let answer = find::client(shop, block.service).await?.redrive_dead_letter(call(request)).await;
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner().applied)),
        Err(status) if error::reason(&status).as_deref() == Some("DEAD_LETTER_NOT_FOUND") => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn redriven_value((block, applied): &Redriven) -> Value {
    let mut value = json!({ "service": block.service, "event_id": block.id(), "key": block.key() });
    match applied {
        Ok(applied) => value["applied"] = json!(applied.unwrap_or_default()),
        Err(error) => value["error"] = exit::value(error),
    }
    value
}

async fn discard(shop: &Shop, args: DiscardArgs, output: &Output) -> Result<ExitCode> {
    let service = match args.at.service {
        // Also one that is gone from the list: a repeat is answered like the first.
        Some(service) => service,
        None => only(find::all(shop, &args.at.services()).await?, &args.event_id)?,
    };
    let request = DiscardDeadLetterRequest { dead_letter_id: args.event_id.clone(), reason: args.reason };
    let answer = find::client(shop, service).await?.discard_dead_letter(call(request)).await?;
    let DiscardDeadLetterResponse { applied, next_dead_letter_id: next } = answer.into_inner();
    if output.is_json() {
        let event_id = &args.event_id;
        output.json(&json!({
            "service": service,
            "event_id": event_id,
            "applied": applied,
            "next_dead_letter_id": next,
        }))?;
    } else {
        output.line(&show::discarded(service, &args.event_id, applied, &next))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the one dead letter of this id is.
fn only(blocks: Vec<Block>, id: &str) -> Result<Service> {
    let services: Vec<Service> =
        blocks.into_iter().filter(|block| block.is(id)).map(|block| block.service).collect();
    match services[..] {
        [] => bail!("no dead letter has the id {id}"),
        [service] => Ok(service),
        _ => {
            let names: Vec<&str> = services.iter().map(|service| service.name()).collect();
            bail!("the event is a dead letter at {}: name one of them with --service", names.join(" and "))
        }
    }
}
