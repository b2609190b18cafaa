//! What to do about open sagas, as a plain value, before anything is done.

use std::collections::HashSet;
use std::hash::Hash;

/// Which open sagas get a task now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<Id> {
    /// Those without a task, oldest first, as many as there are places.
    pub resume: Vec<Id>,
    /// Those that wait for a place; the next scan sees them again.
    pub waiting: usize,
}

/// Plans a scan: `open` sagas, oldest first, those `running` already, and the `places` that are free.
pub fn plan<Id: Copy + Eq + Hash>(open: &[Id], running: &HashSet<Id>, places: usize) -> Plan<Id> {
    let idle: Vec<Id> = open.iter().copied().filter(|id| !running.contains(id)).collect();
    let resume: Vec<Id> = idle.iter().copied().take(places).collect();
    Plan { waiting: idle.len() - resume.len(), resume }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_without_a_task_come_first() {
        let plan = plan(&[1, 2, 3, 4, 5], &HashSet::from([2, 9]), 2);
        assert_eq!(plan, Plan { resume: vec![1, 3], waiting: 2 });
    }

    #[test]
    fn nothing_open_is_nothing_to_do() {
        assert_eq!(plan::<u8>(&[], &HashSet::new(), 8), Plan { resume: vec![], waiting: 0 });
    }
}
