//! Any pod may die at any moment: orders wait and finish, the books stay in order, customers go on browsing.

use anyhow::Result;
use madang_tests::cluster::Cluster;
use madang_tests::load::{Behaviour, Load};

use crate::independence::{Browsers, GAP};

/// All that has one pod or more, and the server of each database.
const ALL: [&str; 15] = [
    "edge",
    "gateway",
    "catalog",
    "orders",
    "inventory",
    "payments",
    "shipping",
    "notifications",
    "nats",
    "catalog-postgres",
    "inventory-postgres",
    "payments-postgres",
    "shipping-postgres",
    "notifications-postgres",
    "orders-postgres",
];

#[tokio::test]
async fn whatever_pod_dies_orders_finish_and_browsing_goes_on() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let load = Load::start(&cluster.shop, Behaviour { clients: 3, ..Behaviour::moody(1) }).await?;
    let browsers = Browsers::start(&cluster.shop);
    for name in ALL {
        cluster.kill_a_pod(name).await?;
        load.progress(10).await?;
        let workload = match name {
            "edge" => "deployment/edge-istio".to_owned(),
            "nats" => "statefulset/nats".to_owned(),
            name if name.ends_with("postgres") => format!("statefulset/{name}"),
            name => format!("deployment/{name}"),
        };
        cluster.ready(&workload).await?;
    }
    let istiod =
        ["delete", "pod", "--namespace", "istio-system", "-l", "app=istiod", "--grace-period=0", "--force"];
    cluster.kubectl(&istiod).await?;
    load.progress(30).await?;
    let pages = browsers.stop().await?;
    let outcome = load.settle(&cluster.shop).await?;
    println!("{outcome}; {pages}");
    assert!(pages.longest < GAP, "{pages}");
    Ok(())
}
