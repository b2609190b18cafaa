//! What the writer takes next: closures that want to be committed at once, and patient ones, which share the commit of another
//! where one comes in time.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::time::Instant;

use super::group::Write;
use crate::stats::Board;

/// A closure that writes, and how long it may wait for another one's commit.
pub(super) type Queued = (Write, Duration);

/// The writer's end of the queue.
pub(super) struct Queue<'b> {
    queued: Receiver<Queued>,
    /// Those that wait for another's commit, and until when they may.
    patient: Vec<(Instant, Write)>,
    /// The most that wait so; one more is taken at once.
    room: usize,
    board: &'b Board,
}

impl<'b> Queue<'b> {
    pub(super) fn new(queued: Receiver<Queued>, room: usize, board: &'b Board) -> Self {
        Self { queued, patient: Vec::new(), room, board }
    }

    /// Waits for what begins a group; none once all is taken, and nobody is left who could write.
    pub(super) fn first(&mut self) -> Option<Write> {
        loop {
            let next = match self.patience() {
                Some(Duration::ZERO) => return self.take_soonest(),
                Some(left) => self.queued.recv_timeout(left),
                None => self.queued.recv().map_err(Into::into),
            };
            match next {
                Ok(queued) => {
                    if let Some(write) = self.at_once(queued) {
                        return Some(write);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.take_soonest(),
            }
        }
    }

    /// What else is there for a group that has begun, the patient ones last.
    pub(super) fn more(&mut self) -> Option<Write> {
        while let Ok(queued) = self.queued.try_recv() {
            if let Some(write) = self.at_once(queued) {
                return Some(write);
            }
        }
        self.take_soonest()
    }

    /// Keeps a patient one for later.
    fn at_once(&mut self, (write, patience): Queued) -> Option<Write> {
        if patience.is_zero() || self.patient.len() >= self.room {
            return Some(self.taken(write));
        }
        self.patient.push((Instant::now() + patience, write));
        None
    }

    /// Which of the patient ones is due first.
    fn soonest(&self) -> Option<usize> {
        (0..self.patient.len()).min_by_key(|index| self.patient[*index].0)
    }

    /// How long that one may wait still.
    fn patience(&self) -> Option<Duration> {
        let (due, _) = &self.patient[self.soonest()?];
        Some(due.saturating_duration_since(Instant::now()))
    }

    fn take_soonest(&mut self) -> Option<Write> {
        let (_, write) = self.patient.swap_remove(self.soonest()?);
        Some(self.taken(write))
    }

    fn taken(&self, write: Write) -> Write {
        self.board.queued(true).goes();
        write
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};

    use super::*;
    use crate::job::Job;
    use crate::{Kind, Tx};

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(20);

    struct Nothing;

    impl Job for Nothing {
        fn run(&mut self, _: &mut Tx<'_>) -> bool {
            true
        }

        fn fail(&mut self, _: &str) {}

        fn answer(self: Box<Self>) {}
    }

    /// A queue with these in it, each told apart by its kind.
    fn queue<'b>(
        board: &'b Board,
        room: usize,
        queued: &[(Kind, Duration)],
    ) -> (SyncSender<Queued>, Queue<'b>) {
        let (sender, receiver) = sync_channel::<Queued>(8);
        for (kind, patience) in queued {
            board.queued(true).comes();
            sender.send(((*kind, Box::new(Nothing)), *patience)).unwrap();
        }
        (sender, Queue::new(receiver, room, board))
    }

    fn kind(write: Option<Write>) -> Option<Kind> {
        write.map(|(kind, _)| kind)
    }

    #[test]
    fn a_patient_one_joins_the_next_group_and_comes_last_in_it() {
        let board = Board::default();
        let queued =
            [(Kind::Relay, LONG), (Kind::OrderPath, Duration::ZERO), (Kind::Request, Duration::ZERO)];
        let (_sender, mut queue) = queue(&board, 8, &queued);
        assert_eq!(kind(queue.first()), Some(Kind::OrderPath));
        assert_eq!(kind(queue.more()), Some(Kind::Request));
        assert_eq!(kind(queue.more()), Some(Kind::Relay));
        assert_eq!(kind(queue.more()), None);
        assert_eq!(board.queued(true).get(), 0);
    }

    #[test]
    fn a_patient_one_begins_a_group_when_its_patience_ends_and_takes_the_others_with_it() {
        let (board, began) = (Board::default(), Instant::now());
        let (_sender, mut queue) = queue(&board, 8, &[(Kind::Relay, LONG), (Kind::Cursor, SHORT)]);
        assert_eq!(kind(queue.first()), Some(Kind::Cursor));
        assert!(began.elapsed() >= SHORT);
        assert_eq!(kind(queue.more()), Some(Kind::Relay));
    }

    #[test]
    fn one_whose_patience_has_ended_is_before_all_that_came_since() {
        let board = Board::default();
        let (sender, mut queue) = queue(&board, 8, &[(Kind::Relay, SHORT), (Kind::Request, Duration::ZERO)]);
        assert_eq!(kind(queue.first()), Some(Kind::Request));
        // That group was full. Its work took longer than the other one's patience.
        let end = Instant::now() + SHORT;
        while Instant::now() <= end {
            std::thread::yield_now();
        }
        sender.send(((Kind::OrderPath, Box::new(Nothing)), Duration::ZERO)).unwrap();
        assert_eq!(kind(queue.first()), Some(Kind::Relay));
        assert_eq!(kind(queue.more()), Some(Kind::OrderPath));
    }

    #[test]
    fn where_too_many_wait_one_more_does_not() {
        let board = Board::default();
        let (_sender, mut queue) = queue(&board, 1, &[(Kind::Relay, LONG), (Kind::Cursor, LONG)]);
        assert_eq!(kind(queue.first()), Some(Kind::Cursor));
        assert_eq!(kind(queue.more()), Some(Kind::Relay));
    }

    #[test]
    fn the_patient_are_taken_when_nobody_can_come_any_more() {
        let board = Board::default();
        let (sender, mut queue) = queue(&board, 8, &[(Kind::Relay, LONG), (Kind::Cursor, LONG)]);
        drop(sender);
        assert_eq!(kind(queue.first()), Some(Kind::Relay));
        assert_eq!(kind(queue.first()), Some(Kind::Cursor));
        assert_eq!(kind(queue.first()), None);
    }
}
