//! What the pages of reports have in common, and loads as lines of a chart.

#[cfg(test)]
pub(crate) use madang_page::well_formed;
pub(crate) use madang_page::{axis, chart, document, escape, paragraph, table, timeline};

pub(crate) mod spans;
