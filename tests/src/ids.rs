//! Request ids that are the same in every run: a shop of a test starts empty, so that counting is enough.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Builder;

/// What tells this run from those before it, where the shop outlives them.
static RUN: OnceLock<u64> = OnceLock::new();

/// From now on ids are other ones in every run: the shop has orders of runs before.
#[expect(clippy::disallowed_methods, reason = "it is the one draw by chance, and of a cluster alone")]
pub fn in_a_lasting_shop() {
    let _run = RUN.get_or_init(|| uuid::Uuid::new_v4().as_u64_pair().1);
}

/// A UUID that this process has not used before.
pub fn uuid() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let count = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let run = u128::from(RUN.get().copied().unwrap_or_default());
    Builder::from_random_bytes((run << 64 | count).to_be_bytes()).into_uuid().to_string()
}

/// A customer's id that this process has not used before.
pub fn customer(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    match RUN.get() {
        Some(run) => format!("{name}-{run:x}-{count}"),
        None => format!("{name}-{count}"),
    }
}
