use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;
use tonic::Status;

use super::Row;
use crate::exit::refusal;
use crate::output::{BAD, Cell, GOOD, Output, STRONG, table_line};

/// What was done, announced, came out, and the milliseconds.
const WIDTHS: [usize; 4] = [38, 32, 32, 5];

/// Does one thing after the other, and tells each as it came out.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    output: &'a Output,
    rows: Vec<Row>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(output: &'a Output) -> Result<Self> {
        let teller = Self { output, rows: Vec::new() };
        teller.print(["what", "announced", "came out", "ms"].map(|title| Cell::new(STRONG, title)))?;
        Ok(teller)
    }

    /// Does this; what it answers, or the refusal that it met, is what came out.
    ///
    /// # Errors
    /// Where nobody reads what is told.
    pub(super) async fn scene(
        &mut self,
        what: &'static str,
        announced: &'static str,
        act: impl Future<Output = Result<String>>,
    ) -> Result<()> {
        let mut progress = self.output.progress();
        progress.show(what);
        let start = Instant::now();
        let came_out = act.await.unwrap_or_else(|error| trouble(&error));
        let row = Row { what, announced, came_out, took: start.elapsed() };
        drop(progress);
        self.tell(&row)?;
        self.rows.push(row);
        Ok(())
    }

    pub(super) fn rows(self) -> Vec<Row> {
        self.rows
    }

    fn tell(&self, row: &Row) -> Result<()> {
        let style = if row.is_as_announced() { GOOD } else { BAD };
        let came_out = Cell::new(style, row.came_out.as_str());
        self.print([row.what.into(), row.announced.into(), came_out, Cell::number(row.millis())])
    }

    fn print(&self, cells: [Cell; 4]) -> Result<()> {
        // JSON comes as one value, at the end.
        if !self.output.is_json() {
            self.output.text(&table_line(&cells, &WIDTHS))?;
        }
        Ok(())
    }
}

fn trouble(error: &anyhow::Error) -> String {
    error.downcast_ref::<Status>().map_or_else(|| format!("{error:#}"), refusal)
}

/// How long anything may take to come out as announced.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
