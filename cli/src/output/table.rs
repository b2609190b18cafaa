use anstyle::Style;

use super::{PLAIN, STRONG, styled};

/// One cell: a text of one line in a style.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
    right: bool,
}

/// Rows under titles, each column as wide as its longest cell.
#[derive(Debug, Clone)]
pub struct Table {
    titles: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
}

impl Cell {
    /// A text in a style.
    pub fn new(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style, right: false }
    }

    /// A number: it stands at the right.
    pub fn number(number: impl ToString) -> Self {
        Self { text: number.to_string(), style: PLAIN, right: true }
    }

    /// The same in a style.
    #[must_use]
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn render(&self, width: usize) -> String {
        let text = styled(self.style, &self.text);
        let gap = " ".repeat(width.saturating_sub(self.width()));
        if self.right { gap + &text } else { text + &gap }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(PLAIN, text)
    }
}

impl Table {
    /// A table without rows. A title that begins with `>` stands at the right, over numbers.
    pub fn new<const N: usize>(titles: [&str; N]) -> Self {
        let title = |title: &str| match title.strip_prefix('>') {
            Some(title) => Cell { text: title.to_owned(), style: STRONG, right: true },
            None => Cell::new(STRONG, title),
        };
        Self { titles: titles.map(title).into(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// The lines of the table.
    pub fn render(&self) -> String {
        let lines = || std::iter::once(&self.titles).chain(&self.rows);
        let width = |column: usize| lines().filter_map(|row| row.get(column)).map(Cell::width).max();
        let widths: Vec<usize> = (0..self.titles.len()).filter_map(width).collect();
        lines().map(|row| line(row, &widths)).collect()
    }
}

/// One line of a table, for rows that are printed as they come.
pub(crate) fn line(cells: &[Cell], widths: &[usize]) -> String {
    let cells: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| cell.render(*width)).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::GOOD;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell_and_colours_take_no_room() {
        let mut table = Table::new(["service", ">pid"]);
        table.row([Cell::new(GOOD, "orders"), Cell::number(7)]);
        table.row(["notifications".into(), Cell::number(1234)]);
        let plain = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(plain, "service         pid\norders            7\nnotifications  1234\n");
    }
}
