//! Who may call what, as docs/policies.md tells people: the policy table, and not what a cluster made of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::Cell;

/// A test holds it against the table of the charts.
const PAGE: &str = include_str!("../../docs/policies.md");
const OTHERS: &str = "What is no RPC";

/// The table, cell by cell.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    /// What each identity may reach; one that nobody names may reach nothing.
    pub(crate) allowed: BTreeMap<&'static str, BTreeSet<Cell>>,
    /// All RPCs of all services, also those that nobody may call.
    pub(crate) rpcs: BTreeSet<Cell>,
}

impl Policies {
    /// That of this version.
    pub(crate) fn of_this_version() -> Self {
        Self::read(PAGE)
    }

    fn read(page: &'static str) -> Self {
        let mut all = Self::default();
        for section in page.split("\n## ").skip(1) {
            let (title, text) = section.split_once('\n').unwrap_or_default();
            let mut rows = text.lines().filter_map(columns);
            let head = rows.next().unwrap_or_default();
            // Below the head there is a line of dashes.
            let rows = rows.skip(1);
            match server(title) {
                Some(to) => rows.for_each(|row| all.add_rpc(&to, &head, &row)),
                None if title == OTHERS => rows.for_each(|row| all.add_other(&row)),
                None => {}
            }
        }
        all
    }

    /// A row of an RPC: its name, its kind, and then a column for each identity.
    fn add_rpc(&mut self, to: &str, head: &[&'static str], row: &[&'static str]) {
        let Some(rpc) = row.first() else { return };
        let cell = Cell::new(to, format!("/{rpc}"));
        for (identity, _) in head.iter().zip(row).skip(2).filter(|(_, cell)| **cell == "yes") {
            self.allowed.entry(identity).or_default().insert(cell.clone());
        }
        self.rpcs.insert(cell);
    }

    /// A row of what is no RPC: from, to, what. The edge is nobody's in the mesh: there is no port in it.
    fn add_other(&mut self, row: &[&'static str]) {
        let [from, to, what] = row else { return };
        let Some(to) = server(to) else { return };
        let host = to.split(':').next().unwrap_or_default();
        let cells: Vec<&str> = match what.strip_prefix("GET ") {
            Some(pages) => pages.split(", ").collect(),
            // All of its pages, of which one is asked.
            None if host == "gateway" => vec!["/"],
            // A protocol of its own.
            None => host.rsplit('-').take(1).collect(),
        };
        let cells = cells.into_iter().map(|what| Cell::new(&to, what));
        self.allowed.entry(from).or_default().extend(cells);
    }
}

/// The cells of a row of a table.
fn columns(line: &'static str) -> Option<Vec<&'static str>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// `catalog, port 50051` as `catalog:50051`.
fn server(text: &str) -> Option<String> {
    text.split_once(", port ").map(|(name, port)| format!("{name}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# Who may call what\n\n| kind | what |\n|---|---|\n| read | changes nothing |\n
## catalog, port 50051\n\n| RPC | kind | gateway | orders |\n|---|---|---|---|
| madang.catalog.v1.CatalogService/GetProduct | read | yes | |
| madang.catalog.v1.CatalogService/UpsertProduct | operator | | |\n
## What is no RPC\n\n| from | to | what |\n|---|---|---|
| everybody | edge | ports 8080 and 9090 |
| edge-istio | gateway, port 8080 | all; [the list](x.rs) says which pass |
| console | catalog, port 50151 | GET /info, /readyz |
| orders | orders-postgres, port 5432 | its own database |
| orders | nats, port 4222 | publishes its own stream |\n";

    fn cells(cells: &[(&str, &str)]) -> BTreeSet<Cell> {
        cells.iter().map(|(to, what)| Cell::new(*to, *what)).collect()
    }

    #[test]
    fn each_identity_may_reach_what_has_a_yes() {
        let policies = Policies::read(SMALL);
        let get = "/madang.catalog.v1.CatalogService/GetProduct";
        let allowed = BTreeMap::from([
            ("gateway", cells(&[("catalog:50051", get)])),
            ("edge-istio", cells(&[("gateway:8080", "/")])),
            ("console", cells(&[("catalog:50151", "/info"), ("catalog:50151", "/readyz")])),
            ("orders", cells(&[("orders-postgres:5432", "postgres"), ("nats:4222", "nats")])),
        ]);
        assert_eq!(policies.allowed, allowed);
        assert_eq!(
            policies.rpcs,
            cells(&[
                ("catalog:50051", get),
                ("catalog:50051", "/madang.catalog.v1.CatalogService/UpsertProduct")
            ])
        );
    }

    #[test]
    fn the_page_has_all_services_and_their_callers() {
        let policies = Policies::of_this_version();
        assert!(policies.rpcs.len() > 80, "{}", policies.rpcs.len());
        for identity in
            ["gateway", "console", "tester", "edge-istio"].iter().chain(&super::super::all::OWNERS)
        {
            assert!(policies.allowed.contains_key(identity), "{identity}");
        }
        let place = Cell::new("orders:50055", "/madang.orders.v1.OrdersService/PlaceOrder");
        let may: Vec<_> = policies.allowed.iter().filter(|(_, cells)| cells.contains(&place)).collect();
        assert_eq!(may.iter().map(|(identity, _)| **identity).collect::<Vec<_>>(), ["gateway"]);
    }
}
