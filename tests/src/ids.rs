//! Request ids that are the same in every run: a shop of a test starts empty, so that counting is enough.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Builder;

/// A UUID that this process has not used before.
pub fn uuid() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let count = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    Builder::from_random_bytes(count.to_be_bytes()).into_uuid().to_string()
}

/// A customer's id that this process has not used before.
pub fn customer(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
