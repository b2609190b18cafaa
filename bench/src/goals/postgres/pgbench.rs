//! The same transactions by pgbench: the statements are those that our executor prepared, the values those of its rows.

use std::collections::BTreeSet;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use madang_db::{Config, Db};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::Duration;

use super::database::Database;
use super::ours::{Ours, Statements, begin};
use super::{CONNECTIONS, Seen};
use crate::goals::made::CARD;
use crate::process::cpu;
use crate::stats::float;

/// Ids of 16 bytes at random: each its two halves, since pgbench has numbers alone.
const IDS: [&str; 4] = ["order", "request", "placed", "confirmed"];

/// Until it is connected pgbench's time runs, which its rate leaves out.
const CONNECTING: Duration = Duration::from_secs(1);

/// pgbench, with one side's database.
#[derive(Debug)]
pub(super) struct Pgbench<'a> {
    database: &'a Database,
    script: TempDir,
    /// Each `NAME=VALUE`.
    values: Vec<String>,
}

impl<'a> Pgbench<'a> {
    /// One that does what `client` did to its database.
    pub(super) async fn after(client: &Ours, ours: &Database, yard: &'a Database) -> Result<Self> {
        drop(Db::open(&Config::new(yard.url.parse()?), madang_orders::migrations()).await?);
        let script = tempfile::tempdir()?;
        std::fs::write(script.path().join("order.sql"), order(&client.statements().await?)?)?;
        let mut values = vec![format!("card_token={CARD}")];
        for (prefix, rows) in [
            ("", "SELECT * FROM orders WHERE state = 'CONFIRMED' LIMIT 1"),
            ("", "SELECT rpc, fingerprint_version, fingerprint FROM events_requests LIMIT 1"),
            ("placed_", "SELECT * FROM events_outbox WHERE kind LIKE '%OrderPlaced' LIMIT 1"),
            ("confirmed_", "SELECT * FROM events_outbox WHERE kind LIKE '%OrderConfirmed' LIMIT 1"),
        ] {
            let sql = format!(
                "SELECT '{prefix}' || key, value FROM ({rows}) AS r, json_each_text(to_json(r)) WHERE value IS NOT NULL"
            );
            values.extend(ours.ask(&sql).await?);
        }
        Ok(Self { database: yard, script, values })
    }

    /// Orders for so long.
    pub(super) async fn load(&self, duration: Duration, round: usize) -> Result<Seen> {
        let mut command = Command::new(self.database.programs.join("pgbench"));
        let threads = std::thread::available_parallelism()?.min(usize::from(CONNECTIONS).try_into()?);
        command
            .args(["--no-vacuum", "--protocol=prepared", "--file"])
            .arg(self.script.path().join("order.sql"));
        command.args([format!("--client={CONNECTIONS}"), format!("--jobs={threads}")]);
        command.arg(format!("--time={}", (duration + CONNECTING).as_secs()));
        let values = self.values.iter().cloned().chain([format!("at={}", begin(round)?)]);
        command.args(values.map(|value| format!("--define={value}"))).arg(&self.database.url);
        let mut child =
            command.stdout(Stdio::piped()).kill_on_drop(true).spawn().context("pgbench does not start")?;
        let mut told = String::new();
        child.stdout.take().context("it has no output")?.read_to_string(&mut told).await?;
        // It has ended, or is about to: what the kernel knows of it stays until it is waited for.
        let used = cpu(&[i32::try_from(child.id().context("it was waited for")?)?])?;
        ensure!(child.wait().await?.success(), "pgbench: {told}");
        let (orders, per_second) = read(&told).with_context(|| format!("pgbench: {told}"))?;
        Ok(Seen { orders, seconds: float(orders) / per_second, cpu: used.as_secs_f64() })
    }
}

