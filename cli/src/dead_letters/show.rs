//! Dead letters as people read them.

use super::Redriven;
use super::find::Block;
use crate::exit::brief;
use crate::output::{BAD, Cell, FAINT, GOOD, STRONG, Table, WAITS, excerpt, styled};
use crate::shop::Service;

/// Characters of a detail that a row has room for.
const DETAIL: usize = 120;

/// Dead letters, one a line.
pub(super) fn blocks(blocks: &[Block]) -> Table {
    let mut table = Table::new([
        "event",
        "at",
        "of",
        ">position",
        "key",
        "kind",
        "reason",
        ">attempts",
        ">parked",
        "detail",
    ]);
    for block in blocks {
        let letter = &block.letter;
        let parked = if block.parked == 0 { FAINT } else { WAITS };
        table.row([
            block.id().into(),
            block.service.name().into(),
            letter.producer.as_str().into(),
            Cell::number(block.position()),
            block.key().into(),
            block.kind().into(),
            Cell::new(BAD, letter.reason.as_str()),
            Cell::number(letter.attempts),
            Cell::number(block.parked).styled(parked),
            Cell::new(FAINT, excerpt(&letter.detail, DETAIL)),
        ]);
    }
    table
}

/// What became of dead letters that were redriven, one a line.
pub(super) fn redriven(redriven: &[Redriven]) -> Table {
    let mut table = Table::new(["event", "at", "key", "result"]);
    for (block, applied) in redriven {
        let result = match applied {
            Ok(None) => Cell::new(FAINT, "gone: it was applied or discarded meanwhile"),
            Ok(Some(applied)) => Cell::new(GOOD, format!("applied {}", events(*applied))),
            Err(error) => Cell::new(BAD, excerpt(&brief(error), DETAIL)),
        };
        table.row([block.id().into(), block.service.name().into(), block.key().into(), result]);
    }
    table
}

/// What became of a dead letter that was given up.
pub(super) fn discarded(service: Service, id: &str, applied: i32, next: &str) -> String {
    let text = format!(
        "{} {id} at {service}, applied {} parked behind it",
        styled(STRONG, "discarded"),
        events(applied)
    );
    match next {
        "" => text,
        next => {
            format!("{text}; {} and is the key's dead letter now", styled(BAD, &format!("{next} failed")))
        }
    }
}

fn events(count: i32) -> String {
    format!("{count} {}", if count == 1 { "event" } else { "events" })
}
