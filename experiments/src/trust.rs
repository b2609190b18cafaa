//! What is asked of a shop to see whom it trusts.

/// Something that can be asked: whose port, and what there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Such as `orders:50055`.
    pub to: String,
    /// The path of an RPC or of a page, or the name of a protocol.
    pub what: String,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It reached who was asked.
    Reached,
    /// The mesh refused it.
    Refused,
    /// Nobody answered.
    Lost,
}

/// Which databases are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Databases {
    /// Those that the services have.
    Own,
    /// Empty ones of the same names on one server, made for the trial as PostgreSQL makes them where nothing is taken from PUBLIC.
    Shared,
}

/// The credentials of a service, tried at a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Whose credentials.
    pub of: String,
    /// Whose database.
    pub at: String,
    /// Whether they opened it.
    pub was_let_in: bool,
}

impl Cell {
    /// That of a port.
    pub fn new(to: impl Into<String>, what: impl Into<String>) -> Self {
        Self { to: to.into(), what: what.into() }
    }
}