/// How many runs of the script there were, and how many a second; none of them failed.
fn read(told: &str) -> Option<(u64, f64)> {
    let after = |what: &str| told.lines().find_map(|line| line.trim().strip_prefix(what));
    let first = |what: &str| after(what)?.split_ascii_whitespace().next();
    let failed: u64 = first("number of failed transactions: ").unwrap_or("0").parse().ok()?;
    let runs = first("number of transactions actually processed: ")?.parse().ok()?;
    (failed == 0).then_some((runs, first("tps = ")?.parse().ok()?))
}

/// The script: an order is placed, and then confirmed.
fn order(statements: &Statements) -> Result<String> {
    let Statements { look_up, insert, keep, publish, update } = statements;
    let id = |name: &str| format!("int8send(:{name}_hi) || int8send(:{name}_lo)");
    let (order, request) = (id("order"), id("request"));
    let names = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let event = |kind: &str| {
        let values =
            names(&format!(":{kind}_event_key :{kind}_kind :{kind}_payload :at :{kind}_traceparent"));
        filled(publish, &[vec![id(kind)], values].concat())
    };
    let goods = names(":customer_id :lines :currency :shipping_price :total :weight_grams :address");
    let rest = names(":card_token :owner :at :traceparent");
    let kept = names(":fingerprint_version :fingerprint");
    let moved = names(":state NULL NULL NULL NULL NULL :at :version");
    let (rpc, at) = (":rpc".to_owned(), ":at".to_owned());
    let mut lines: Vec<String> = IDS
        .iter()
        .flat_map(|name| ["hi", "lo"].map(|half| format!("\\set {name}_{half} random(0, {})", i64::MAX - 1)))
        .collect();
    lines.push("\\set at :at + 1".to_owned());
    let sql = [
        "BEGIN".to_owned(),
        filled(look_up, &[rpc.clone(), request.clone()])?,
        filled(insert, &[vec![order.clone()], goods, rest].concat())?,
        filled(keep, &[vec![rpc, request], kept, vec![order.clone(), at]].concat())?,
        event("placed")?,
        "COMMIT".to_owned(),
        "BEGIN".to_owned(),
        filled(update, &[moved, vec![order]].concat())?,
        event("confirmed")?,
        "COMMIT".to_owned(),
    ];
    lines.extend(sql.map(|sql| sql + ";"));
    Ok(lines.join("\n") + "\n")
}

/// A statement with values in the place of `$1`, `$2`…; each is there.
fn filled(sql: &str, values: &[String]) -> Result<String> {
    let mut parts = sql.split('$');
    let (mut filled, mut used) = (parts.next().unwrap_or_default().to_owned(), BTreeSet::new());
    for part in parts {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        let number: usize = part[..end].parse().with_context(|| format!("{sql}: a $ without a number"))?;
        let value = number.checked_sub(1).and_then(|at| values.get(at));
        filled = filled + value.with_context(|| format!("{sql}: no value for ${number}"))? + &part[end..];
        used.insert(number);
    }
    ensure!(used.into_iter().eq(1..=values.len()), "{sql}: it does not take {} values", values.len());
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_takes_all_values_and_no_more() {
        let values = |count: usize| (1..=count).map(|n| format!(":v{n}")).collect::<Vec<_>>();
        let sql = "UPDATE a SET b = $1, c = $2 WHERE d = $2 - 1 AND e = $11";
        assert!(filled(sql, &values(10)).is_err() && filled(sql, &values(11)).is_err());
        let sql = "UPDATE a SET b = $1, c = $2 WHERE d = $2 - 1";
        assert_eq!(filled(sql, &values(2)).unwrap(), "UPDATE a SET b = :v1, c = :v2 WHERE d = :v2 - 1");
    }

    #[test]
    fn what_pgbench_says_is_read_and_a_failure_is_none() {
        let said = |failed| {
            format!(
                "number of transactions actually processed: 1200\nnumber of failed transactions: {failed} (0.0%)\n\
                 tps = 400.5 (without initial connection time)\n"
            )
        };
        let (runs, per_second) = read(&said(0)).unwrap();
        assert!(runs == 1200 && (per_second - 400.5).abs() < 1e-9);
        assert_eq!((read(&said(1)), read("")), (None, None));
    }
}
