//! A rolling restart under load: no call fails.

use std::io::{Write, stdout};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_tests::cluster::Cluster;
use madang_tests::customer::PLENTY;
use madang_tests::{Service, Shop, audit, load};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What says how many orders a second the cluster is to bear.
const ORDERS: &str = "MADANG_TEST_RATE";
const RATE: u32 = 50;
/// What says how many visits a second come with them; as many, where it says nothing.
const VISITS: &str = "MADANG_TEST_VISITS";
/// How long the load takes to tell all after it was stopped: it follows each order to its end.
const END: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_rolling_restart_of_every_service_fails_no_call() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    load::restock(&cluster.shop).await?;
    let orders = asked(ORDERS)?.unwrap_or(RATE);
    let open_loop = OpenLoop::start(&cluster.shop, orders, asked(VISITS)?.unwrap_or(orders))?;
    for service in Service::ALL {
        cluster.kubectl(&["rollout", "restart", &format!("deployment/{service}")]).await?;
        cluster.settled(service).await?;
    }
    let report = open_loop.end().await?;
    for key in ["sent", "not_sent", "failed", "unanswered", "ok_rate", "latency", "orders"] {
        writeln!(stdout(), "{key}: {}", report[key])?;
    }
    audit::clean(&cluster.shop).await?;
    for key in ["not_sent", "failed", "unanswered"] {
        ensure!(report[key] == 0, "{key}: {}; {}", report[key], report["errors"]);
    }
    let orders = &report["orders"];
    ensure!(orders["acknowledged"] != 0 && orders["acknowledged"] == orders["confirmed"], "{orders}");
    Ok(())
}

fn asked(variable: &'static str) -> Result<Option<u32>> {
    std::env::var(variable).ok().map(|rate| rate.parse().context(variable)).transpose()
}

/// Orders and visits at their rates, whatever the shop does, by `madang load`.
struct OpenLoop(Child);

impl OpenLoop {
    fn start(shop: &Shop, orders: u32, visits: u32) -> Result<Self> {
        let (gateway, rate) = (shop.url(Service::Gateway), (orders + visits).to_string());
        let mix = format!("order={orders},browse={visits}");
        let mut command = Command::new(Shop::madang()?);
        command.args(["load", "--gateway", &gateway, "--rate", &rate, "--mix", &mix]);
        command.args(["--product", PLENTY, "--duration", "1h", "--output", "json", "--deadline", "10s"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(Self(command.spawn()?))
    }

    /// Ends it, and gives its report.
    async fn end(self) -> Result<Value> {
        let pid = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(pid.context("the load ended by itself")?, Signal::INT)?;
        let Output { stdout, stderr, .. } = timeout(END, self.0.wait_with_output()).await??;
        serde_json::from_slice(&stdout).with_context(|| String::from_utf8_lossy(&stderr).into_owned())
    }
}
