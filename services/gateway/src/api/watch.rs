//! Following an order by server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, StreamExt, stream};
use madang_api::error;
use madang_api::orders::v1::{WatchOrderRequest, WatchOrderResponse};
use madang_chassis::{NoDeadline, Shutdown};
use serde_json::Value;
use tonic::{Code, Status, Streaming};

use super::request::{Caller, Id};
use super::{Api, MAX_STREAM, guard, value};
use crate::problem::Problem;

/// Proxies end connections that are quiet, most often after a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// An `order` event for each state of an order; ends when it is final. What goes wrong under way is a `problem`
/// event, the last.
pub(super) async fn watch(
    State(mut api): State<Api>,
    caller: Caller,
    Id(order_id): Id,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = api.streams.take().map_err(guard::overloaded)?;
    let mut request = caller.ask(WatchOrderRequest { order_id });
    // The request's deadline bounds the beginning of the stream, not the stream.
    request.extensions_mut().insert(NoDeadline);
    request.set_timeout(MAX_STREAM);
    let states = api.orders.watch_order(request).await?.into_inner();
    let events = told(states, api.shutdown).map(move |told| {
        let _held_while_it_lasts = &place;
        Ok(event(told, &caller))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The states until the first problem. That this gateway ends is one.
fn told(
    states: Streaming<WatchOrderResponse>,
    shutdown: Shutdown,
) -> impl Stream<Item = Result<Value, Problem>> {
    stream::unfold(Some((states, shutdown)), async |left| {
        let (mut states, shutdown) = left?;
        let state = tokio::select! {
            biased;
            state = states.next() => state?,
            () = shutdown.begun() => Err(shutting_down()),
        };
        let told = state.map_err(Problem::from).and_then(|state| value(&state));
        let left = told.is_ok().then_some((states, shutdown));
        Some((told, left))
    })
}

fn shutting_down() -> Status {
    let message = "the gateway ends; watch again to reach another";
    error::status(Code::Unavailable, "SHUTTING_DOWN", message)
}

fn event(told: Result<Value, Problem>, caller: &Caller) -> Event {
    match told {
        Ok(order) => Event::default().event("order").data(order.to_string()),
        Err(problem) => Event::default().event("problem").data(problem.to_json(&caller.0).to_string()),
    }
}
