//! What Restate has at the end, held against what was answered.

use anyhow::{Context, Result, ensure};

use crate::objects::{PAYMENT, PIECES, SHIPMENT};
use crate::order::ORDER;
use crate::server::Server;
use crate::steps::Pieces;

/// An error where some order that was answered is not confirmed, where there are others, or, where Restate has all participants
/// too, where one did not do its part once for each.
pub(crate) async fn check(server: &Server, (orders, all): (&str, bool), answered: u64) -> Result<()> {
    let confirmed = "value_utf8 LIKE '%\"state\":\"CONFIRMED\"%'";
    let mut counts = vec![
        ("orders", count(server, (orders, ORDER), "true").await?),
        ("confirmed orders", count(server, (orders, ORDER), confirmed).await?),
    ];
    if all {
        counts.push(("payments", count(server, ("Payments", PAYMENT), "true").await?));
        counts.push(("shipments", count(server, ("Shipments", SHIPMENT), "true").await?));
        counts.push(("pieces", pieces(server).await?));
    }
    compare(&counts, answered)
}

fn compare(counts: &[(&str, u64)], answered: u64) -> Result<()> {
    for (what, count) in counts {
        ensure!(*count == answered, "Restate has {count} {what}, and {answered} orders were answered");
    }
    Ok(())
}

async fn count(server: &Server, (service, key): (&str, &str), which: &str) -> Result<u64> {
    let sql = format!(
        "SELECT count(*) AS number FROM state WHERE service_name = '{service}' AND key = '{key}' AND {which}"
    );
    let rows = server.query(&sql).await?;
    rows.first().and_then(|row| row["number"].as_u64()).with_context(|| format!("{sql}: no number"))
}

/// Reserved on all shelves; an order has one piece.
async fn pieces(server: &Server) -> Result<u64> {
    let sql = format!("SELECT value_utf8 FROM state WHERE service_name = 'Stock' AND key = '{PIECES}'");
    let mut reserved = 0;
    for row in server.query(&sql).await? {
        let pieces: Pieces = serde_json::from_str(row["value_utf8"].as_str().unwrap_or_default())?;
        reserved += u64::try_from(pieces.reserved)?;
    }
    Ok(reserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_is_that_of_the_answers() {
        assert!(compare(&[("orders", 2), ("payments", 2)], 2).is_ok());
        assert!(compare(&[("orders", 2), ("payments", 1)], 2).is_err());
        assert!(compare(&[("orders", 3), ("payments", 2)], 2).is_err());
    }
}
