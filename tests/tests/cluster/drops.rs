//! Packets that vanish, to a pod and from it: nothing is closed, nobody is told, and yet everything goes on when they come again.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_tests::cluster::Cluster;
use madang_tests::load::{Behaviour, Load};
use madang_tests::wait;
use tokio::time::Instant;

use crate::independence::{Browsers, GAP};

/// What runs a command on a node, with `{node}` for its name; `env` where the test itself runs on the only one.
const VARIABLE: &str = "MADANG_TEST_NODE";
/// How long packets vanish: longer than keepalive needs to find a connection dead, which is 16 s.
const SILENCE: Duration = Duration::from_secs(25);

#[tokio::test]
async fn silence_of_a_database_or_the_broker_or_a_participant_loses_nothing() -> Result<()> {
    let Some(cluster) = Cluster::of_this_run().await? else { return Ok(()) };
    let Some(node) = std::env::var(VARIABLE).ok().filter(|node| !node.is_empty()) else {
        writeln!(std::io::stderr(), "not run: {VARIABLE} does not say how to run iptables on a node")?;
        return Ok(());
    };
    let load = Load::start(&cluster.shop, Behaviour { clients: 3, ..Behaviour::moody(1) }).await?;
    let browsers = Browsers::start(&cluster.shop);
    for name in ["orders-postgres", "nats", "inventory"] {
        load.progress(10).await?;
        let silence = Silence::of(&cluster, name, &node).await?;
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
    rules: Vec<Vec<String>>,
}

impl Silence {
    async fn of(cluster: &Cluster, name: &str, node: &str) -> Result<Self> {
        let selector = format!("app.kubernetes.io/name={name}");
        let mut silence = Self { rules: Vec::new() };
        for pod in cluster.list(&["pods", "-l", &selector]).await? {
            let (ip, on) = (pod["status"]["podIP"].as_str(), pod["spec"]["nodeName"].as_str());
            let (ip, on) = (ip.context("an address")?, on.context("a node")?);
            for direction in ["--source", "--destination"] {
                let words = node.split_whitespace().map(|word| word.replace("{node}", on));
                let rule = words.chain(
                    ["iptables", "--wait", "", "FORWARD", direction, ip, "--jump", "DROP"].map(str::to_owned),
                );
                let rule: Vec<String> = rule.collect();
                run(&rule, "--insert")?;
                silence.rules.push(rule);
            }
        }
        Ok(silence)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        for rule in &self.rules {
            if let Err(error) = run(rule, "--delete") {
                let _told = writeln!(std::io::stderr(), "packets are still dropped: {error:#}");
            }
        }
    }
}

/// Runs a rule's command; its empty word is what is done with the rule.
fn run(rule: &[String], what: &str) -> Result<()> {
    let words: Vec<&str> = rule.iter().map(|word| if word.is_empty() { what } else { word }).collect();
    let (program, args) = words.split_first().context("a command")?;
    let output = Command::new(program).args(args).output().with_context(|| words.join(" "))?;
    ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
