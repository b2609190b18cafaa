use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use madang_spans::Tree;

use super::*;
use crate::{Audit, Limit, Needs, Running, Setup, World};

/// Counts how many worlds are open.
#[derive(Clone, Default)]
struct Fake(Arc<AtomicUsize>);

#[tonic::async_trait(?Send)]
impl Lab for Fake {
    async fn open(&self, _: Needs, setup: &Setup) -> Result<Box<dyn World>> {
        if setup.traces {
            bail!("no room");
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(self.clone()))
    }
}

#[tonic::async_trait(?Send)]
impl World for Fake {
    fn gateway(&self) -> String {
        String::new()
    }
    fn url(&self, _: &str) -> Result<String> {
        bail!("none")
    }
    async fn admin(&self, _: &str, _: &str) -> Result<String> {
        bail!("none")
    }
    async fn kill(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn start(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn audit(&self) -> Result<Audit> {
        Ok(Audit::default())
    }
    async fn traces(&self, _: &str) -> Result<Vec<Tree>> {
        Ok(Vec::new())
    }
    async fn close(&self) -> Vec<String> {
        self.0.fetch_sub(1, Ordering::Relaxed);
        Vec::new()
    }
}

fn experiment(run: for<'a> fn(&'a Trial) -> Running<'a>) -> Experiment {
    Experiment {
        id: "it",
        claim: "",
        hypothesis: "",
        steps: &[],
        control: "",
        needs: Needs::Local,
        limit: Duration::from_secs(5),
        by_hand: &[],
        code: &[],
        setup: Setup::usual,
        run,
    }
}

async fn tried(experiment: &Experiment, stop: impl Future<Output = ()>) -> Outcome {
    let lab = Fake::default();
    let outcome = run(experiment, Variant::Real, (&lab, Box::new(|_| {})), stop).await;
    assert_eq!(lab.0.load(Ordering::Relaxed), 0, "a world is still open");
    outcome
}

async fn tried_to_its_end(run: for<'a> fn(&'a Trial) -> Running<'a>) -> Outcome {
    tried(&experiment(run), std::future::pending()).await
}

#[tokio::test(start_paused = true)]
async fn it_holds_if_all_is_within_the_limits() {
    let good = tried_to_its_end(|trial| {
        Box::pin(async {
            trial.mark("killed");
            trial.count("lost", 0, Limit::AtMost(0.0));
            Ok(())
        })
    });
    let good = good.await;
    assert!(good.holds && good.marks[0].what == "killed", "{good:?}");
    let bad = tried_to_its_end(|trial| {
        Box::pin(async {
            trial.count("taken", 5, Limit::AtLeast(1.0));
            trial.count("lost", 1, Limit::AtMost(0.0));
            Ok(())
        })
    });
    assert!(!bad.await.holds);
    assert!(!tried_to_its_end(|_| Box::pin(async { Ok(()) })).await.holds, "nothing was measured");
}

#[tokio::test(start_paused = true)]
async fn an_error_a_panic_and_a_hang_close_the_world_and_are_told() {
    let trouble = async |run| tried_to_its_end(run).await.trouble.unwrap();
    assert_eq!(trouble(|_| Box::pin(async { bail!("no coffee") })).await, "no coffee");
    assert_eq!(trouble(|_| Box::pin(async { panic!("at the disco") })).await, "the experiment panicked");
    assert_eq!(trouble(|_| Box::pin(std::future::pending())).await, "it took longer than 5 s");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_trial_closes_the_world() {
    let stop = tokio::time::sleep(Duration::from_secs(1));
    let outcome = tried(&experiment(|_| Box::pin(std::future::pending())), stop).await;
    assert_eq!(outcome.trouble.as_deref(), Some("interrupted"));
}

#[tokio::test(start_paused = true)]
async fn a_world_that_does_not_open_is_trouble() {
    let closed = Experiment {
        setup: |_| Setup { traces: true, ..Setup::default() },
        ..experiment(|_| Box::pin(async { Ok(()) }))
    };
    assert_eq!(tried(&closed, std::future::pending()).await.trouble.as_deref(), Some("no room"));
}
