//! What is told, and in which words: pure and synchronous.

mod news;
mod notification;
mod reason;
#[cfg(test)]
mod tests;

pub use news::News;
pub use notification::{Kind, Notification};

/// Whether a command changed anything. A repeat is a value, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It did.
    Applied,
    /// It was done before.
    AlreadyApplied,
}

/// One text in both languages of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// In English.
    pub en: String,
    /// In Korean.
    pub ko: String,
}
