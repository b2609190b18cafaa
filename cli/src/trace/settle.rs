use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use madang_spans::{Span, TraceId, Tree};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Wanted;
use super::source::{Source, Spans};
use crate::output::Progress;
use crate::system;

/// How often it is looked whether more has come.
const BETWEEN: Duration = Duration::from_millis(250);
/// Services send what ended each second; when nothing came for longer, all has.
const QUIET: Duration = Duration::from_millis(1_500);
/// So long after the last end, in seconds, nothing more is expected.
const OLD: u64 = 5;

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// By their starts.
    pub(super) traces: Vec<Tree>,
    /// Whether nothing more is expected.
    pub(super) is_settled: bool,
    /// Spans that were beyond what is kept of a trace.
    pub(super) cut: u64,
}

/// Reads the traces again and again until they are whole and nothing more came for a while, or the limit has passed. Of an order
/// that is under way, spans are missing until they end: there it is enough that nothing more came.
pub(super) async fn wait(
    source: &Source,
    wanted: &Wanted,
    (limit, is_under_way): (Duration, bool),
    progress: &mut Progress,
) -> Result<Found> {
    let mut poll = interval(BETWEEN);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let start = Instant::now();
    let (mut count, mut since) = (0, start);
    loop {
        poll.tick().await;
        let Spans { spans, cut } = source.spans(wanted).await?;
        if spans.len() != count {
            (count, since) = (spans.len(), Instant::now());
        }
        let found = judge(spans, (since.elapsed() >= QUIET || cut > 0, is_under_way), system::now());
        let found = Found { cut, ..found };
        if found.is_settled || start.elapsed() >= limit {
            return Ok(found);
        }
        progress.show(&format!("waiting for spans; {count} so far"));
    }
}

/// Whether what there is now, in seconds since 1970, is all.
fn judge(spans: Vec<Span>, (is_quiet, is_under_way): (bool, bool), now: i64) -> Found {
    let last_end = spans.iter().map(|span| span.end).max().unwrap_or_default() / 1_000_000_000;
    let is_old = last_end.saturating_add(OLD) < u64::try_from(now).unwrap_or_default();
    let mut by_trace: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
    for span in spans {
        by_trace.entry(span.trace_id).or_default().push(span);
    }
    let mut traces: Vec<Tree> = by_trace.into_values().map(Tree::of).collect();
    traces.sort_by_key(Tree::start);
    let is_whole = !traces.is_empty() && traces.iter().all(Tree::is_whole);
    let is_quiet = is_quiet || (is_old && !is_under_way);
    let is_settled = !traces.is_empty() && is_quiet && (is_whole || is_under_way);
    Found { traces, is_settled, cut: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::show::tests::{BEGIN, span};

    const NOW: i64 = 1_795_719_568;

    #[test]
    fn a_trace_is_all_when_it_is_whole_and_quiet() {
        let spans = || vec![span(1, None, (0, 10)), span(2, Some(1), (1, 2))];
        assert_eq!(BEGIN / 1_000_000_000, u64::try_from(NOW).unwrap());
        assert!(!judge(spans(), (false, false), NOW).is_settled, "more may come");
        assert!(judge(spans(), (true, false), NOW).is_settled);
        assert!(judge(spans(), (false, false), NOW + 60).is_settled, "it is old");
    }

    #[test]
    fn a_trace_with_an_orphan_is_not_all_unless_the_order_is_under_way() {
        let spans = || vec![span(1, None, (0, 10)), span(3, Some(2), (1, 2))];
        assert!(!judge(spans(), (true, false), NOW + 60).is_settled);
        assert!(judge(spans(), (true, true), NOW).is_settled);
        assert!(!judge(spans(), (false, true), NOW + 60).is_settled, "an order may wait for minutes");
    }

    #[test]
    fn nothing_is_not_all() {
        assert!(!judge(Vec::new(), (true, true), NOW).is_settled);
    }
}
