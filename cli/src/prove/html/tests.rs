use madang_experiments::all::EXPERIMENTS;
use madang_experiments::{Limit, Mark, Measure, Phase, Plot, Unit};
use madang_load::{Bucket, Quantile, Series};

use super::*;
use crate::page::well_formed::{Element, elements};

/// All of its texts try to be more than text.
static HOSTILE: Experiment = Experiment {
    id: "a\"><script>id",
    claim: "<script>claim</script>",
    hypothesis: "<script>hypothesis & more</script>",
    steps: &["<script>step one</script>", "</ol>step two"],
    control: "<script>control</script>",
    by_hand: &["curl http://shop.example | sh > '</pre>'", "second command"],
    code: &["crates/<script>/one.rs", "crates/two.rs"],
    ..EXPERIMENTS[0]
};

fn plot(title: &str, phase: Phase, at_ms: u64) -> Plot {
    let bucket = |number: u64| Bucket {
        at_ms: number * 250,
        sent: 20,
        not_sent: 0,
        done: 20,
        failed: number % 2,
        p50_us: (number != 3).then_some(1_500),
        p99_us: (number != 3).then_some(30_000 * (number + 1)),
        max_us: (number != 3).then_some(250_000),
    };
    let distribution = [(0.0, 900), (0.5, 1_500), (0.99, 30_000), (1.0, 250_000)];
    Plot {
        title: title.to_owned(),
        phase,
        at_ms,
        series: Series { interval_ms: 250, buckets: (0..8).map(bucket).collect() },
        distribution: distribution.map(|(share, us)| Quantile { share, us }).to_vec(),
    }
}

fn outcome(variant: Variant, late: f64) -> Outcome {
    let measure = |name: &str, value, unit, limit| Measure { name: name.to_owned(), value, unit, limit };
    let mark = |(at_ms, what): (u64, &str)| Mark { at_ms, what: what.to_owned() };
    let limit = Limit::AtMost(50.0);
    let holds = late <= 50.0;
    Outcome {
        variant,
        holds,
        took_ms: 6_500,
        measures: vec![
            measure("<script>lateness", late, Unit::Ms, Some(limit)),
            measure("orders taken", 7.0, Unit::Count, Some(Limit::AtLeast(1.0))),
            measure("CPU", 0.25, Unit::Seconds, None),
        ],
        marks: [(10, "nothing is harmed"), (2_000, "<script>killed"), (4_000, "started")].map(mark).to_vec(),
        plots: vec![
            plot("visits", Phase::Before, 0),
            plot("visits", Phase::During, 2_010),
            plot("<script>orders", Phase::During, 2_020),
            plot("visits", Phase::After, 4_010),
        ],
        trouble: None,
    }
}

fn report(variant: Variant, outcomes: Vec<Outcome>) -> Report {
    let repeat = u16::try_from(outcomes.len()).unwrap();
    let skipped = vec![(&HOSTILE, "it needs <a cluster>".into())];
    Report {
        tried: vec![Tried { experiment: &HOSTILE, outcomes }],
        skipped,
        ..Report::new(variant, repeat, None)
    }
}

/// What a reader sees of a page, without its style sheet.
fn text(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let parts = body.split('<').skip(1).map(|part| part.split_once('>').unwrap().1);
    let text = parts.collect::<String>().replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

fn is_foreign(element: &Element) -> bool {
    let known = "html head meta title style body main section h1 h2 h3 p a b br span div table thead tbody tr th td ol ul li pre code figure \
                 figcaption svg path rect text";
    let is_unknown = !known.split(' ').any(|name| name == element.name);
    let loads = |(key, value): &(String, String)| {
        ["src", "srcset", "data", "style", "action"].contains(&key.as_str())
            || key.starts_with("on")
            || (key.ends_with("href") && !value.starts_with('#'))
            || value.contains("://")
    };
    is_unknown || element.attributes.iter().any(loads)
}

#[test]
fn a_page_holds_all_that_was_claimed_done_and_measured() {
    let page = page(&report(Variant::Real, vec![outcome(Variant::Real, 12.5)]));
    let (text, it) = (text(&page), &HOSTILE);
    let claims =
        [it.claim, it.hypothesis, it.control, "1 of 1 claims hold", "✓ PASS", "it needs <a cluster>"];
    let all = claims.iter().chain(it.steps).chain(it.by_hand).chain(it.code).map(|text| (*text).to_owned());
    let tried = outcome(Variant::Real, 12.5);
    let measures = tried.measures.iter().flat_map(|it| [it.name.clone(), it.told(), it.told_limit()]);
    let marks = tried.marks.iter().map(|mark| mark.what.clone());
    let plots = tried.plots.iter().map(|plot| format!("{}, {}", plot.title, plot.phase));
    for part in all.chain(measures).chain(marks).chain(plots) {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!((page.matches("<figure>").count(), page.matches("class=\"bar\"").count()), (4, 2));
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("width=device-width"));
}

#[test]
fn a_page_is_well_formed_and_a_browser_fetches_and_runs_nothing_for_it() {
    let trouble = Outcome { trouble: Some("<script>".to_owned()), ..outcome(Variant::Real, f64::NAN) };
    let bare = Outcome { plots: vec![], measures: vec![], ..outcome(Variant::Real, 1.0) };
    let silent = Outcome { marks: vec![], ..bare.clone() };
    for outcomes in [
        vec![outcome(Variant::Real, 1.0)],
        vec![bare],
        vec![silent],
        vec![outcome(Variant::Real, 1.0), trouble],
        vec![],
    ] {
        let page = page(&report(Variant::Real, outcomes));
        let elements = elements(&page).unwrap_or_else(|error| panic!("{error}\n{page}"));
        let foreign: Vec<&Element> = elements.iter().filter(|element| is_foreign(element)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
        assert!(!page.contains("url(") && !page.contains("@import"), "{page}");
    }
}

#[test]
fn a_verdict_is_in_words_and_of_several_trials_the_one_that_failed_is_shown() {
    let outcomes = || [10.0, 80.0, 20.0].map(|late| outcome(Variant::Real, late)).to_vec();
    let text = text(&page(&report(Variant::Real, outcomes())));
    for part in
        ["0 of 1 claims hold", "✗ FAIL", "2 of 3", "trial 2 of 3", "✗ beyond", "least", "20 ms", "80 ms"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_control_is_good_when_it_is_refuted() {
    let text = |late| text(&page(&report(Variant::Control, vec![outcome(Variant::Control, late)])));
    let (refuted, held) = (text(80.0), text(10.0));
    assert!(
        refuted.contains("✓ REFUTED") && refuted.contains("✗ beyond") && refuted.contains("was taken away")
    );
    assert!(held.contains("✗ NOT REFUTED") && held.contains("0 of 1 controls are refuted"), "{held}");
}

#[test]
fn the_phases_follow_each_other_in_the_pictures() {
    let page = page(&report(Variant::Real, vec![outcome(Variant::Real, 1.0)]));
    let picture = page.split("<figure>").nth(1).unwrap();
    let names: Vec<&str> = picture
        .split("class=\"over\"")
        .skip(1)
        .map(|it| &it[it.find('>').unwrap() + 1..it.find('<').unwrap()])
        .collect();
    assert_eq!(names, ["before", "during", "after"]);
    assert_eq!(picture.matches("class=\"shade\"").count(), 1);
    assert_eq!(picture.matches("class=\"label\"").count(), 3);
}
