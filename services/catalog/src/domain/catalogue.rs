use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use madang_types::ProductId;

use super::search::Index;
use super::{Categories, Product, Query, Rank};

/// A product as it stands in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The product.
    pub product: Product,
    /// When it was last written, to the microsecond.
    pub updated: Timestamp,
}

/// All products at one moment, and the index of their words, which the first search makes: a start need not wait for it, nor
/// does a write. It never changes; [`Catalogue::with`] makes the next one.
#[derive(Debug, Clone)]
pub struct Catalogue {
    version: i64,
    /// By product id; the index knows each by its place.
    entries: Vec<Arc<Entry>>,
    index: OnceLock<Index>,
    categories: Arc<Categories>,
}

/// A product that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How well it matches.
    pub rank: Rank,
    /// The product.
    pub entry: Arc<Entry>,
}

/// A place in the results of a search, also in those of a later catalogue: best first, equals by product id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// How well the product there matched.
    pub rank: Rank,
    /// The product there.
    pub product: ProductId,
}

impl Catalogue {
    /// No products yet.
    pub fn empty(categories: Categories) -> Self {
        let categories = Arc::new(categories);
        Self { version: 0, entries: Vec::new(), index: OnceLock::new(), categories }
    }

    /// This catalogue with what was written since, up to a version of the database.
    #[must_use]
    pub fn with(&self, changed: Vec<Entry>, version: i64) -> Self {
        let by_id = |entry: Arc<Entry>| (entry.product.id.clone(), entry);
        let mut entries: BTreeMap<_, _> = self.entries.iter().cloned().map(by_id).collect();
        entries.extend(changed.into_iter().map(Arc::new).map(by_id));
        let entries = entries.into_values().collect();
        Self { version, entries, index: OnceLock::new(), categories: Arc::clone(&self.categories) }
    }

    /// The last version of the database that it holds; 0 before the first.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// One product; none where there is no such one.
    pub fn get(&self, id: &ProductId) -> Option<&Arc<Entry>> {
        let place = self.entries.binary_search_by(|entry| entry.product.id.cmp(id)).ok()?;
        self.entries.get(place)
    }

    /// At most `limit` products by id, those after an id where one is given.
    pub fn list(&self, after: Option<&ProductId>, limit: usize) -> Vec<Arc<Entry>> {
        let start = after.map_or(0, |id| self.entries.partition_point(|entry| entry.product.id <= *id));
        self.entries.iter().skip(start).take(limit).cloned().collect()
    }

    /// At most `limit` products that match the query, best first, those after a position where one is given.
    pub fn search(&self, query: &Query, after: Option<&Position>, limit: usize) -> Vec<Found> {
        let products = || self.entries.iter().map(|entry| &entry.product);
        let index = self.index.get_or_init(|| Index::new(products(), &self.categories));
        let found = index.search(query).into_iter();
        let found =
            found.filter_map(|(place, rank)| Some(Found { rank, entry: self.entries.get(place)?.clone() }));
        let after = after.map(|position| (Reverse(position.rank), &position.product));
        let mut found: Vec<_> =
            found.filter(|found| after.is_none_or(|after| found.place() > after)).collect();
        found.sort_by(|a, b| a.place().cmp(&b.place()));
        found.truncate(limit);
        found
    }
}

impl Found {
    /// Where it stands, for the page that follows.
    pub fn position(&self) -> Position {
        Position { rank: self.rank, product: self.entry.product.id.clone() }
    }

    fn place(&self) -> (Reverse<Rank>, &ProductId) {
        (Reverse(self.rank), &self.entry.product.id)
    }
}
