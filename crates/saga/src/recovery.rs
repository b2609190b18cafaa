//! What to do about open sagas, as a plain value, before anything is done.

use std::collections::HashSet;
use std::hash::Hash;

/// What a scan saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan<Id: Eq + Hash> {
    /// Sagas that are open and this process's, oldest first.
    pub open: Vec<Id>,
    /// Whether these are all.
    pub complete: bool,
    /// Those with a task before the open ones were read.
    pub before: HashSet<Id>,
    /// Those with a task after that.
    pub now: HashSet<Id>,
}

/// What becomes of sagas after a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<Id> {
    /// Those without a task, oldest first, as many as there are places: each gets one.
    pub resume: Vec<Id>,
    /// Those whose task goes on though they are not open here any more: another process took them over.
    pub read_again: Vec<Id>,
    /// How many wait for a place; the next scan sees them again.
    pub waiting: usize,
}

/// Plans what follows from a scan, with so many `places` free.
pub fn plan<Id: Copy + Eq + Hash>(scan: &Scan<Id>, places: usize) -> Plan<Id> {
    let idle: Vec<Id> = scan.open.iter().copied().filter(|id| !scan.now.contains(id)).collect();
    let resume: Vec<Id> = idle.iter().copied().take(places).collect();
    let open: HashSet<Id> = scan.open.iter().copied().collect();
    // A saga has its task after it was written: one that had it before the reading would have been read.
    let gone = scan.before.intersection(&scan.now).copied().filter(|id| !open.contains(id));
    let read_again = if scan.complete { gone.collect() } else { Vec::new() };
    Plan { waiting: idle.len() - resume.len(), resume, read_again }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(open: &[u8], before: &[u8], now: &[u8]) -> Scan<u8> {
        let set = |ids: &[u8]| ids.iter().copied().collect();
        Scan { open: open.to_vec(), complete: true, before: set(before), now: set(now) }
    }

    #[test]
    fn the_oldest_without_a_task_come_first() {
        let plan = plan(&scan(&[1, 2, 3, 4, 5], &[2], &[2, 9]), 2);
        assert_eq!(plan, Plan { resume: vec![1, 3], read_again: vec![], waiting: 2 });
    }

    #[test]
    fn nothing_open_is_nothing_to_do() {
        let plan = plan(&scan(&[], &[], &[]), 8);
        assert_eq!(plan, Plan { resume: vec![], read_again: vec![], waiting: 0 });
    }

    #[test]
    fn a_task_whose_saga_is_not_ours_any_more_reads_it_again() {
        assert_eq!(plan(&scan(&[1], &[1, 2], &[1, 2]), 8).read_again, [2]);
    }

    #[test]
    fn a_task_that_began_during_the_reading_is_left_alone() {
        assert_eq!(plan(&scan(&[1], &[1], &[1, 2]), 8).read_again, []);
    }

    #[test]
    fn a_list_that_was_cut_says_nothing_of_what_it_lacks() {
        let cut = Scan { complete: false, ..scan(&[1], &[1, 2], &[1, 2]) };
        assert_eq!(plan(&cut, 8).read_again, []);
    }
}
