use std::time::Duration;

use anyhow::Result;

use crate::output::Output;
use crate::shop::Service;
use crate::supervisor::{NotReady, Plan, Supervisor};

/// A drawn port may be taken between the draw and the start; so often others are drawn.
const TRIES: usize = 5;

/// Starts all services and waits until they are ready.
///
/// # Errors
/// Where a service is not ready in time; nothing runs then.
pub(crate) async fn open(
    plan: impl Fn() -> Result<Plan>,
    limit: Duration,
    output: &Output,
) -> Result<Supervisor> {
    for _ in 1..TRIES {
        match attempt(plan()?, limit, output).await? {
            Err(error) if error.found_port_taken() => output.note("a port was just taken; trying again"),
            done => return Ok(done?),
        }
    }
    Ok(attempt(plan()?, limit, output).await??)
}

async fn attempt(plan: Plan, limit: Duration, output: &Output) -> Result<Result<Supervisor, NotReady>> {
    let mut supervisor = Supervisor::new(plan);
    let mut progress = output.progress();
    supervisor.start_all()?;
    let ready = supervisor.wait_ready(&Service::ALL, limit, &mut progress).await;
    drop(progress);
    if ready.is_err() {
        // They have taken no order yet.
        supervisor.kill_all().await;
    }
    Ok(ready.map(|()| supervisor))
}
