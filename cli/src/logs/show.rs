use anstyle::Style;

use super::line::Line;
use crate::output::{BAD, Cell, FAINT, PLAIN, Table, WAITS, excerpt, styled};

/// Fields that stand in columns, or that tell a person nothing.
const NOT_TOLD: [&str; 13] = [
    "timestamp",
    "level",
    "service",
    "message",
    "target",
    "trace_id",
    "span_id",
    "version",
    "instance",
    "request_id",
    "madang.request.id",
    "madang.task",
    "madang.order.id",
];
/// Letters of a message, and of a field, at most.
const WORDS: usize = 400;

/// Lines for people.
pub(super) fn text(lines: &[Line]) -> String {
    let mut table = Table::new(["time", "from", "level", "message"]);
    for line in lines {
        let time = line.time.map_or_else(|| "-".to_owned(), |time| format!("{time:.6}"));
        let level = line.text("level");
        table.row([
            Cell::new(FAINT, time),
            excerpt(&line.source, 80).into(),
            Cell::new(style(level), excerpt(level, 8)),
            message(line).into(),
        ]);
    }
    table.render()
}

fn style(level: &str) -> Style {
    match level {
        "ERROR" => BAD,
        "WARN" => WAITS,
        _ => PLAIN,
    }
}

fn message(line: &Line) -> String {
    let Some(fields) = &line.fields else { return excerpt(&line.raw, WORDS) };
    let mut text = excerpt(line.text("message"), WORDS);
    for (name, value) in fields.iter().filter(|(name, _)| !NOT_TOLD.contains(&name.as_str())) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text += &format!("  {}{}", styled(FAINT, &format!("{}=", excerpt(name, 80))), excerpt(&value, WORDS));
    }
    text
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_tells_its_message_and_the_fields_that_are_its_own() {
        let line = json!({
            "timestamp": "2026-11-26T19:00:01.25Z", "level": "WARN", "service": "orders", "target": "x", "trace_id": "t",
            "message": "no answer\u{1b}[2J", "tries": 2, "step": "payment",
        });
        let lines =
            [Line::read("orders", &line.to_string(), None), Line::read("orders", "thread panicked", None)];
        assert_eq!(
            strip_str(&text(&lines)).to_string(),
            "time                         from    level  message\n\
             2026-11-26T19:00:01.250000Z  orders  WARN   no answer [2J  step=payment  tries=2\n\
             -                            orders         thread panicked\n"
        );
    }
}
