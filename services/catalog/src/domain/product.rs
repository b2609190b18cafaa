use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use madang_types::{Grams, Money, ProductId};

use super::Text;

/// A product's or a category's name in one language.
pub type Name = Text<1, 120>;
/// What a product is, in one language.
pub type Description = Text<0, 2_000>;
/// A word or two by which a product is found.
pub type Tag = Text<1, 40>;
/// The names of the categories.
pub type Categories = BTreeMap<Category, Localized<Name>>;

/// A text in the languages of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Localized<T> {
    /// English.
    pub en: T,
    /// Korean.
    pub ko: T,
}

/// Why a text is no category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 48 of a-z, 0-9 and hyphen")]
pub struct CategoryError;

/// Names a category: 1 to 48 of a-z, 0-9 and hyphen, such as `tea`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Category(String);

impl Category {
    /// The category as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Category {
    type Err = CategoryError;

    fn from_str(text: &str) -> Result<Self, CategoryError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        match (1..=48).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(CategoryError),
        }
    }
}

/// Why an amount is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be more than 0")]
pub struct PriceError;

/// What one piece costs: more than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price(Money);

impl Price {
    /// The amount, more than zero.
    pub fn money(self) -> Money {
        self.0
    }
}

impl TryFrom<Money> for Price {
    type Error = PriceError;

    fn try_from(money: Money) -> Result<Self, PriceError> {
        if money.minor_units() > 0 { Ok(Self(money)) } else { Err(PriceError) }
    }
}

/// Why there are no tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at most {} tags", Tags::MAX)]
pub struct TagsError;

/// Words by which a product is found besides its name, at most [`Tags::MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// Tags of one product at most.
    pub const MAX: usize = 16;

    /// The tags, as they were given.
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }
}

impl TryFrom<Vec<Tag>> for Tags {
    type Error = TagsError;

    fn try_from(tags: Vec<Tag>) -> Result<Self, TagsError> {
        if tags.len() <= Self::MAX { Ok(Self(tags)) } else { Err(TagsError) }
    }
}

/// Something that can be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id, which never changes.
    pub id: ProductId,
    /// Its name.
    pub name: Localized<Name>,
    /// What it is; may be empty.
    pub description: Localized<Description>,
    /// Where it stands in the shop.
    pub category: Category,
    /// Words by which it is found too.
    pub tags: Tags,
    /// The price of one piece.
    pub price: Price,
    /// The weight of one piece, packed.
    pub weight: Grams,
}

#[cfg(test)]
mod tests {
    use madang_types::Currency;

    use super::*;

    #[test]
    fn a_category_is_a_slug() {
        assert_eq!("tea".parse::<Category>().unwrap().as_str(), "tea");
        for bad in ["", "Tea", "tea ware", "차", &"x".repeat(49)] {
            assert_eq!(bad.parse::<Category>(), Err(CategoryError), "{bad}");
        }
    }

    #[test]
    fn nothing_is_free() {
        let cents = |n| Money::new(n, Currency::USD).unwrap();
        assert_eq!(Price::try_from(cents(0)), Err(PriceError));
        assert_eq!(Price::try_from(cents(1)).map(Price::money), Ok(cents(1)));
    }

    #[test]
    fn sixteen_tags_are_the_most() {
        let tags = |n| vec!["tea".parse::<Tag>().unwrap(); n];
        assert_eq!(Tags::try_from(tags(16)).map(|tags| tags.as_slice().len()), Ok(16));
        assert_eq!(Tags::try_from(tags(17)), Err(TagsError));
    }
}
