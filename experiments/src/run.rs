use std::panic::AssertUnwindSafe;

use anyhow::{Result, anyhow};
use futures::FutureExt;
use tokio::time::{Instant, timeout};

use crate::outcome::{Outcome, millis};
use crate::trial::{Book, Teller};
use crate::{Experiment, Lab, Trial, Variant};

/// Tries an experiment or its control in a world of its own, which is closed whatever happens: also where the trial panics, takes
/// too long, or `stop` is ready.
pub async fn run(
    experiment: &Experiment,
    variant: Variant,
    (lab, tell): (&dyn Lab, Teller),
    stop: impl Future<Output = ()>,
) -> Outcome {
    tell("opening the shop");
    let setup = (experiment.setup)(variant);
    let opening = lab.open(experiment.needs, &setup);
    tokio::pin!(stop);
    let world = tokio::select! {
        world = opening => world,
        () = &mut stop => Err(anyhow!("interrupted")),
    };
    let world = match world {
        Ok(world) => world,
        Err(error) => return outcome(variant, (0, Book::default()), Err(error)),
    };
    let (trial, start) = (Trial::begin(world, variant, tell), Instant::now());
    let work = AssertUnwindSafe(timeout(experiment.limit, (experiment.run)(&trial))).catch_unwind();
    let ended = tokio::select! {
        ended = work => match ended {
            Ok(Ok(ended)) => ended,
            Ok(Err(_)) => Err(anyhow!("it took longer than {} s", experiment.limit.as_secs())),
            Err(_) => Err(anyhow!("the experiment panicked")),
        },
        () = &mut stop => Err(anyhow!("interrupted")),
    };
    let took = millis(start.elapsed());
    let left = trial.world().close().await;
    let ended = ended.and_then(|()| match left.is_empty() {
        true => Ok(()),
        false => Err(anyhow!("the shop is not as it was: {}", left.join("; "))),
    });
    outcome(variant, (took, trial.take_book()), ended)
}

fn outcome(variant: Variant, (took_ms, book): (u64, Book), ended: Result<()>) -> Outcome {
    let Book { measures, marks, plots } = book;
    let trouble = ended.err().map(|error| format!("{error:#}"));
    let holds = trouble.is_none() && !measures.is_empty() && measures.iter().all(|it| it.is_within());
    Outcome { variant, holds, took_ms, measures, marks, plots, trouble }
}

#[cfg(test)]
mod tests;
