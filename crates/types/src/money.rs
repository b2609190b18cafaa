use std::fmt;
use std::str::FromStr;

/// Why an amount cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three capital letters.
    #[error("currency_code must be three capital letters, as in ISO 4217")]
    NotACurrency,
    /// Below zero where only zero and more makes sense.
    #[error("minor_units must not be negative")]
    Negative,
    /// Two currencies in one sum.
    #[error("{0} and {1} cannot be added")]
    MixedCurrencies(Currency, Currency),
    /// More than an i64 holds.
    #[error("the amount is too large")]
    Overflow,
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency of the shipped catalogue.
    pub const USD: Self = Self(*b"USD");

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(MoneyError::NotACurrency),
        }
    }
}

/// An amount in the currency's minor unit, zero or more. Sums are checked; there is no float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor_units: i64,
    currency: Currency,
}

impl Money {
    /// An amount of `minor_units` (1999 is 19.99 USD).
    ///
    /// # Errors
    /// [`MoneyError::Negative`] below zero.
    pub const fn new(minor_units: i64, currency: Currency) -> Result<Self, MoneyError> {
        if minor_units < 0 {
            return Err(MoneyError::Negative);
        }
        Ok(Self { minor_units, currency })
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor_units: 0, currency }
    }

    /// The amount in minor units, zero or more.
    pub const fn minor_units(self) -> i64 {
        self.minor_units
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Both amounts together.
    ///
    /// # Errors
    /// [`MoneyError::MixedCurrencies`], [`MoneyError::Overflow`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor_units = self.minor_units.checked_add(other.minor_units).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor_units, ..self })
    }

    /// What is left when `other` is taken away.
    ///
    /// # Errors
    /// [`MoneyError::MixedCurrencies`]; [`MoneyError::Negative`] where `other` is more.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Self::new(self.minor_units - other.minor_units, self.currency)
    }

    /// The amount `factor` times, zero times or more.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`]; [`MoneyError::Negative`] for a factor below zero.
    pub fn times(self, factor: i64) -> Result<Self, MoneyError> {
        let minor_units = self.minor_units.checked_mul(factor).ok_or(MoneyError::Overflow)?;
        Self::new(minor_units, self.currency)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        match self.currency == other.currency {
            true => Ok(()),
            false => Err(MoneyError::MixedCurrencies(self.currency, other.currency)),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} {}", self.minor_units / 100, self.minor_units % 100, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(minor_units: i64) -> Money {
        Money::new(minor_units, Currency::USD).unwrap()
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!("USD".parse(), Ok(Currency::USD));
        for bad in ["", "US", "usd", "USDX", "원화"] {
            assert_eq!(bad.parse::<Currency>(), Err(MoneyError::NotACurrency), "{bad}");
        }
    }

    #[test]
    fn sums_never_wrap_nor_mix() {
        let won = Money::new(1, "KRW".parse().unwrap()).unwrap();
        assert_eq!(usd(1).plus(won), Err(MoneyError::MixedCurrencies(Currency::USD, won.currency())));
        assert_eq!(usd(i64::MAX).plus(usd(1)), Err(MoneyError::Overflow));
        assert_eq!(usd(i64::MAX).times(2), Err(MoneyError::Overflow));
        assert_eq!(usd(1).minus(usd(2)), Err(MoneyError::Negative));
        assert_eq!(usd(1).times(-1), Err(MoneyError::Negative));
    }

    proptest! {
        #[test]
        fn taking_away_what_was_added_gives_the_first(a in 0..i64::MAX / 2, b in 0..i64::MAX / 2) {
            prop_assert_eq!(usd(a).plus(usd(b)).and_then(|sum| sum.minus(usd(b))), Ok(usd(a)));
        }
    }
}
