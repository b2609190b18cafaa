//! What a product is, the catalogue in memory, and the search over it: pure and synchronous.

mod catalogue;
mod product;
mod search;
mod text;
mod words;

pub use catalogue::{Catalogue, Entry, Found, Position};
pub use product::{
    Categories, Category, CategoryError, Description, Localized, Name, Price, PriceError, Product, Tag, Tags,
    TagsError,
};
pub use search::{Query, Rank};
pub use text::{Text, TextError};
