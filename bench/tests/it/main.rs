//! The yardsticks do what the shop does, and the load shows when they stand still.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

use std::path::Path;

mod backends;
mod skeleton;
mod stall;

/// The program that has the yardsticks in it.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_madang-bench"))
}
