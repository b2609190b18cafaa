//! Transactions as others see them: a service that traces its calls traces these too.

use std::fmt::Debug;
use std::sync::Arc;

use crate::{Dialect, Error, Kind, Tx};

/// Sees every transaction that is asked for.
pub trait Observer: Debug + Send + Sync + 'static {
    /// A transaction is asked for, on the task that waits for it: a read where there is no kind. None is not observed.
    fn begin(&self, dialect: Dialect, kind: Option<Kind>) -> Option<Arc<dyn Observed>>;
}

/// A transaction that is observed, from when it is asked for until its answer is there. What it does when it is dropped it may
/// do on any thread.
pub trait Observed: Debug + Send + Sync + 'static {
    /// Calls `work`, the closure, on the thread that runs it; once more where it runs again.
    fn run(&self, work: &mut dyn FnMut());

    /// The answer is there: it is an error, or none.
    fn end(&self, is_error: bool);
}

/// Runs a closure where it is observed.
pub(crate) fn run<T, E: From<Error>>(
    observed: Option<&Arc<dyn Observed>>,
    tx: &mut Tx<'_>,
    work: &impl Fn(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let Some(observed) = observed else { return work(tx) };
    let mut done = None;
    observed.run(&mut || done = Some(work(tx)));
    // An observer that does not call it is a defect.
    done.unwrap_or_else(|| Err(Error::Panicked.into()))
}
