use std::fmt;
use std::hash::Hash;
use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

/// A future of a step or an undo.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A cause that the engine only logs.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a step or an undo was not done.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The participant decided against it, for good.
    #[error("refused: {reason}")]
    Refused {
        /// UPPER_SNAKE, as the participant gave it.
        reason: String,
    },
    /// Done or not done: nobody knows. It is asked again.
    #[error("the outcome is not known")]
    Unknown(#[source] BoxError),
}

/// A step or an undo, as a call of a participant.
pub type Call<S> = for<'a> fn(&'a S, &'a <S as Saga>::Context) -> BoxFuture<'a, Result<(), StepError>>;

/// One step with its undo. Both are keyed by the saga's id and bear repeats.
pub struct Step<S: Saga> {
    /// Its name in logs and metrics, in kebab-case.
    pub name: &'static str,
    /// How long one try may take.
    pub timeout: Duration,
    /// Does the step.
    pub action: Call<S>,
    /// Undoes the step, also one that was never done or is still on its way.
    pub undo: Call<S>,
}

impl<S: Saga> fmt::Debug for Step<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Where a saga stands, as its store tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<C> {
    /// Not decided yet: the steps are to be done, then the pivot.
    Forward(C),
    /// Decided against: the undos of these steps are to be done, the last first.
    Backward(C, Range<usize>),
    /// Nothing is left to do.
    Settled,
}

/// Whether a guarded update found the state that it was meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// It did, and is committed.
    Held,
    /// Somebody else was first; read again.
    Lost,
}

/// What becomes of a saga whose undo was refused or kept failing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoRefused<'a> {
    /// The step whose undo it was.
    pub step: &'static str,
    /// The participant's reason; none where the outcome stayed unknown for too long.
    pub reason: Option<&'a str>,
}

/// Which way a stretch of driving goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The steps, then the pivot.
    Forward,
    /// The undos.
    Backward,
}

impl Direction {
    /// In lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }
}

/// A saga: its steps, and its store. Every update of the store is guarded by the state that it starts from.
///
/// A store that fails is asked again with backoff, without end: the saga's state is its own.
pub trait Saga: Sized + Send + Sync + 'static {
    /// Names one run.
    type Id: Copy + Eq + Hash + fmt::Display + Send + Sync + 'static;
    /// What the steps of one run need.
    type Context: Send + Sync + 'static;

    /// The steps, in order. After the last comes the pivot.
    const STEPS: &'static [Step<Self>];

    /// Reads where a run stands.
    fn load(&self, id: Self::Id) -> impl Future<Output = Result<Progress<Self::Context>, BoxError>> + Send;

    /// Runs of this process that are not settled, oldest first, at most `limit`: all of them where it gives fewer.
    fn open(&self, limit: usize) -> impl Future<Output = Result<Vec<Self::Id>, BoxError>> + Send;

    /// Does the work of a stretch of driving; a saga that is traced does it within its trace.
    fn within<T: Send>(
        &self,
        context: &Self::Context,
        direction: Direction,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = T> + Send {
        let _untraced = (context, direction);
        work
    }

    /// Whether the run's own time is over, and with what reason it then is refused.
    fn expired(&self, context: &Self::Context) -> Option<&'static str>;

    /// The pivot: after it the run cannot be refused.
    fn confirm(&self, context: &Self::Context) -> impl Future<Output = Result<Guard, BoxError>> + Send;

    /// Decides against the run; the undos of `steps` will follow.
    fn refuse(
        &self,
        context: &Self::Context,
        reason: &str,
        steps: Range<usize>,
    ) -> impl Future<Output = Result<Guard, BoxError>> + Send;

    /// All undos are done.
    fn settle(&self, context: &Self::Context) -> impl Future<Output = Result<Guard, BoxError>> + Send;

    /// An undo cannot be done: sets the run aside for an operator, or takes the decision back.
    fn undo_refused(
        &self,
        context: &Self::Context,
        refused: UndoRefused<'_>,
    ) -> impl Future<Output = Result<Guard, BoxError>> + Send;
}
