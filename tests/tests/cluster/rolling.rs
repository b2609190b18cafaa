//! A rolling restart under load: no call fails.

use std::time::Duration;

use anyhow::Result;
use madang_tests::Service;
use madang_tests::cluster::Cluster;
use madang_tests::load::{Behaviour, Load};

use crate::independence::Browsers;

/// Five clients with a tenth of a second between two orders: at most 50 orders a second.
const STEADY: Behaviour = Behaviour {
    clients: 5,
    pause: Duration::from_millis(100),
    patience: Duration::from_secs(15),
    seed: 1,
    moody: false,
};

#[tokio::test]
async fn a_rolling_restart_of_every_service_fails_no_call() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let load = Load::start(&cluster.shop, STEADY).await?;
    let browsers = Browsers::start(&cluster.shop);
    load.progress(20).await?;
    for service in Service::ALL {
        let deployment = format!("deployment/{service}");
        cluster.kubectl(&["rollout", "restart", &deployment]).await?;
        cluster.ready(&deployment).await?;
    }
    load.progress(20).await?;
    let pages = browsers.stop().await?;
    let outcome = load.settle(&cluster.shop).await?;
    println!("{outcome}; {pages}");
    assert!(outcome.errors.is_empty(), "{outcome}");
    assert!(pages.failures.is_empty(), "{pages}");
    Ok(())
}
