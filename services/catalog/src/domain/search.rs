//! A small index of our own over the words of all products: BM25 with weighted fields, in both languages.

use std::collections::{BTreeMap, HashMap};

use super::words::{Word, words};
use super::{Categories, Product, Text};

/// What a customer looks for.
pub type Query = Text<1, 200>;

// Where a word stands. A sum of fields is a weight, and each field weighs more than all below it: a word in the name counts
// for more than the same word in tags, category and description together.
const NAME: u8 = 8;
const TAGS: u8 = 4;
const CATEGORY: u8 = 2;
const DESCRIPTION: u8 = 1;

/// BM25's k1, in the unit of the weights above: with it a word in the name counts about three times as much as one in the
/// description. Its b is 0: all texts are short, and a longer description makes no lesser product.
const SATURATION: f64 = 4.0;
/// What a part of a word counts for, beside the whole word.
const PART: f64 = 0.4;
/// Words that say nothing where a query has others.
const EMPTY_WORDS: [&str; 11] = ["a", "an", "and", "for", "in", "of", "on", "or", "the", "to", "with"];

/// How well a product matches a query; the greater, the better. First come the products that match more of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Rank {
    /// Words of the query that the product matches.
    pub words: u32,
    /// The score in millionths, as the bits of a whole number of zero or more: they are in the order of the numbers.
    pub score: u64,
}

/// For each word, or part of one, where it stands: products by their number, with the fields.
type Postings = HashMap<String, Vec<(usize, u8)>>;

/// Finds products, which are numbers to it, by their words.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    products: usize,
    words: Postings,
    parts: Postings,
}

impl Index {
    /// Over these products, numbered from 0.
    pub(super) fn new<'a>(products: impl Iterator<Item = &'a Product>, categories: &Categories) -> Self {
        let mut index = Self::default();
        for product in products {
            index.add(product, categories);
        }
        index
    }

    fn add(&mut self, product: &Product, categories: &Categories) {
        let (mut whole, mut parts) = (BTreeMap::new(), BTreeMap::new());
        for (field, text) in texts(product, categories) {
            let words = words(text);
            // Two words in a row count as a part, so that "teacup" finds a tea cup.
            let joined = words.windows(2).map(|pair| pair.iter().map(Word::as_str).collect());
            for part in words.iter().flat_map(Word::parts).chain(joined) {
                *parts.entry(part).or_insert(0) |= field;
            }
            for word in words {
                *whole.entry(word.into_string()).or_insert(0) |= field;
            }
        }
        for (postings, found) in [(&mut self.words, whole), (&mut self.parts, parts)] {
            for (word, fields) in found {
                postings.entry(word).or_default().push((self.products, fields));
            }
        }
        self.products += 1;
    }

    /// The products that match at least one word, by number.
    pub(super) fn search(&self, query: &Query) -> Vec<(usize, Rank)> {
        let mut found: BTreeMap<usize, (u32, f64)> = BTreeMap::new();
        for word in asked_words(query) {
            for (product, score) in self.matches(&word) {
                let (words, sum) = found.entry(product).or_default();
                *words += 1;
                *sum += score;
            }
        }
        // Rounded, so that two machines whose logarithms differ in the last bit agree on the order.
        let rank = |(words, sum): (u32, f64)| Rank { words, score: (sum * 1e6).round().to_bits() };
        found.into_iter().map(|(product, score)| (product, rank(score))).collect()
    }

    /// What one word counts for in each product that has it, whole or in parts.
    fn matches(&self, word: &Word) -> BTreeMap<usize, f64> {
        let mut scores = self.matches_in_part(word);
        for (product, score) in self.scores(&self.words, word.as_str()) {
            let best = scores.entry(product).or_default();
            *best = best.max(score);
        }
        scores
    }

    fn matches_in_part(&self, word: &Word) -> BTreeMap<usize, f64> {
        let parts = word.asked_parts();
        let mut found: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
        for (product, score) in parts.iter().flat_map(|part| self.scores(&self.parts, part)) {
            let (count, sum) = found.entry(product).or_default();
            *count += 1;
            *sum += score;
        }
        let enough = |count: usize| count * 3 >= parts.len() * 2;
        let found = found.into_iter().filter(|(_, (count, _))| enough(*count));
        found.map(|(product, (_, sum))| (product, PART * sum / parts.len() as f64)).collect()
    }

    fn scores<'a>(&self, postings: &'a Postings, word: &str) -> impl Iterator<Item = (usize, f64)> + use<'a> {
        let found = postings.get(word).map(Vec::as_slice).unwrap_or_default();
        let (all, having) = (self.products as f64, found.len() as f64);
        let rarity = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
        let weight = |fields: u8| f64::from(fields) / (f64::from(fields) + SATURATION);
        found.iter().map(move |(product, fields)| (*product, rarity * weight(*fields)))
    }
}

/// The texts by which a product is found, with their fields.
fn texts<'a>(product: &'a Product, categories: &'a Categories) -> impl Iterator<Item = (u8, &'a str)> {
    let category = categories.get(&product.category);
    let category = category.into_iter().flat_map(|name| [name.en.as_str(), name.ko.as_str()]);
    let named = [
        (NAME, product.name.en.as_str()),
        (NAME, product.name.ko.as_str()),
        (CATEGORY, product.category.as_str()),
        (DESCRIPTION, product.description.en.as_str()),
        (DESCRIPTION, product.description.ko.as_str()),
    ];
    let tags = product.tags.as_slice().iter().map(|tag| (TAGS, tag.as_str()));
    named.into_iter().chain(tags).chain(category.map(|name| (CATEGORY, name)))
}

/// The words of a query, each once; those that say nothing only where there are no others.
fn asked_words(query: &Query) -> Vec<Word> {
    let mut asked: Vec<Word> = Vec::new();
    for word in words(query.as_str()) {
        if !asked.contains(&word) {
            asked.push(word);
        }
    }
    let says = |word: &Word| !EMPTY_WORDS.contains(&word.as_str());
    if asked.iter().any(says) {
        asked.retain(says);
    }
    asked
}
