use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{Error, Tx};

/// A closure on its way through the executor, with its types hidden.
pub(crate) trait Job: Send {
    /// Runs the closure and keeps its answer back; says whether it succeeded.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Makes the answer [`Error::Unavailable`], whatever the closure said.
    fn fail(&mut self, cause: &str);
    /// Lets the answer go.
    fn answer(self: Box<Self>);
}

struct Task<T, E, F> {
    work: F,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

/// Wraps a closure, and gives the place where its answer comes.
pub(crate) fn job<T, E, F>(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    (Box::new(Task { work, result: None, caller }), answer)
}

impl<T, E, F> Job for Task<T, E, F>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        // What a panic may have left half done is rolled back, and the closure is `Fn`: it keeps nothing.
        let result = match catch_unwind(AssertUnwindSafe(|| (self.work)(tx))) {
            Ok(Ok(_)) if tx.failed => Err(Error::Sql("the closure ignored a failed statement".into()).into()),
            Ok(result) => result,
            Err(_) => Err(Error::Panicked.into()),
        };
        let succeeded = result.is_ok();
        self.result = Some(result);
        succeeded
    }

    fn fail(&mut self, cause: &str) {
        self.result = Some(Err(Error::Unavailable(cause.into()).into()));
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            // A caller that gave up does not hear it; the work stands.
            drop(self.caller.send(result));
        }
    }
}

/// A panic outside a closure, say in the drop of an answer, must not end the thread or touch another's
/// answer. What it leaves open, the next run rolls back.
pub(crate) fn survive(work: impl FnOnce()) {
    drop(catch_unwind(AssertUnwindSafe(work)));
}
