//! What Istio's own analysis says of the shop as it stands.

use std::io::{Write, stderr};
use std::process::Command;

use anyhow::{Result, ensure};
use madang_tests::cluster::{Cluster, NAMESPACE};

#[tokio::test]
async fn istioctl_finds_nothing_wrong_with_the_shop_as_it_stands() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let mut istioctl = Command::new("istioctl");
    istioctl.args(["analyze", "--context", cluster.context(), "--namespace", NAMESPACE]);
    let Ok(output) = istioctl.args(["--failure-threshold", "Info"]).output() else {
        writeln!(stderr(), "not run: istioctl is not on PATH")?;
        return Ok(());
    };
    let told =
        [output.stdout, output.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    ensure!(output.status.success() && told.contains("No validation issues"), "{told}");
    Ok(())
}
