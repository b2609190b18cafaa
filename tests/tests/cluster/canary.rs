//! A canary gets its share of the calls, within the mesh and from the edge, and nobody notices how it comes and goes.

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Result, ensure};
use madang_tests::cluster::Cluster;
use madang_tests::{Service, madang, servers, wait};

use crate::independence::Browsers;

const GET_PRODUCT: &str = "/madang.catalog.v1.CatalogService/GetProduct";
/// So many calls that half of them is half of them: with 400, by chance 160 to 240.
const CALLS: u64 = 400;
const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_canary_gets_its_share_and_nobody_notices() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    for service in [Service::Catalog, Service::Gateway] {
        let image = cluster.image(service).await?;
        let tag = image.rsplit(':').next().unwrap_or_default();
        let browsers = Browsers::start(&cluster.shop);
        canary(&cluster, service, &["--weight", "50", "--image-tag", tag]).await?;
        let shares = shares(&cluster, service).await;
        canary(&cluster, service, &["--rollback"]).await?;
        let (stable, canary) = shares?;
        let pages = browsers.stop().await?;
        writeln!(stdout(), "{service}: {stable} calls to the stable pods, {canary} to the canary; {pages}")?;
        ensure!((3 * stable..=7 * stable).contains(&(5 * canary)), "{canary} calls of {CALLS}");
        ensure!(pages.failures.is_empty(), "{pages}");
        ensure!(by_track(&cluster, service, "canary").await?.is_empty(), "the canary is still there");
    }
    Ok(())
}

async fn canary(cluster: &Cluster, service: Service, args: &[&str]) -> Result<()> {
    let args = [&["canary", service.name(), "--context", cluster.context()], args].concat();
    let told = madang::on_cluster(&args).await?;
    ensure!(told.code == Some(0), "{told:?}");
    Ok(())
}

/// How many calls each track gets, of some hundred.
async fn shares(cluster: &Cluster, service: Service) -> Result<(u64, u64)> {
    let before = counts(cluster, service).await?;
    wait::until(&format!("{CALLS} calls"), LIMIT, async || {
        let now = counts(cluster, service).await?;
        let (stable, canary) = (now.0 - before.0, now.1 - before.1);
        Ok((stable + canary >= CALLS).then_some((stable, canary)))
    })
    .await
}

async fn counts(cluster: &Cluster, service: Service) -> Result<(u64, u64)> {
    let mut counts = [0, 0];
    for (count, track) in counts.iter_mut().zip(["stable", "canary"]) {
        for pod in by_track(cluster, service, track).await? {
            let tunnel = cluster.open(&pod, service.usual_port() + 100).await?;
            let calls = servers::calls(&tunnel.url()).await?;
            *count += calls.get(&(GET_PRODUCT.to_owned(), "OK".to_owned())).copied().unwrap_or_default();
        }
    }
    Ok(counts.into())
}

async fn by_track(cluster: &Cluster, service: Service, track: &str) -> Result<Vec<String>> {
    let selector = format!("app.kubernetes.io/name={service},madang.dev/track={track}");
    Ok(cluster.pods_by(&selector).await?.into_iter().map(|(pod, _)| pod).collect())
}
