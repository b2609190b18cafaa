//! Sagas as people read them.

use madang_api::orders::v1::{OrderState, Saga, SagaWait};
use prost_types::Timestamp;

use super::Resumed;
use crate::exit::refusal;
use crate::order::show::{money, state_name, style};
use crate::output::{BAD, Cell, FAINT, Table, excerpt};

/// Characters of a cause that a row has room for.
const CAUSE: usize = 80;
/// Characters at the end of a version 7 UUID that are its own.
const OWN: usize = 12;

/// Sagas, one a line; ages are counted from `now`, in seconds since 1970.
pub(super) fn table(sagas: &[Saga], now: i64) -> Table {
    let mut table = Table::new([
        "order",
        "state",
        "reason",
        "waits for",
        "undos",
        ">age",
        ">in state",
        "owner",
        "customer",
        ">total",
        "last cause",
    ]);
    for saga in sagas {
        let cause = saga.wait.as_ref().map_or("", |wait| &wait.cause);
        table.row([
            saga.order_id.as_str().into(),
            Cell::new(style(saga.state()), state(saga)),
            saga.reason.as_str().into(),
            waits_for(saga).into(),
            saga.undos.join(", ").into(),
            Cell::number(age(saga.create_time, now)),
            Cell::number(age(saga.update_time, now)),
            Cell::new(FAINT, own(&saga.owner)),
            saga.customer_id.as_str().into(),
            Cell::number(money(saga.total.as_ref())),
            Cell::new(FAINT, excerpt(cause, CAUSE)),
        ]);
    }
    table
}

/// What became of orders that were to be resumed, one a line.
pub(super) fn resumed(resumed: &[Resumed]) -> Table {
    let mut table = Table::new(["order", "now", "why"]);
    for (order_id, order) in resumed {
        let (now, why) = match order {
            Ok(order) => (Cell::new(style(order.state()), state_name(order.state())), order.reason.clone()),
            Err(status) => {
                (Cell::new(BAD, "not resumed"), format!("{}: {}", refusal(status), status.message()))
            }
        };
        table.row([order_id.as_str().into(), now, why.into()]);
    }
    table
}

fn state(saga: &Saga) -> String {
    let way = saga.stuck_in();
    match way == OrderState::Unspecified {
        true => state_name(saga.state()).to_owned(),
        false => format!("STUCK in {}", state_name(way)),
    }
}

fn waits_for(saga: &Saga) -> String {
    match &saga.wait {
        _ if saga.state() == OrderState::Stuck => "an operator".to_owned(),
        None => "-".to_owned(),
        Some(SagaWait { step, undo, failures, .. }) => {
            let undo = if *undo { "undo of " } else { "" };
            let tries = if *failures == 0 { String::new() } else { format!(", {failures} tries") };
            format!("{undo}{step}{tries}")
        }
    }
}

fn own(id: &str) -> &str {
    id.get(id.len().saturating_sub(OWN)..).unwrap_or(id)
}

/// How long ago, in the largest unit that is not zero.
fn age(time: Option<Timestamp>, now: i64) -> String {
    let Some(time) = time else { return "-".to_owned() };
    match now.saturating_sub(time.seconds).max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_one_unit() {
        let age = |seconds| age(Some(Timestamp { seconds: 0, nanos: 0 }), seconds);
        let told = [age(0), age(119), age(120), age(7_200), age(172_800)];
        assert_eq!(told, ["0 s", "119 s", "2 min", "2 h", "2 d"]);
        assert_eq!(age(-5), "0 s", "clocks differ");
    }

    #[test]
    fn a_wait_is_told_with_its_tries() {
        let wait = |undo, failures| {
            let wait = Some(SagaWait { step: "reserve-stock".into(), undo, failures, ..SagaWait::default() });
            waits_for(&Saga { wait, ..Saga::default() })
        };
        assert_eq!(wait(false, 0), "reserve-stock");
        assert_eq!(wait(true, 3), "undo of reserve-stock, 3 tries");
        assert_eq!(waits_for(&Saga::default()), "-");
    }
}
