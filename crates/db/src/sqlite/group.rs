use std::sync::Arc;

use rusqlite::Connection;
use tokio::time::Instant;

use crate::job::{Job, survive};
use crate::sqlite::session::SqliteSession;
use crate::sqlite::statements::Statements;
use crate::stats::Board;
use crate::{Kind, Tx};

/// Times a closure runs when each ends in a conflict.
const RUNS: usize = 4;

/// A closure that writes, in the queue.
pub(crate) type Write = (Kind, Box<dyn Job>);

/// The one connection that writes.
pub(crate) struct Writer<'c> {
    statements: Statements<'c>,
    board: Arc<Board>,
}

/// What a group has done so far; it counts only once it is committed.
#[derive(Default)]
struct Group {
    members: Vec<(Write, bool)>,
    /// Which kinds of closures wrote, in the order of [`Kind::ALL`].
    wrote: [bool; Kind::ALL.len()],
    raised: bool,
    reruns: u64,
}

impl Group {
    /// The kinds of the closures that wrote.
    fn writers(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.wrote[*kind as usize])
    }
}

impl<'c> Writer<'c> {
    pub(crate) fn new(conn: &'c Connection, board: Arc<Board>) -> Self {
        Self { statements: Statements::new(conn), board }
    }

    /// Runs one group: `first`, then what `more` gives, told how many it has given, until it gives none.
    pub(crate) fn group(&mut self, first: Write, mut more: impl FnMut(usize) -> Option<Write>) {
        let mut group = Group::default();
        let mut next = Some(first);
        let mut sound = self.begin();
        while let Some(mut write) = next {
            let succeeded = match sound {
                Ok(()) => self.run(&mut write, &mut group),
                Err(cause) => Err(cause),
            };
            group.members.push((write, succeeded == Ok(true)));
            sound = succeeded.map(drop);
            next = if sound.is_ok() { more(group.members.len()) } else { None };
        }
        let committed = sound.and_then(|()| self.commit(&group));
        self.answer(group, committed);
    }

    fn begin(&mut self) -> Result<(), String> {
        self.statements.bound();
        roll_back(&mut self.statements)?;
        self.statements.control("BEGIN IMMEDIATE")
    }

    fn commit(&mut self, group: &Group) -> Result<(), String> {
        group.writers().for_each(|kind| kind.crash_point("before"));
        let begun = Instant::now();
        self.statements.control("COMMIT")?;
        if group.writers().next().is_some() {
            self.board.commits.add(begun.elapsed());
        }
        group.writers().for_each(|kind| kind.crash_point("after"));
        Ok(())
    }

    /// Runs one closure, again while it conflicts. An error means that the whole group is lost.
    fn run(&mut self, (kind, job): &mut Write, group: &mut Group) -> Result<bool, String> {
        for left in (0..RUNS).rev() {
            let mut session = SqliteSession::new(&mut self.statements);
            let mut tx = Tx::new(&mut session);
            let succeeded = job.run(&mut tx);
            let (raised, again) = (tx.raised, tx.conflicted && !succeeded && left > 0);
            let wrote = session.wrote();
            session.end(succeeded)?;
            if succeeded {
                group.wrote[*kind as usize] |= wrote;
                group.raised |= raised;
            }
            if !again {
                return Ok(succeeded);
            }
            group.reruns += 1;
        }
        Ok(false)
    }

    fn answer(&mut self, mut group: Group, committed: Result<(), String>) {
        if let Err(cause) = &committed {
            // Should this fail too, the next group begins with it.
            drop(roll_back(&mut self.statements));
            group.members.iter_mut().for_each(|((_, job), _)| job.fail(cause));
        }
        self.count(&group, committed.is_ok());
        if committed.is_ok() && group.raised {
            self.board.raised.send_modify(|raised| *raised += 1);
        }
        group.members.into_iter().for_each(|((_, job), _)| survive(|| job.answer()));
    }

    fn count(&self, group: &Group, committed: bool) {
        let mut stats = self.board.stats();
        stats.reruns += group.reruns;
        if !committed {
            stats.failed_groups += 1;
            return;
        }
        stats.groups += 1;
        self.board.group_sizes.add(group.members.len());
        stats.written_groups += u64::from(group.writers().next().is_some());
        for ((kind, _), succeeded) in &group.members {
            if *succeeded {
                stats.count_committed(*kind);
            } else {
                stats.rolled_back += 1;
            }
        }
    }
}

/// Ends what a panic outside a closure, or a ROLLBACK that failed, left open.
fn roll_back(statements: &mut Statements<'_>) -> Result<(), String> {
    if statements.is_autocommit() { Ok(()) } else { statements.control("ROLLBACK") }
}

/// Runs a closure that reads.
pub(crate) fn read(statements: &mut Statements<'_>, board: &Board, mut job: Box<dyn Job>) {
    statements.bound();
    let begun = roll_back(statements).and_then(|()| statements.control("BEGIN"));
    let ended = begun.and_then(|()| {
        job.run(&mut Tx::new(&mut SqliteSession::reader(statements)));
        statements.control("ROLLBACK")
    });
    if let Err(cause) = ended {
        job.fail(&cause);
    }
    board.stats().reads += 1;
    survive(|| job.answer());
}
