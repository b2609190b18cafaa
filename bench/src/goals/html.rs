//! The table as a page, with a bar for each goal and a picture of each curve.

use madang_page::axis::Axis;
use madang_page::bar::{Bar, Limit};
use madang_page::chart::{Chart, Line};
use madang_page::timeline::Timeline;
use madang_page::{document, escape, paragraph, table};

use super::table::{Row, TITLES, Wanted, short};
use super::{Args, Report};

pub(super) fn page(args: &Args, report: &Report) -> String {
    let rows = &report.rows;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let wanted = rows.iter().filter(|row| row.met.is_some()).count();
    let met = rows.iter().filter(|row| row.met == Some(true)).count();
    let mut main = paragraph("", format!("{met} of {wanted} goals are met."));
    let how = format!(
        "On {cores} cores, with the client on the same ones; {} rounds of {} s, each with its yardstick in turn. A ratio is the \
         median of those of each round. Orders of a large store: {}.",
        args.rounds, args.seconds, args.orders
    );
    main += &paragraph("soft", how);
    report.left_out().for_each(|line| main += &paragraph("soft", line));
    main += "<h2>Pictures</h2>\n<div class=\"charts\">\n";
    curves(rows).iter().for_each(|chart| main += &chart.render(&Timeline::default()));
    main += "</div>\n<h2>Goals</h2>\n";
    rows.iter().filter_map(goal).for_each(|line| main += &line);
    let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
    main += &format!(
        "<h2>All numbers</h2>\n{}",
        table("Medians, and the spread of all rounds.", &TITLES, &cells)
    );
    document("How fast the shop is", "", &main)
}

/// A goal's number against what is wanted of it.
fn goal(row: &Row) -> Option<String> {
    let limit = match row.wanted {
        Wanted::AtLeast(bound) => Limit::AtLeast(bound),
        Wanted::AtMost(bound) => Limit::AtMost(bound),
        Wanted::Nothing => return None,
    };
    let bar = Bar { value: row.value, limit, spread: Some((row.least, row.most)) }.render();
    let (class, state) = if row.met == Some(true) { ("good", "✓ met") } else { ("bad", "✗ not met") };
    let what = if row.yardstick.is_some() { "beside the yardstick's" } else { "" };
    let name = escape(&format!("{}: {} {what}", row.goal, row.what));
    Some(format!(
        "<p>{name}<br>{bar}<br><b>{}</b> <span class=\"{class}\">{state}</span></p>\n",
        short(row.value)
    ))
}

/// A chart of each curve that has more than one point.
fn curves(rows: &[Row]) -> Vec<Chart> {
    let mut names: Vec<&'static str> = Vec::new();
    for (name, _) in rows.iter().filter_map(|row| row.curve) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().filter_map(|name| curve(name, rows)).collect()
}

fn curve(title: &'static str, rows: &[Row]) -> Option<Chart> {
    let points = |value: fn(&Row) -> Option<f64>| {
        let point = |row: &Row| {
            let (_, at) = row.curve.filter(|(name, _)| *name == title)?;
            Some((at.log10(), value(row)))
        };
        rows.iter().filter_map(point).collect::<Vec<_>>()
    };
    let ours = points(|row| Some(row.ours));
    let most = ours.iter().map(|(at, _)| *at).fold(0.0, f64::max);
    if ours.len() < 2 {
        return None;
    }
    let lines = vec![Line::new("the shop", ours), Line::new("the skeleton", points(|row| row.yardstick))];
    let (x, y) = (Axis::log_ms(1.0, 10_f64.powf(most)), Axis::linear_of(&lines));
    Some(Chart { title, below: "in flight (factors of ten)", x, y, lines })
}

#[cfg(test)]
mod tests {
    use madang_page::well_formed::elements;

    use super::*;

    #[test]
    fn a_page_shows_each_goal_and_each_curve_and_is_well_formed() {
        let args = Args {
            goals: Vec::new(),
            rounds: 2,
            seconds: 1,
            orders: 10,
            json: None,
            html: None,
            mesh: None,
            bare: None,
            markdown: false,
        };
        let row = |at: f64| {
            let rounds = vec![(80.0, 100.0), (90.0 * at, 100.0)];
            Row::ratio("saga", format!("orders <{at}>"), Wanted::AtLeast(0.75), rounds)
                .on("orders a second", at)
        };
        let rows = vec![row(1.0), row(16.0), Row::plain("start", "ms", Wanted::Nothing, vec![f64::NAN])];
        let left_out = vec![("nats", "nats-server <is> not installed".to_owned())];
        let page = page(&args, &Report { rows, left_out });
        elements(&page).unwrap_or_else(|error| panic!("{error}\n{page}"));
        assert_eq!((page.matches("<figure>").count(), page.matches("class=\"bar\"").count()), (1, 2));
        assert!(page.contains("2 of 2 goals are met") && page.contains("orders &lt;16&gt;"), "{page}");
        assert!(page.contains("nats is left out: nats-server &lt;is&gt; not installed"), "{page}");
    }
}
