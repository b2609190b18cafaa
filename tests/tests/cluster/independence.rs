//! One service is upgraded and rolled back: the others' pods are not touched, and nobody notices.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_api::catalog::v1::GetProductRequest;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::within;
use madang_tests::cluster::Cluster;
use madang_tests::customer::{CALL, PLENTY};
use madang_tests::{Service, Shop};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tonic::transport::Channel;

#[tokio::test]
async fn one_service_is_upgraded_and_rolled_back_while_the_others_pods_stay() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let before = others(&cluster).await?;
    let browsers = Browsers::start(&cluster.shop);
    let catalog = cluster.pods("catalog").await?;
    cluster.upgrade("catalog", &["logLevel=debug"]).await?;
    cluster.ready("deployment/catalog").await?;
    ensure!(cluster.pods("catalog").await? != catalog, "the upgrade changed no pod");
    cluster.rollback("catalog").await?;
    cluster.ready("deployment/catalog").await?;
    let pages = browsers.stop().await?;
    println!("{pages}");
    assert_eq!(others(&cluster).await?, before);
    assert!(pages.failures.is_empty(), "{pages}");
    Ok(())
}

async fn others(cluster: &Cluster) -> Result<BTreeMap<&'static str, Vec<(String, String)>>> {
    let mut pods = BTreeMap::new();
    for service in Service::ALL.into_iter().filter(|service| *service != Service::Catalog) {
        pods.insert(service.name(), cluster.pods(service.name()).await?);
    }
    Ok(pods)
}

/// How long browsing may fail at a time: a client that tries again within this notices nothing.
pub(crate) const GAP: Duration = Duration::from_secs(2);

/// A customer who looks at a product again and again.
#[derive(Debug)]
pub(crate) struct Browsers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Pages>,
}

/// What the customer saw.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// How many pages came.
    pub(crate) seen: u64,
    /// How many did not, by error.
    pub(crate) failures: BTreeMap<String, u64>,
    /// The longest time that browsing failed: from the beginning of a call that did to the next page.
    pub(crate) longest: Duration,
    /// How long the slowest page took, which says as much of the machine as of the shop.
    pub(crate) slowest: Duration,
}

impl Browsers {
    pub(crate) fn start(shop: &Shop) -> Self {
        Self::by(shop.channel(Service::Gateway))
    }

    pub(crate) fn by(channel: Channel) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(browse(CatalogServiceClient::new(channel), stopped));
        Self { stop, tasks }
    }

    pub(crate) async fn stop(mut self) -> Result<Pages> {
        self.stop.send_replace(true);
        Ok(self.tasks.join_next().await.context("the customer is gone")??)
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seen, failures, longest, slowest } = self;
        let (longest, slowest) = (longest.as_millis(), slowest.as_millis());
        write!(f, "{seen} pages, {slowest} ms the slowest; failures {failures:?}, for {longest} ms at a time")
    }
}

async fn browse(mut catalog: CatalogServiceClient<Channel>, stopped: watch::Receiver<bool>) -> Pages {
    let mut pages = Pages::default();
    let mut pause = interval(Duration::from_millis(50));
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing: Option<Instant> = None;
    while !*stopped.borrow() {
        pause.tick().await;
        let start = Instant::now();
        let wanted = GetProductRequest { product_id: PLENTY.to_owned() };
        let answer = catalog.get_product(within(CALL / 2, wanted)).await;
        let since = failing.take().or(answer.is_err().then_some(start));
        pages.longest = pages.longest.max(since.map_or(Duration::ZERO, |since| since.elapsed()));
        match answer {
            Ok(_) => {
                pages.seen += 1;
                pages.slowest = pages.slowest.max(start.elapsed());
            }
            Err(status) => {
                *pages.failures.entry(format!("{:?} {}", status.code(), status.message())).or_default() += 1;
                failing = since;
            }
        }
    }
    pages
}
