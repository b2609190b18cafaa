use std::str::FromStr;

use clap::Parser;
use madang_chassis::{ServerArgs, TelemetryArgs};
use madang_events::RetentionArgs;
use madang_types::{Currency, Grams, Money};
use serde::Deserialize;

use crate::domain::{Categories, Localized, Price, Product, Tags};

/// The catalogue: products, prices and search.
#[derive(Debug, Parser)]
#[command(name = "madang-catalog", version)]
pub struct Config {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// The database.
    #[command(flatten)]
    pub database: madang_db::Config,
    /// What is kept for repeats.
    #[command(flatten)]
    pub retention: RetentionArgs,
}

impl AsRef<ServerArgs> for Config {
    fn as_ref(&self) -> &ServerArgs {
        &self.server
    }
}

impl AsRef<TelemetryArgs> for Config {
    fn as_ref(&self) -> &TelemetryArgs {
        &self.telemetry
    }
}

/// What the shop is shipped with.
#[derive(Debug, Clone)]
pub struct Shipped {
    /// The products that an empty database starts with.
    pub products: Vec<Product>,
    /// The categories' names, by which products are found too.
    pub categories: Categories,
}

/// The shipped catalogue, from data/.
///
/// # Errors
/// Where the shipped files are not valid, with the place: a defect, held by a test.
pub fn shipped() -> Result<Shipped, String> {
    let products: Vec<ProductLine> = read(include_str!("../data/products.json"))?;
    let categories: Vec<CategoryLine> = read(include_str!("../data/categories.json"))?;
    let category = |line: CategoryLine| {
        Ok((text(&line.id, "id", &line.id)?, localized(&line.id, "name", &line.name_en, &line.name_ko)?))
    };
    Ok(Shipped {
        products: products.iter().map(ProductLine::product).collect::<Result<_, String>>()?,
        categories: categories.into_iter().map(category).collect::<Result<_, String>>()?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryLine {
    id: String,
    name_en: String,
    name_ko: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductLine {
    id: String,
    name_en: String,
    name_ko: String,
    description_en: String,
    description_ko: String,
    category: String,
    tags_en: Vec<String>,
    tags_ko: Vec<String>,
    /// In US cents.
    price_minor: i64,
    weight_grams: i64,
}

impl ProductLine {
    fn product(&self) -> Result<Product, String> {
        let wrong = |field: &str, why: &dyn std::fmt::Display| format!("{}: {field} {why}", self.id);
        let tags = self.tags_en.iter().chain(&self.tags_ko).map(|tag| text(&self.id, "tags", tag));
        let tags = tags.collect::<Result<Vec<_>, _>>()?;
        let price = Money::new(self.price_minor, Currency::USD).map_err(|why| wrong("price_minor", &why))?;
        Ok(Product {
            id: text(&self.id, "id", &self.id)?,
            name: localized(&self.id, "name", &self.name_en, &self.name_ko)?,
            description: localized(&self.id, "description", &self.description_en, &self.description_ko)?,
            category: text(&self.id, "category", &self.category)?,
            tags: Tags::try_from(tags).map_err(|why| wrong("tags", &why))?,
            price: Price::try_from(price).map_err(|why| wrong("price_minor", &why))?,
            weight: Grams::try_from(self.weight_grams).map_err(|why| wrong("weight_grams", &why))?,
        })
    }
}

fn read<'a, T: Deserialize<'a>>(file: &'a str) -> Result<T, String> {
    serde_json::from_str(file).map_err(|error| error.to_string())
}

fn text<T: FromStr<Err: std::fmt::Display>>(id: &str, field: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{id}: {field} {error}"))
}

fn localized<T>(id: &str, field: &str, en: &str, ko: &str) -> Result<Localized<T>, String>
where
    T: FromStr<Err: std::fmt::Display>,
{
    Ok(Localized { en: text(id, field, en)?, ko: text(id, field, ko)? })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_shipped_catalogue_is_valid_and_large_enough() {
        let Shipped { products, categories } = shipped().unwrap();
        let ids: BTreeSet<_> = products.iter().map(|product| &product.id).collect();
        assert!(ids.len() >= 60, "only {} products", ids.len());
        assert_eq!(ids.len(), products.len(), "an id stands twice");
        for product in &products {
            assert!(categories.contains_key(&product.category), "{}: unknown category", product.id);
            assert!(!product.description.en.as_str().is_empty(), "{}: no description", product.id);
            assert!(!product.description.ko.as_str().is_empty(), "{}: no description", product.id);
        }
    }

    #[test]
    fn inventory_is_shipped_with_stock_of_exactly_these_products() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../inventory/data/stock.json");
        let stock: BTreeMap<String, i64> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let products = shipped().unwrap().products;
        let sold: BTreeSet<String> = products.into_iter().map(|product| product.id.to_string()).collect();
        assert_eq!(stock.into_keys().collect::<BTreeSet<_>>(), sold);
    }
}
