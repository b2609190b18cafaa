//! `madang trace`: what happened to an order, across all services, and what took the time.
//!
//! ```text
//! console (here) or Jaeger (Kubernetes) ──> spans ──> Tree, Path (madang-spans) ──> the tree as text or JSON
//! orders ──> the order's state: whether there is such an order, and whether it is under way
//! ```

mod settle;
mod show;
mod source;
mod tell;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::{Args, value_parser};
use madang_api::convert;
use madang_api::orders::v1::{Order, OrderState};
use madang_spans::{TraceId, Tree};
use tonic::Code;

use crate::args::MAX_SECONDS;
use crate::audit::is_final;
use crate::cluster::Cluster;
use crate::exit;
use crate::order::show::state_name;
use crate::output::{Output, Progress, WAITS, styled};
use crate::place::PlaceArgs;
use crate::shop::Shop;
use crate::system;

use settle::Found;
use source::Source;

/// How long spans may take to come in: services send them each second, and a collector may hold them back.
const WAIT: u64 = 15;

/// What `madang trace` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang trace 0198c0de-0000-7000-8000-000000000001
  madang trace 4bf92f3577b34da6a3ce929d0e0e4736            A trace by its own id
  madang trace 0198c0de-0000-7000-8000-000000000001 --context kind-madang
  madang trace 0198c0de-0000-7000-8000-000000000001 --output json | jq '.traces[].spans[] | select(.error)'

◆ is on the critical path to the answer, ◇ on that to the last end: what these took decides how long it all took.
Locally traces are read from the console of `madang up`, on Kubernetes from Jaeger in the namespace observability.
Exit codes: 0 shown, 1 no such order or no trace of it, 69 the shop or the cluster cannot be reached.")]
pub struct TraceArgs {
    /// The order's id, or a trace's: 32 hex digits
    #[arg(value_name = "ORDER_ID|TRACE_ID")]
    id: String,

    /// How long the spans may take to come in
    #[arg(long, value_name = "SECONDS", default_value_t = WAIT, value_parser = value_parser!(u64).range(..=MAX_SECONDS))]
    wait: u64,

    /// Show the requests that only read the order, too
    #[arg(long)]
    reads: bool,

    #[command(flatten)]
    place: PlaceArgs,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Order(String),
    Trace(TraceId),
}

impl Wanted {
    fn read(id: &str) -> Self {
        // A UUID may come without its hyphens, but an order's id is shown with them.
        id.parse().map_or_else(|_| Self::Order(id.to_ascii_lowercase()), Self::Trace)
    }
}

/// The traces of an order of a shop on this machine, by their starts, once they are whole or the limit has passed. Requests that
/// only read the order are left out.
pub(crate) async fn of_order(shop: &Shop, order_id: &str, limit: Duration) -> Result<Vec<Tree>> {
    whole(&Source::of(shop)?, order_id, limit).await
}

/// The same of the shop of a cluster, out of Jaeger.
pub(crate) async fn of_order_on(cluster: &Cluster, order_id: &str, limit: Duration) -> Result<Vec<Tree>> {
    whole(&Source::on(cluster).await?, order_id, limit).await
}

async fn whole(source: &Source, order_id: &str, limit: Duration) -> Result<Vec<Tree>> {
    let wanted = Wanted::Order(order_id.to_owned());
    let found = settle::wait(source, &wanted, (limit, false), &mut Progress::hidden()).await?;
    Ok(without_reads(found, false).0.traces)
}

