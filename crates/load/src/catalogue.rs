//! What the shop sells, as far as a load chooses from it.

use std::collections::BTreeSet;
use std::str::FromStr;

use madang_api::catalog::v1::Product;
use madang_types::ProductId;

/// A product, and how often it is chosen among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub product: ProductId,
    /// How often, against the sum of all weights; 1 to 1,000,000.
    pub weight: u32,
}

/// As it is written: `celadon-tea-cup`, or `celadon-tea-cup=3` for a weight.
impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (product, weight) = text.split_once('=').unwrap_or((text, "1"));
        let product = product.parse().map_err(|error| format!("the product of `{text}` {error}"))?;
        let weight = weight.parse().ok().filter(|weight| (1..=MAX_WEIGHT).contains(weight));
        let weight = weight.ok_or_else(|| format!("the weight of `{text}` must be 1 to {MAX_WEIGHT}"))?;
        Ok(Self { product, weight })
    }
}

const MAX_WEIGHT: u32 = 1_000_000;

/// Products by weights, and words by which some product is found.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// Each with the sum of the weights up to its own.
    products: Vec<(u64, String)>,
    words: Vec<String>,
}

impl Catalogue {
    /// The products of a shop, or only those chosen. None where there is no product at all.
    pub(crate) fn new(all: &[Product], chosen: &[Choice]) -> Option<Self> {
        let weighted: Vec<(u64, String)> = match chosen {
            [] => all.iter().map(|product| (1, product.product_id.clone())).collect(),
            _ => chosen.iter().map(|it| (it.weight.into(), it.product.to_string())).collect(),
        };
        let mut sum = 0;
        let mut products = Vec::with_capacity(weighted.len());
        for (weight, product) in weighted {
            sum += weight;
            products.push((sum, product));
        }
        let names = all.iter().filter_map(|product| product.name.as_ref());
        let words = names.flat_map(|name| name.en.split_whitespace().chain(name.ko.split_whitespace()));
        // In an order of their own, so that the same seed asks for the same words.
        let words: BTreeSet<&str> = words.collect();
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let is_complete = !products.is_empty() && !words.is_empty();
        is_complete.then_some(Self { products, words })
    }

    /// The product that a number names, where all numbers are as likely.
    pub(crate) fn product(&self, draw: u64) -> &str {
        let sum = self.products.last().map_or(1, |(sum, _)| *sum);
        let at = draw % sum.max(1);
        let index = self.products.partition_point(|(upto, _)| *upto <= at);
        self.products.get(index).map_or("", |(_, product)| product)
    }

    /// The word that a number names.
    pub(crate) fn word(&self, draw: u64) -> &str {
        let count = u64::try_from(self.words.len()).unwrap_or(u64::MAX).max(1);
        usize::try_from(draw % count).ok().and_then(|index| self.words.get(index)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use madang_api::catalog::v1::LocalizedText;

    use super::*;

    fn product(id: &str, en: &str, ko: &str) -> Product {
        let name = Some(LocalizedText { en: en.into(), ko: ko.into() });
        Product { product_id: id.into(), name, ..Product::default() }
    }

    #[test]
    fn without_a_choice_all_products_are_as_likely() {
        let all = [product("tea-cup", "Tea cup", "찻잔"), product("kite", "Kite", "연")];
        let catalogue = Catalogue::new(&all, &[]).unwrap();
        assert_eq!([0, 1, 2].map(|draw| catalogue.product(draw)), ["tea-cup", "kite", "tea-cup"]);
        let words: BTreeSet<&str> = (0..5).map(|draw| catalogue.word(draw)).collect();
        assert_eq!(words, BTreeSet::from(["Kite", "Tea", "cup", "연", "찻잔"]));
    }

    #[test]
    fn chosen_products_come_by_their_weights() {
        let all = [product("tea-cup", "Tea cup", "찻잔")];
        let chosen = ["kite=3", "jar"].map(|text| text.parse().unwrap());
        let catalogue = Catalogue::new(&all, &chosen).unwrap();
        let drawn: Vec<&str> = (0..4).map(|draw| catalogue.product(draw)).collect();
        assert_eq!(drawn, ["kite", "kite", "kite", "jar"]);
    }

    #[test]
    fn a_shop_without_products_has_no_catalogue() {
        assert!(Catalogue::new(&[], &[]).is_none());
    }

    #[test]
    fn what_is_no_choice_is_told() {
        for bad in ["", "Tea Cup", "tea-cup=0", "tea-cup=x", "tea-cup=1000001"] {
            assert!(bad.parse::<Choice>().is_err(), "{bad}");
        }
    }
}
