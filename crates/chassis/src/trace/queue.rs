use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Spans that wait for export or are on their way; there is no room for more.
const ROOM: usize = 8192;
/// A batch with so many spans or bytes goes as it is. A collector takes 4 MiB unless it is told otherwise.
const FULL: (usize, usize) = (512, 1024 * 1024);

/// Spans that have ended and wait for export, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    /// Of all batches, and of those on their way.
    spans: usize,
}

/// Spans that go together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// As elements of OTLP's `ScopeSpans.spans`.
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.spans >= FULL.0 || self.bytes.len() >= FULL.1
    }
}

impl Queue {
    /// Adds what `write` writes of a span; tells whether there was room.
    pub(crate) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut waiting = self.waiting();
        if waiting.spans >= ROOM {
            return false;
        }
        waiting.spans += 1;
        if waiting.batches.back().is_none_or(Batch::is_full) {
            waiting.batches.push_back(Batch::default());
        }
        if let Some(batch) = waiting.batches.back_mut() {
            write(&mut batch.bytes);
            batch.spans += 1;
            if batch.is_full() {
                self.filled.notify_one();
            }
        }
        true
    }

    /// Waits until a batch is full.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes the batches that are full, or all. Their spans have left only when that is said: [`Queue::left`].
    pub(crate) fn take(&self, all: bool) -> VecDeque<Batch> {
        let mut waiting = self.waiting();
        let mut taken = std::mem::take(&mut waiting.batches);
        let last = taken.pop_back_if(|last| !all && !last.is_full());
        waiting.batches.extend(last);
        taken
    }

    /// Makes room again for so many spans.
    pub(crate) fn left(&self, spans: usize) {
        let mut waiting = self.waiting();
        waiting.spans = waiting.spans.saturating_sub(spans);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Queue, count: usize) -> usize {
        (0..count).filter(|_| queue.push(|out| out.push(7))).count()
    }

    fn spans(batches: VecDeque<Batch>) -> Vec<usize> {
        batches.into_iter().map(|batch| batch.spans).collect()
    }

    #[tokio::test]
    async fn full_batches_go_first() {
        let queue = Queue::default();
        push(&queue, FULL.0 - 1);
        assert_eq!(spans(queue.take(false)), [0; 0]);
        push(&queue, 3);
        queue.filled().await;
        assert_eq!(spans(queue.take(false)), [FULL.0]);
        assert_eq!(spans(queue.take(true)), [2]);
    }

    #[test]
    fn a_batch_is_full_of_bytes_too() {
        let queue = Queue::default();
        for _ in 0..3 {
            queue.push(|out| out.resize(out.len() + FULL.1, 7));
        }
        assert_eq!(spans(queue.take(false)), [1, 1, 1]);
    }

    #[test]
    fn what_is_on_its_way_takes_room() {
        let queue = Queue::default();
        assert_eq!(push(&queue, ROOM + 1), ROOM);
        assert_eq!(queue.take(true).len(), ROOM / FULL.0);
        assert_eq!(push(&queue, 1), 0);
        queue.left(2);
        assert_eq!(push(&queue, 3), 2);
    }
}
