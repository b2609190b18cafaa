use madang_types::{Grams, Money, MoneyError, ProductId, Quantity};

use super::Line;

/// What a customer wants: products and quantities, each product once.
pub type Cart = [(ProductId, Quantity)];

/// What the catalogue says of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The price of one.
    pub price: Money,
    /// The weight of one, packed.
    pub weight: Grams,
}

/// Why a cart has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CartError {
    /// Products, or the parcel, are priced in different currencies.
    #[error("the prices are in different currencies")]
    MixedCurrencies,
    /// The total does not fit.
    #[error("the total is too large")]
    TotalTooLarge,
}

impl From<MoneyError> for CartError {
    fn from(error: MoneyError) -> Self {
        match error {
            MoneyError::MixedCurrencies(..) | MoneyError::NotACurrency => Self::MixedCurrencies,
            MoneyError::Overflow | MoneyError::Negative => Self::TotalTooLarge,
        }
    }
}

/// A cart with prices, without its parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// The lines.
    pub lines: Vec<Line>,
    /// All lines together.
    pub goods: Money,
    /// The weight of all, in grams.
    pub weight_grams: i64,
}

impl Priced {
    /// Prices a cart. `offers` are of the cart's products, in its order.
    ///
    /// # Errors
    /// [`CartError`].
    pub fn new(cart: &Cart, offers: &[Offer]) -> Result<Self, CartError> {
        let mut goods: Option<Money> = None;
        let mut weight_grams: i64 = 0;
        let mut lines = Vec::with_capacity(cart.len());
        for ((product, quantity), offer) in cart.iter().zip(offers) {
            let price = offer.price.times(quantity.get())?;
            goods = Some(goods.map_or(Ok(price), |sum| sum.plus(price))?);
            weight_grams = weight_grams.saturating_add(offer.weight.get().saturating_mul(quantity.get()));
            lines.push(Line { product: product.clone(), quantity: *quantity, unit_price: offer.price });
        }
        let goods = goods.ok_or(CartError::TotalTooLarge)?;
        Ok(Self { lines, goods, weight_grams })
    }

    /// The total with the parcel.
    ///
    /// # Errors
    /// [`CartError`].
    pub fn total(&self, shipping: Money) -> Result<Money, CartError> {
        Ok(self.goods.plus(shipping)?)
    }
}
