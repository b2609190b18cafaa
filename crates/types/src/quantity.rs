use std::num::NonZeroU32;

/// Why a number is no quantity or weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {max}")]
pub struct QuantityError {
    /// The largest value allowed.
    pub max: u32,
}

macro_rules! counted {
    ($($(#[$doc:meta])* $name:ident, $max:literal, $unit:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The largest value.
            pub const MAX: u32 = $max;

            #[doc = concat!("The number of ", $unit, ", 1 to [`Self::MAX`].")]
            pub const fn get(self) -> i64 {
                self.0.get() as i64
            }
        }

        impl TryFrom<i64> for $name {
            type Error = QuantityError;

            fn try_from(value: i64) -> Result<Self, QuantityError> {
                u32::try_from(value)
                    .ok()
                    .filter(|value| *value <= Self::MAX)
                    .and_then(NonZeroU32::new)
                    .map(Self)
                    .ok_or(QuantityError { max: Self::MAX })
            }
        }
    )*};
}

counted! {
    /// Pieces of one product in one line.
    Quantity, 1_000_000, "pieces";
    /// The weight of a piece or a parcel.
    Grams, 1_000_000, "grams";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_negative_and_too_many_are_refused() {
        for bad in [0, -1, 1_000_001, i64::MAX, i64::MIN] {
            assert_eq!(Quantity::try_from(bad), Err(QuantityError { max: 1_000_000 }), "{bad}");
        }
        assert_eq!(Quantity::try_from(1_000_000).map(Quantity::get), Ok(1_000_000));
    }
}
