//! Messages of proto/ and words of the domain, one into the other.

use std::sync::Arc;

use madang_api::Violations;
use madang_api::catalog::v1;
use madang_api::convert::{money, timestamp};
use madang_types::{Grams, ProductId};

use crate::domain::{
    Description, Entry, Localized, Position, Price, Product, Rank, Tag, Tags, TagsError, Text,
};

impl From<&Entry> for v1::Product {
    fn from(entry: &Entry) -> Self {
        let product = &entry.product;
        Self {
            product_id: product.id.to_string(),
            name: Some(proto_text(&product.name)),
            description: Some(proto_text(&product.description)),
            category: product.category.to_string(),
            tags: product.tags.as_slice().iter().map(Tag::to_string).collect(),
            price: Some(product.price.money().into()),
            weight_grams: product.weight.get(),
            update_time: Some(timestamp(entry.updated)),
        }
    }
}

pub(super) fn products(entries: &[Arc<Entry>]) -> Vec<v1::Product> {
    entries.iter().map(|entry| v1::Product::from(&**entry)).collect()
}

/// Reads a required product. Its update_time is ignored.
pub(super) fn product(violations: &mut Violations, product: Option<v1::Product>) -> Option<Product> {
    let product = violations.required("product", product)?;
    let id = violations.parse("product.product_id", &product.product_id);
    let name = localized(violations, "product.name", product.name);
    let description = description(violations, product.description);
    let category = violations.parse("product.category", &product.category);
    let tags = tags(violations, &product.tags);
    let price = money(violations, "product.price", product.price.as_ref())
        .and_then(|money| violations.check("product.price.minor_units", Price::try_from(money)));
    let weight = violations.check("product.weight_grams", Grams::try_from(product.weight_grams));
    Some(Product {
        id: id?,
        name: name?,
        description: description?,
        category: category?,
        tags: tags?,
        price: price?,
        weight: weight?,
    })
}

/// Reads the size of a search's page, which has other violations besides.
pub(super) fn page_size(violations: &mut Violations, size: i32) -> Option<i32> {
    violations.check("page_size", if size < 0 { Err("must not be negative") } else { Ok(size) })
}

/// The key of a list's page token: the id of its last product.
pub(super) fn read_id(bytes: &[u8]) -> Option<ProductId> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The key of a search's page token: words, score, product id.
pub(super) fn write_position(position: &Position) -> Vec<u8> {
    let Position { rank, product } = position;
    [&rank.words.to_be_bytes()[..], &rank.score.to_be_bytes(), product.as_str().as_bytes()].concat()
}

pub(super) fn read_position(bytes: &[u8]) -> Option<Position> {
    let (words, rest) = bytes.split_first_chunk()?;
    let (score, id) = rest.split_first_chunk()?;
    let rank = Rank { words: u32::from_be_bytes(*words), score: u64::from_be_bytes(*score) };
    Some(Position { rank, product: read_id(id)? })
}

fn proto_text<const MIN: usize, const MAX: usize>(text: &Localized<Text<MIN, MAX>>) -> v1::LocalizedText {
    v1::LocalizedText { en: text.en.to_string(), ko: text.ko.to_string() }
}

fn localized<const MIN: usize, const MAX: usize>(
    violations: &mut Violations,
    path: &str,
    text: Option<v1::LocalizedText>,
) -> Option<Localized<Text<MIN, MAX>>> {
    let text = text.unwrap_or_default();
    let en = violations.parse(format!("{path}.en"), &text.en);
    let ko = violations.parse(format!("{path}.ko"), &text.ko);
    Some(Localized { en: en?, ko: ko? })
}

/// A description may be empty, but not in one language alone: half of the customers would read nothing.
fn description(
    violations: &mut Violations,
    text: Option<v1::LocalizedText>,
) -> Option<Localized<Description>> {
    let path = "product.description";
    let read: Localized<Description> = localized(violations, path, text)?;
    let missing = match (read.en.as_str().is_empty(), read.ko.as_str().is_empty()) {
        (true, false) => "en",
        (false, true) => "ko",
        (true, true) | (false, false) => return Some(read),
    };
    violations.add(format!("{path}.{missing}"), "REQUIRED", "is required beside the other language");
    None
}

fn tags(violations: &mut Violations, tags: &[String]) -> Option<Tags> {
    if tags.len() > Tags::MAX {
        // Not also one violation for each of them: there may be very many.
        violations.add("product.tags", "INVALID_VALUE", TagsError);
        return None;
    }
    let mut read: Vec<Tag> = Vec::with_capacity(tags.len());
    for (index, tag) in tags.iter().enumerate() {
        read.extend(violations.parse(format!("product.tags[{index}]"), tag));
    }
    let complete = read.len() == tags.len();
    violations.check("product.tags", Tags::try_from(read)).filter(|_| complete)
}
