use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use madang_load::Report;
use tokio::time::Instant;

use crate::outcome::{Limit, Mark, Measure, Phase, Plot, Unit, millis, ms};
use crate::{Variant, World};

/// Where a trial tells what it does.
pub type Teller = Box<dyn Fn(&str)>;

/// One try of an experiment or of its control: the world, and the book in which it is noted what was done and measured.
pub struct Trial {
    variant: Variant,
    world: Box<dyn World>,
    begin: Instant,
    tell: Teller,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) measures: Vec<Measure>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) plots: Vec<Plot>,
}

impl Trial {
    pub(crate) fn begin(world: Box<dyn World>, variant: Variant, tell: Teller) -> Self {
        Self { variant, world, begin: Instant::now(), tell, book: Mutex::default() }
    }

    /// The shop.
    pub fn world(&self) -> &dyn World {
        &*self.world
    }

    /// Whether the mechanism is to be taken away.
    pub fn is_control(&self) -> bool {
        self.variant == Variant::Control
    }

    /// Since the trial began.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Notes what is done now.
    pub fn mark(&self, what: impl Into<String>) {
        let what = what.into();
        (self.tell)(&what);
        self.book().marks.push(Mark { at_ms: millis(self.elapsed()), what });
    }

    /// Notes a number that must be within a limit.
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub fn count(&self, name: impl Into<String>, value: u64, limit: Limit) {
        self.measure(name, (value as f64, Unit::Count), Some(limit));
    }

    /// Notes a time that must be within a limit, in milliseconds.
    pub fn ms(&self, name: impl Into<String>, value: Duration, limit: Limit) {
        self.measure(name, (ms(value), Unit::Ms), Some(limit));
    }

    /// Notes a number, with a limit or without one.
    pub fn measure(&self, name: impl Into<String>, (value, unit): (f64, Unit), limit: Option<Limit>) {
        self.book().measures.push(Measure { name: name.into(), value, unit, limit });
    }

    /// Notes how a load went that began at a time of the trial.
    pub fn plot(&self, title: &str, (phase, began): (Phase, Duration), report: &Report) {
        self.book().plots.push(Plot {
            title: title.to_owned(),
            phase,
            at_ms: millis(began),
            series: report.series.clone(),
            distribution: report.distribution.clone(),
        });
    }

    pub(crate) fn take_book(&self) -> Book {
        std::mem::take(&mut *self.book())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("variant", &self.variant)
            .field("book", &self.book)
            .finish_non_exhaustive()
    }
}
