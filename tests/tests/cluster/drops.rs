//! Packets that vanish, to a pod and from it: nothing is closed, nobody is told, and yet everything goes on when they come again.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use madang_tests::cluster::Cluster;
use madang_tests::load::{Behaviour, Load};
use madang_tests::wait;
use tokio::time::Instant;

use crate::independence::{Browsers, GAP};
use crate::nodes::Nodes;

/// How long packets vanish: longer than keepalive needs to find a connection dead, which is 16 s.
const SILENCE: Duration = Duration::from_secs(25);

#[tokio::test]
async fn silence_of_a_database_or_the_broker_or_a_participant_loses_nothing() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let Some(nodes) = Nodes::of_this_run()? else { return Ok(()) };
    let load = Load::start(&cluster.shop, Behaviour { clients: 3, ..Behaviour::moody(1) }).await?;
    let browsers = Browsers::start(&cluster.shop);
    for name in ["orders-postgres", "nats", "inventory"] {
        load.progress(10).await?;
        let silence = Silence::of(&cluster, name, nodes.clone()).await?;
        let end = Instant::now() + SILENCE;
        wait::until("the silence to last", SILENCE * 2, async || Ok((Instant::now() >= end).then_some(())))
            .await?;
        drop(silence);
        let back = Instant::now();
        load.progress(10).await?;
        println!("{name}: 10 orders acknowledged {:.1} s after its silence", back.elapsed().as_secs_f64());
    }
    let was_felt = load.errors().keys().any(|error| error.starts_with("lost "));
    let pages = browsers.stop().await?;
    let outcome = load.settle(&cluster.shop).await?;
    println!("{outcome}; {pages}");
    assert!(was_felt, "no call was lost: the packets went through");
    assert!(pages.longest < GAP, "{pages}");
    Ok(())
}

/// Rules that drop all packets to a pod and from it, until this is dropped.
struct Silence {
    nodes: Nodes,
    rules: Vec<Rule>,
}

struct Rule {
    node: String,
    direction: &'static str,
    ip: String,
}

impl Silence {
    async fn of(cluster: &Cluster, name: &str, nodes: Nodes) -> Result<Self> {
        let selector = format!("app.kubernetes.io/name={name}");
        let mut silence = Self { nodes, rules: Vec::new() };
        for pod in cluster.list(&["pods", "-l", &selector]).await? {
            let (ip, node) = (pod["status"]["podIP"].as_str(), pod["spec"]["nodeName"].as_str());
            let (ip, node) = (ip.context("an address")?, node.context("a node")?);
            for direction in ["--source", "--destination"] {
                let rule = Rule { node: node.to_owned(), direction, ip: ip.to_owned() };
                silence.change(&rule, "--insert")?;
                silence.rules.push(rule);
            }
        }
        Ok(silence)
    }

    fn change(&self, rule: &Rule, how: &str) -> Result<()> {
        let Rule { node, direction, ip } = rule;
        let command = ["iptables", "--wait", how, "FORWARD", direction, ip, "--jump", "DROP"];
        self.nodes.run(node, &command)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        for rule in &self.rules {
            if let Err(error) = self.change(rule, "--delete") {
                let _told = writeln!(std::io::stderr(), "packets are still dropped: {error:#}");
            }
        }
    }
}
