//! A load as people read it.

use std::time::Duration;

use madang_load::{Histogram, KindReport, Orders, Report, Snapshot};

use crate::output::{BAD, Cell, FAINT, GOOD, PLAIN, STRONG, Table, WAITS, styled};

/// How it went since the second before, on one line.
pub(super) fn second(Snapshot { at, window, totals, in_flight }: &Snapshot) -> String {
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| ms(window.latency.quantile(share)));
    let seconds = at.as_secs_f64();
    let mut line = format!(
        "{seconds:>6.1} s  sent {:>5}  done {:>5}  in flight {in_flight:>4}  ms p50 {p50} p99 {p99} max {max}",
        window.sent, window.done
    );
    if window.not_sent > 0 {
        line += &styled(WAITS, &format!("  not sent {}", window.not_sent));
    }
    for (failure, count) in &window.errors {
        line += &styled(BAD, &format!("  {failure}: {count}"));
    }
    line + &styled(FAINT, &format!("  ({} in all)", totals.sent))
}

/// All of it.
pub(super) fn report(report: &Report) -> String {
    let mut text = kinds(report);
    if !report.errors.is_empty() {
        text += &format!("\n{}", errors(report));
    }
    text += &format!("\n{}\n", rates(report));
    if report.orders != Orders::default() {
        text += &format!("{}\n", orders(&report.orders));
    }
    text + &generator(report) + "\n"
}

fn kinds(report: &Report) -> String {
    let mut table =
        Table::new(["kind", ">sent", ">ok", ">failed", ">p50", ">p90", ">p99", ">p99.9", ">max ms"]);
    let mut row = |name: &str, counts: [u64; 3], latency: &Histogram| {
        let [sent, ok, failed] = counts.map(Cell::number);
        let failed = if counts[2] > 0 { failed.styled(BAD) } else { failed };
        let [p50, p90, p99, p999, max] =
            [0.5, 0.9, 0.99, 0.999, 1.0].map(|share| Cell::number(ms(latency.quantile(share)).trim_start()));
        table.row([name.into(), sent, ok, failed, p50, p90, p99, p999, max]);
    };
    for KindReport { kind, sent, ok, failed, latency, .. } in &report.kinds {
        row(kind.name(), [*sent, *ok, *failed], latency);
    }
    row("all", [report.sent, report.ok, report.failed], &report.latency);
    table.render()
}

fn errors(report: &Report) -> String {
    let mut table = Table::new(["failed", "code", "reason", ">at first", ">at last"]);
    for error in &report.errors {
        let reason = error.reason.as_deref().unwrap_or("-");
        let (first, last) = (Cell::number(error.at_first), Cell::number(error.at_last));
        table.row([error.kind.name().into(), Cell::new(BAD, error.code), reason.into(), first, last]);
    }
    table.render()
}

fn rates(report: &Report) -> String {
    let Report { sent_rate, intended_rate, ok_rate, sent_seconds, done_seconds, .. } = report;
    let mut text = format!(
        "{sent_rate:.1} a second sent, of {intended_rate:.1} intended, for {sent_seconds:.1} s; {ok_rate:.1} a second ok in {done_seconds:.1} s"
    );
    let more = [(report.not_sent, "not sent: too many in flight"), (report.unanswered, "never ended")];
    for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
        text += &styled(BAD, &format!("; {count} {what}"));
    }
    if report.stopped_early { text + &styled(WAITS, "; stopped early") } else { text }
}

/// Each end that there was, those that should not be in red.
pub(super) fn ends(orders: &Orders) -> Vec<(u64, String, bool)> {
    let rejected = orders.rejected.iter().map(|(reason, count)| (*count, format!("REJECTED {reason}"), true));
    let plain = [
        (orders.confirmed, "CONFIRMED", true),
        (orders.cancelled, "CANCELLED", true),
        (orders.refused, "refused", true),
        (orders.stuck, "STUCK", false),
        (orders.pending, "PENDING still", false),
        (orders.unread, "not read again", false),
        (orders.lost, "LOST: acknowledged and not found", false),
        (orders.unanswered, "never answered", false),
        (orders.surplus, "more than were asked for", false),
    ];
    let plain = plain.into_iter().map(|(count, what, is_good)| (count, what.to_owned(), is_good));
    plain.chain(rejected).filter(|(count, ..)| *count > 0).collect()
}

fn orders(orders: &Orders) -> String {
    let style = |is_good| if is_good { PLAIN } else { BAD };
    let ends = ends(orders).into_iter();
    let ends: Vec<String> =
        ends.map(|(count, what, is_good)| styled(style(is_good), &format!("{count} {what}"))).collect();
    let again = match orders.asked_again {
        0 => String::new(),
        asked => format!("; {asked} were asked for again, {} of them acknowledged", orders.found_again),
    };
    let title = styled(STRONG, "orders:");
    format!("{title} {} acknowledged; {}{again}", orders.acknowledged, ends.join(", "))
}

fn generator(report: &Report) -> String {
    let generator = &report.generator;
    let [paced, begun, most] = [
        generator.paced_late.quantile(0.99),
        generator.begun_late.quantile(0.99),
        generator.begun_late.max(),
    ]
    .map(|late| ms(late).trim_start().to_owned());
    let verdict = match generator.in_time {
        true => styled(GOOD, "in time"),
        false => styled(BAD, "late: a part of these latencies is its own"),
    };
    let title = styled(STRONG, "generator:");
    format!(
        "{title} {verdict}; 99 % of the calls paced within {paced} ms and begun within {begun} ms, all within {most} ms"
    )
}

/// Milliseconds, as wide as most.
fn ms(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1_000.0;
    if ms < 100.0 { format!("{ms:>6.2}") } else { format!("{ms:>6.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_should_not_end_so_is_told_apart() {
        let rejected = std::collections::BTreeMap::from([("OUT_OF_STOCK".to_owned(), 2)]);
        let all = Orders { acknowledged: 6, confirmed: 3, lost: 1, rejected, ..Orders::default() };
        let told = anstream::adapter::strip_str(&orders(&all)).to_string();
        let expected = "orders: 6 acknowledged; 3 CONFIRMED, 1 LOST: acknowledged and not found, 2 REJECTED OUT_OF_STOCK";
        assert_eq!(told, expected);
        let bad: Vec<String> = ends(&all).into_iter().filter(|end| !end.2).map(|end| end.1).collect();
        assert_eq!(bad, ["LOST: acknowledged and not found"]);
    }

    #[test]
    fn milliseconds_have_the_digits_that_matter() {
        let told = [50, 1_234, 99_990, 250_400].map(|us| ms(Duration::from_micros(us)));
        assert_eq!(told.map(|it| it.trim().to_owned()), ["0.05", "1.23", "99.99", "250"]);
    }
}