/// Shows an order's traces.
///
/// # Errors
/// Where there is no such order or trace, or it cannot be asked for.
pub async fn run(args: TraceArgs, output: &Output) -> Result<ExitCode> {
    let wanted = Wanted::read(&args.id);
    let mut source = Source::open(&args.place).await?;
    let mut progress = output.progress();
    progress.show("reading the traces");
    let order = read_order(&mut source, &wanted, output).await?;
    let within = |order: Option<&Order>| limit(Duration::from_secs(args.wait), order);
    let was_under_way = is_under_way(order.as_ref());
    let limit = within(order.as_ref());
    let mut found = settle::wait(&source, &wanted, (limit, was_under_way), &mut progress).await;
    // It may have come to its end meanwhile: then all of its spans end.
    let order = if was_under_way { read_order(&mut source, &wanted, output).await? } else { order };
    if was_under_way && order.is_some() && !is_under_way(order.as_ref()) {
        let limit = within(order.as_ref());
        found = settle::wait(&source, &wanted, (limit, false), &mut progress).await;
    }
    drop(progress);
    let mut found = found.map_err(|error| source.explain(error))?;
    if is_under_way(order.as_ref()) {
        found.traces = found.traces.into_iter().map(Tree::under_way).collect();
    }
    let (found, reads) = without_reads(found, args.reads || matches!(wanted, Wanted::Trace(_)));
    if found.traces.is_empty() {
        bail!(missing(&wanted, order.as_ref(), &source));
    }
    match output.is_json() {
        true => output.json(&tell::value(order.as_ref(), &found))?,
        false => output.text(&show::text(order.as_ref(), &found))?,
    }
    remark(order.as_ref(), &found, output);
    if reads > 0 {
        output.note(&format!("requests that only read the order are left out ({reads}); --reads shows them"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the order. One that is not there is an error. That orders itself does not answer is a remark: its traces may be there all
/// the same.
async fn read_order(source: &mut Source, wanted: &Wanted, output: &Output) -> Result<Option<Order>> {
    let order = match wanted {
        Wanted::Order(id) => source.order(id).await,
        Wanted::Trace(_) => Ok(None),
    };
    let is_refusal = |error: &anyhow::Error| {
        let status = error.downcast_ref::<tonic::Status>();
        status.is_some_and(|status| matches!(status.code(), Code::NotFound | Code::InvalidArgument))
    };
    match order {
        Err(error) if is_refusal(&error) => Err(error),
        Err(error) => {
            output.note(&styled(WAITS, &format!("the order's state is not known: {}", exit::brief(&error))));
            Ok(None)
        }
        Ok(order) => Ok(order),
    }
}

/// Leaves out who only looked at the order, and answers how many; where there is nothing else, all are told.
fn without_reads(mut found: Found, all: bool) -> (Found, usize) {
    let reads = found.traces.iter().filter(|tree| tree.only_reads()).count();
    if all || reads == found.traces.len() {
        return (found, 0);
    }
    found.traces.retain(|tree| !tree.only_reads());
    (found, reads)
}

/// Spans of what ended long ago have come, or never will.
fn limit(wait: Duration, order: Option<&Order>) -> Duration {
    let ended = order.and_then(|order| order.update_time).and_then(convert::moment);
    let age = ended.map_or(0, |ended| system::now().saturating_sub(ended.as_second()));
    wait.saturating_sub(Duration::from_secs(age.try_into().unwrap_or_default()))
}

fn is_under_way(order: Option<&Order>) -> bool {
    // A stuck one waits for an operator: nothing of it is under way.
    order.is_some_and(|order| !is_final(order.state()) && order.state() != OrderState::Stuck)
}

fn missing(wanted: &Wanted, order: Option<&Order>, source: &Source) -> anyhow::Error {
    let what = match (wanted, order) {
        (Wanted::Trace(id), _) => format!("there is no trace {id}"),
        (Wanted::Order(id), Some(order)) => {
            format!("order {id} is there ({}), but no trace of it", state_name(order.state()))
        }
        (Wanted::Order(id), None) => format!("there is no trace of an order {id}"),
    };
    anyhow!("{what} {}", source.why_missing())
}

fn remark(order: Option<&Order>, found: &Found, output: &Output) {
    if let Some(order) = order.filter(|order| is_under_way(Some(order))) {
        let state = state_name(order.state());
        output.note(&styled(
            WAITS,
            &format!("the order is still under way ({state}): this is what has ended so far"),
        ));
    } else if found.cut > 0 {
        output.note(&styled(WAITS, &format!("this is not all: {} spans more were not kept", found.cut)));
    } else if !found.traces.iter().all(Tree::is_whole) {
        output.note(&styled(WAITS, "this is not all: some spans have a parent that did not come"));
    } else if !found.is_settled {
        output.note(&styled(WAITS, "this may not be all: spans were still coming in"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_named_by_32_hex_digits_and_an_order_by_all_else() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(Wanted::read(trace), Wanted::Trace(trace.parse().unwrap()));
        let order = "0198C0DE-0000-7000-8000-000000000001";
        assert_eq!(Wanted::read(order), Wanted::Order(order.to_lowercase()));
        assert_eq!(Wanted::read("x"), Wanted::Order("x".to_owned()));
    }

    #[test]
    fn old_orders_are_not_waited_for() {
        let order = |age: i64| Order {
            update_time: Some(prost_types::Timestamp { seconds: system::now() - age, nanos: 0 }),
            ..Order::default()
        };
        let wait = Duration::from_secs(15);
        assert_eq!(limit(wait, Some(&order(3_600))), Duration::ZERO);
        assert!(limit(wait, Some(&order(5))) <= Duration::from_secs(10));
        assert_eq!(limit(wait, Some(&order(-60))), wait, "a clock that is behind");
        assert_eq!(limit(wait, None), wait);
    }
}
