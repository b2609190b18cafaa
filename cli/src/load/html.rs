//! A load's report as a page.

mod charts;

use std::fmt::Write;

use madang_load::{Histogram, KindReport, Orders, Report, Told};

use super::show::ends;
use crate::page::{document, paragraph, table};

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut main = summary(report);
    main += "<h2>In time</h2>\n<div class=\"charts\">\n";
    charts::all(report).into_iter().for_each(|chart| main += &chart);
    main += "</div>\n";
    main += &kinds(report);
    main += &errors(report);
    main += &orders(&report.orders);
    main += &settings(&report.settings);
    document(&format!("Load on {}", report.settings.gateway), "", &main)
}

fn summary(report: &Report) -> String {
    let Report { sent_rate, intended_rate, sent_seconds, ok_rate, .. } = report;
    let mut text = paragraph(
        "",
        format!(
            "{sent_rate:.1} calls a second sent of {intended_rate:.1} intended, for {sent_seconds:.1} s; {ok_rate:.1} a second ok."
        ),
    );
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| ms(&report.latency, share));
    let latency = format!(
        "Half of them within {p50} ms, 99 % within {p99} ms, all within {max} ms, each from when it was meant to be sent."
    );
    text += &paragraph("", latency);
    let not_so_good = [
        (report.failed, "calls failed"),
        (report.not_sent, "calls were not sent, since too many were in flight"),
        (report.unanswered, "calls never ended"),
    ];
    for (count, what) in not_so_good.into_iter().filter(|(count, _)| *count > 0) {
        text += &paragraph("bad", format!("{count} {what}."));
    }
    let late = &report.generator.begun_late;
    let (late, most) = (ms(late, 0.99), ms(late, 1.0));
    let own = format!("99 % of the calls were begun within {late} ms of their time, all within {most} ms.");
    text += &match report.generator.in_time {
        true => paragraph("soft", format!("The generator was in time: {own}")),
        false => paragraph("bad", format!("The generator was late, and is a part of these latencies: {own}")),
    };
    let stopped = "It was stopped before its schedule ended.";
    if report.stopped_early { text + &paragraph("bad", stopped) } else { text }
}

fn kinds(report: &Report) -> String {
    let row = |name: &str, counts: [u64; 4], latency: &Histogram| {
        let shares = [0.5, 0.9, 0.99, 0.999, 1.0].map(|share| ms(latency, share));
        let counts = counts.map(|count| count.to_string());
        std::iter::once(name.to_owned()).chain(counts).chain(shares).collect::<Vec<String>>()
    };
    let kind = |it: &KindReport| row(it.kind.name(), [it.sent, it.not_sent, it.ok, it.failed], &it.latency);
    let mut rows: Vec<Vec<String>> = report.kinds.iter().map(kind).collect();
    rows.push(row("all", [report.sent, report.not_sent, report.ok, report.failed], &report.latency));
    let titles = ["kind", "sent", "not sent", "ok", "failed", "p50", "p90", "p99", "p99.9", "max"];
    format!("<h2>By kind</h2>\n{}", table("Latencies in ms, failed calls included.", &titles, &rows))
}

fn errors(report: &Report) -> String {
    let row = |it: &madang_load::Errors| {
        let reason = it.reason.as_deref().unwrap_or("-");
        let what = format!("{} {} {reason}", it.kind, it.code);
        vec![what, it.at_first.to_string(), it.at_last.to_string()]
    };
    let rows: Vec<Vec<String>> = report.errors.iter().map(row).collect();
    let caption = "By kind, code and reason; after the first try, and after the last.";
    match rows.is_empty() {
        true => "<h2>Errors</h2>\n<p>None.</p>\n".to_owned(),
        false => format!("<h2>Errors</h2>\n{}", table(caption, &["error", "at first", "at last"], &rows)),
    }
}

fn orders(orders: &Orders) -> String {
    if *orders == Orders::default() {
        return String::new();
    }
    let mark = |is_good| if is_good { "" } else { " (should not be)" };
    let row = |(count, what, is_good): (u64, String, bool)| vec![what + mark(is_good), count.to_string()];
    let rows: Vec<Vec<String>> = ends(orders).into_iter().map(row).collect();
    let Orders { acknowledged, asked_again, found_again, .. } = orders;
    let caption = format!(
        "{acknowledged} orders were acknowledged; {asked_again} were asked for again, {found_again} of them acknowledged then."
    );
    format!("<h2>Orders at their end</h2>\n{}", table(&caption, &["end", "orders"], &rows))
}

fn settings(told: &Told) -> String {
    let mut text = String::new();
    for (rate, seconds) in &told.phases {
        let _written = write!(text, "{rate} calls a second for {seconds} s; ").is_ok();
    }
    let arrivals = format!("{:?}", told.arrivals).to_lowercase();
    let products: Vec<String> = told.products.iter().map(|(id, weight)| format!("{id}={weight}")).collect();
    let products = if products.is_empty() { "all".to_owned() } else { products.join(", ") };
    text += &format!(
        "{}, {arrivals} arrivals from seed {}; {} connections, at most {} in flight, {} ms for each call, retries: {}; products: {products}; run {}.",
        told.mix, told.seed, told.connections, told.in_flight, told.deadline_ms, told.retries, told.run
    );
    format!("<h2>Settings</h2>\n{}", paragraph("soft", text))
}

fn ms(latency: &Histogram, share: f64) -> String {
    let ms = latency.quantile(share).as_secs_f64() * 1_000.0;
    if ms < 100.0 { format!("{ms:.2}") } else { format!("{ms:.0}") }
}

#[cfg(test)]
mod tests;
