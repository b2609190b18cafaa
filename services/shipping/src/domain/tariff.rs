use madang_types::{Currency, Grams, Money, MoneyError, RegionCode};

/// The heaviest parcel, in grams.
pub const MAX_PARCEL_GRAMS: i64 = 30_000;

/// What each step of the price covers, in grams.
const STEP_GRAMS: i64 = 500;

const ASIA: [&str; 11] = ["CN", "HK", "ID", "JP", "MO", "MY", "PH", "SG", "TH", "TW", "VN"];

/// The European Union, and seven countries beyond.
const WORLD: [&str; 34] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", //
    "AU", "CA", "CH", "GB", "NO", "NZ", "US",
];

/// Why no parcel is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The country is in no zone.
    #[error("no parcels go to this region")]
    RegionNotServed,
    /// Heavier than [`MAX_PARCEL_GRAMS`].
    #[error("a parcel weighs at most {MAX_PARCEL_GRAMS} grams")]
    TooHeavy,
}

/// Countries that cost the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Korea.
    Domestic,
    /// East and South-East Asia.
    Asia,
    /// The European Union, North America and a few more.
    World,
}

impl Zone {
    /// The zone that a parcel of this weight goes to.
    ///
    /// # Errors
    /// [`Refusal::RegionNotServed`], [`Refusal::TooHeavy`]; the region first where both hold.
    pub fn of(region: RegionCode, weight: Grams) -> Result<Self, Refusal> {
        let zone = match region.as_str() {
            "KR" => Self::Domestic,
            region if ASIA.contains(&region) => Self::Asia,
            region if WORLD.contains(&region) => Self::World,
            _ => return Err(Refusal::RegionNotServed),
        };
        if weight.get() > MAX_PARCEL_GRAMS { Err(Refusal::TooHeavy) } else { Ok(zone) }
    }

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Domestic => "domestic",
            Self::Asia => "asia",
            Self::World => "world",
        }
    }

    /// The price of a parcel of this weight, in USD.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`]: a defect of the tariff.
    pub fn price(self, weight: Grams) -> Result<Money, MoneyError> {
        let started = (weight.get() + STEP_GRAMS - 1) / STEP_GRAMS;
        let (base, step) = self.tariff();
        Money::new(base, Currency::USD)?.plus(Money::new(step, Currency::USD)?.times(started)?)
    }

    /// The base price, and that of each started 500 g, in US cents.
    fn tariff(self) -> (i64, i64) {
        match self {
            Self::Domestic => (2_50, 50),
            Self::Asia => (8_00, 3_00),
            Self::World => (12_00, 5_50),
        }
    }
}
