//! Named points at which a test has the process die as by `kill -9`: before and after each commit, message and remote call.
//!
//! Without the feature `points` there is nothing of it: [`point`] is an empty function, and a release has neither the names
//! nor the variables. With it each name ends in `before` or `after`:
//!
//! ```text
//!   commit/<kind>/…          around the COMMIT of what a closure of this kind wrote
//!   migrate/<table>/…        around a set of migrations
//!   call/<service>/<rpc>/…   before a call leaves; after its answer came, which nobody has seen yet
//!   feed/message/…           before a message of the event feed; after it was taken
//!   nats/publish/…           before an event goes to the stream; after that has it
//!
//!   MADANG_CRASH_AT=commit/order-path/after#2      SIGKILL ends the process where the point is reached the second time
//!   MADANG_CRASH_AT=commit/order-path/after#2~50   the same, once that thread has stood there for 50 ms and others went on
//!   MADANG_CRASH_LOG=file                          each point that is reached is a line of the file
//! ```

#[cfg(feature = "points")]
mod armed;

/// A point where the process may die. The name is made only when somebody wants to know it.
#[inline]
pub fn point<N: AsRef<str>>(name: impl FnOnce() -> N) {
    #[cfg(feature = "points")]
    armed::reach(name);
    #[cfg(not(feature = "points"))]
    drop(name);
}
