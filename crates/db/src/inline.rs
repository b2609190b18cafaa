//! The executor of simulations: no threads, no clock, the same groups for the same seed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::config::Limits;
use crate::job::Job;
use crate::sqlite::{Lease, Opened, Statements, Writer, read};
use crate::stats::Board;
use crate::{Error, Kind};

/// The largest group that is drawn.
const GROUP: u64 = 8;
/// The most turns a caller gives to others, so that they can join its group.
const TURNS: u64 = 3;

pub(crate) struct Inline {
    state: Mutex<State>,
    board: Arc<Board>,
    queue: usize,
}

struct State {
    conn: Connection,
    board: Arc<Board>,
    queue: VecDeque<(u64, Kind, Box<dyn Job>)>,
    tickets: u64,
    random: u64,
    // Last: freed once the connection is closed.
    _lease: Option<Lease>,
}

impl Inline {
    pub(crate) fn new(opened: Opened, limits: Limits, board: Arc<Board>, seed: u64) -> Self {
        let (conn, told, queue) = (opened.writer, Arc::clone(&board), VecDeque::new());
        let state = State { conn, board: told, queue, tickets: 0, random: seed, _lease: opened.lease };
        Self { state: Mutex::new(state), board, queue: limits.queue }
    }

    /// Returns once the job's group was committed or lost.
    pub(crate) async fn write(&self, kind: Kind, job: Box<dyn Job>) -> Result<(), Error> {
        let (ticket, turns) = {
            let mut state = self.state();
            if state.queue.len() >= self.queue {
                return Err(Error::Overloaded);
            }
            state.tickets += 1;
            let ticket = state.tickets;
            state.queue.push_back((ticket, kind, job));
            (ticket, state.draw(TURNS + 1))
        };
        let waiting = Waiting { inline: self, ticket };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        waiting.inline.state().run_until(ticket);
        Ok(())
    }

    pub(crate) fn read(&self, job: Box<dyn Job>) {
        read(&mut Statements::new(&self.state().conn), &self.board, job);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Runs groups from the front of the queue until the job is no longer in it.
    fn run_until(&mut self, ticket: u64) {
        while self.queue.iter().any(|(queued, ..)| *queued == ticket) {
            let size = 1 + self.draw(GROUP);
            let mut next = || self.queue.pop_front().map(|(_, kind, job)| (kind, job));
            let Some(first) = next() else { return };
            let mut writer = Writer::new(&self.conn, Arc::clone(&self.board));
            writer.group(first, |taken| if (taken as u64) < size { next() } else { None });
        }
    }

    /// A number below `bound`, from the seed (SplitMix64).
    fn draw(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A caller that has not heard yet. When it gives up, the seed says whether its closure still runs: it
/// does when only the caller's deadline passed, and may not when the simulated process was killed.
struct Waiting<'a> {
    inline: &'a Inline,
    ticket: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.inline.state();
        if !state.queue.iter().any(|(queued, ..)| *queued == self.ticket) {
            return;
        }
        if state.draw(2) == 0 {
            state.run_until(self.ticket);
        } else {
            state.queue.retain(|(queued, ..)| *queued != self.ticket);
        }
    }
}
