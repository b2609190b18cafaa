//! What a statement's text says before the server sees it.

use std::collections::BTreeSet;

/// Words that begin or end a transaction, or a part of one.
const CONTROL: [&str; 9] =
    ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"];

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// The first word, in capitals.
    word: String,
    /// Whether a word says that the rows are those of a query, or that they may be there already.
    is_open: bool,
    placeholders: BTreeSet<usize>,
}

impl Shape {
    /// Skips comments, literals and quoted names.
    pub(super) fn of(sql: &str) -> Self {
        let mut shape = Self::default();
        let mut rest = sql;
        while let Some(first) = rest.chars().next() {
            rest = match first {
                '\'' | '"' => after(&rest[1..], if first == '"' { "\"" } else { "'" }),
                '-' if rest.starts_with("--") => after(rest, "\n"),
                '/' if rest.starts_with("/*") => after(&rest[2..], "*/"),
                '$' => shape.placeholder(&rest[1..]),
                _ if first.is_alphabetic() => shape.word(rest),
                _ => &rest[first.len_utf8()..],
            };
        }
        shape
    }

    /// Whether it would end or divide the transaction it runs in.
    pub(super) fn controls(&self) -> bool {
        CONTROL.contains(&self.word.as_str())
    }

    /// Whether it counts as one that writes.
    pub(super) fn writes(&self) -> bool {
        !matches!(self.word.as_str(), "SELECT" | "VALUES" | "SHOW" | "EXPLAIN")
    }

    /// Whether it inserts the rows that it names, all of them, or fails.
    pub(super) fn is_certain(&self) -> bool {
        self.word == "INSERT" && !self.is_open
    }

    /// Whether the placeholders are `$1` to `$count`, each at least once.
    pub(super) fn takes(&self, count: usize) -> bool {
        self.placeholders.iter().copied().eq(1..=count)
    }

    fn placeholder<'a>(&mut self, rest: &'a str) -> &'a str {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        self.placeholders.extend(rest[..end].parse::<usize>().ok());
        &rest[end..]
    }

    fn word<'a>(&mut self, rest: &'a str) -> &'a str {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = rest[..end].to_ascii_uppercase();
        self.is_open |= matches!(word.as_str(), "SELECT" | "CONFLICT" | "TABLE");
        if self.word.is_empty() {
            self.word = word;
        }
        &rest[end..]
    }
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_a_name_and_a_comment_hold_no_placeholder() {
        let sql = "-- $9\n SELECT $2, '$3 it''s $4', \"$5\" /* $6 */, $1::BIGINT, $2";
        let shape = Shape::of(sql);
        assert!(shape.takes(2) && !shape.takes(1) && !shape.takes(3), "{shape:?}");
        assert!(!shape.writes() && !shape.controls());
        assert!(!Shape::of("SELECT $1, $3").takes(2) && !Shape::of("SELECT $1, $3").takes(3));
        assert!(Shape::of("SELECT 1").takes(0) && !Shape::of("SELECT $0").takes(0));
    }

    #[test]
    fn an_insert_of_values_is_certain_unless_it_may_pass_over_them() {
        for (sql, is_certain) in [
            ("INSERT INTO a (b) VALUES ($1)", true),
            ("insert into a values ('select')", true),
            ("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING", false),
            ("INSERT INTO a SELECT 1 WHERE 1 = 0", false),
            ("INSERT INTO a TABLE b", false),
            ("INSERT INTO a VALUES ((SELECT 1))", false),
            ("UPDATE a SET b = 1", false),
        ] {
            assert_eq!(Shape::of(sql).is_certain(), is_certain, "{sql}");
        }
    }

    #[test]
    fn what_ends_a_transaction_is_known_by_its_first_word() {
        for sql in ["commit", " /* a */ ROLLBACK", "--x\nEnd;", "savepoint a", "RELEASE a"] {
            assert!(Shape::of(sql).controls(), "{sql}");
        }
        assert!(!Shape::of("UPDATE a SET commit = 1").controls());
        assert!(Shape::of("WITH x AS (SELECT 1) UPDATE a SET b = 1").writes());
    }
}
