//! The charts, the manifests and the Dockerfile, held against the code and against each other without a cluster: `make
//! check-charts`. Each rule is a function from what was rendered to what is wrong with it, and is seen to fail on a rendering
//! that was broken by hand.
#![cfg(test)]

mod authorization;
mod charts;
mod connections;
mod document;
mod names;
mod network;
mod object;
mod pods;
mod policies;
mod prometheus;
mod rendering;
mod routes;
mod stores;
mod table;
mod values;
mod variants;

/// The charts, where this run is about them; else the test is told as skipped.
macro_rules! of_charts {
    () => {
        match crate::charts::asked() {
            true => crate::charts::Charts::of_the_repository(),
            false => return,
        }
    };
}
pub(crate) use of_charts;

/// Ends the test where anything is wrong.
#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Ends the test where nothing was found wrong with what was broken by hand.
#[track_caller]
fn told(wrong: &[String], about: &str) {
    assert!(wrong.iter().any(|line| line.contains(about)), "nothing is said of {about}: {wrong:?}");
}
