//! Who is gone, from beats and this process's own monotonic clock alone.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::BEAT;
use crate::store::replicas::Beat;

/// How long a beat stands still until its replica counts as gone.
const STILL: Duration = Duration::from_secs(3);
/// The most that one pause between two looks counts for: while this process, or the database, stood still itself, so did the
/// others, and after it they get time to beat.
const PAUSE: Duration = BEAT.saturating_add(Duration::from_millis(500));

/// What was seen of the others.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    seen: HashMap<Uuid, Seen>,
    last: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    beats: Option<i64>,
    still: Duration,
}

impl Lookout {
    /// Takes what was read at this moment; gives those who are gone. They are given again at each look, until they are not
    /// read any more.
    pub(super) fn look(&mut self, beats: &[Beat], now: Instant) -> Vec<Beat> {
        let pause = self.last.map_or(Duration::ZERO, |last| now.duration_since(last).min(PAUSE));
        self.last = Some(now);
        let seen = |beat: &Beat| {
            let before = self.seen.get(&beat.replica).filter(|seen| seen.beats == beat.beats);
            let still = before.map_or(Duration::ZERO, |seen| seen.still + pause);
            (beat.replica, Seen { beats: beat.beats, still })
        };
        self.seen = beats.iter().map(seen).collect();
        let is_gone = |beat: &Beat| beat.has_left() || self.seen[&beat.replica].still >= STILL;
        beats.iter().copied().filter(is_gone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks once a second at what the others' beats are then; tells in which second each was first given as gone.
    fn gone_in(script: impl Fn(u64) -> Vec<(u128, Option<i64>)>) -> HashMap<u128, u64> {
        let (mut lookout, start) = (Lookout::default(), Instant::now());
        let mut gone = HashMap::new();
        for second in 0..20 {
            let read: Vec<Beat> = script(second)
                .into_iter()
                .map(|(id, beats)| Beat { replica: Uuid::from_u128(id), beats })
                .collect();
            for beat in lookout.look(&read, start + Duration::from_secs(second)) {
                gone.entry(beat.replica.as_u128()).or_insert(second);
            }
        }
        gone
    }

    #[test]
    fn a_replica_that_beats_is_there() {
        assert!(gone_in(|second| vec![(1, i64::try_from(second).ok())]).is_empty());
    }

    #[test]
    fn a_beat_that_stands_still_for_three_seconds_is_gone() {
        let gone = gone_in(|second| vec![(1, i64::try_from(second.min(5)).ok()), (2, None)]);
        assert_eq!(gone, HashMap::from([(1, 8), (2, 3)]));
    }

    #[test]
    fn a_replica_that_left_is_gone_at_once() {
        assert_eq!(gone_in(|_| vec![(1, Some(-1))]), HashMap::from([(1, 0)]));
    }

    #[test]
    fn a_beat_that_was_seen_again_begins_anew() {
        let gone = gone_in(|second| if second == 2 { vec![] } else { vec![(1, Some(7))] });
        assert_eq!(gone, HashMap::from([(1, 6)]), "from second 3 on");
    }

    #[test]
    fn time_in_which_nothing_was_read_counts_for_little() {
        let (mut lookout, start) = (Lookout::default(), Instant::now());
        let beat = [Beat { replica: Uuid::from_u128(1), beats: Some(7) }];
        assert!(lookout.look(&beat, start).is_empty());
        let later = start + Duration::from_secs(3600);
        assert!(lookout.look(&beat, later).is_empty(), "the database was away for an hour, for both");
        assert!(lookout.look(&beat, later + BEAT).is_empty());
        assert_eq!(lookout.look(&beat, later + BEAT * 2), beat);
    }
}
