//! What is sent, and how often of each kind.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Kind {
    /// CatalogService.ListProducts: the first page.
    ListProducts,
    /// CatalogService.SearchProducts: a word of some product's name.
    SearchProducts,
    /// CatalogService.GetProduct.
    GetProduct,
    /// OrdersService.PlaceOrder: one piece of one product.
    PlaceOrder,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::ListProducts, Self::SearchProducts, Self::GetProduct, Self::PlaceOrder];
    /// What a customer who looks around does, each as often as the others.
    const BROWSE: [Self; 3] = [Self::ListProducts, Self::SearchProducts, Self::GetProduct];

    /// The RPC's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListProducts => "ListProducts",
            Self::SearchProducts => "SearchProducts",
            Self::GetProduct => "GetProduct",
            Self::PlaceOrder => "PlaceOrder",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Orders, visits and searches, by weights: `order=1,browse=9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    order: u32,
    browse: u32,
    search: u32,
}

/// Why a text is no mix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// Not `kind=weight`.
    #[error("write a mix as order=1,browse=9, with weights from 0 to 1000000; `{0}` is not so")]
    Syntax(String),
    /// There is no such kind.
    #[error("there is no kind of call `{0}`; there are order, browse and search")]
    UnknownKind(String),
    /// A kind was named twice.
    #[error("`{0}` has two weights")]
    Twice(String),
    /// All weights are 0.
    #[error("one of the weights must be above 0")]
    Nothing,
}

impl Mix {
    const MAX_WEIGHT: u32 = 1_000_000;

    /// The kind that a number names, where all numbers are as likely.
    pub(crate) fn kind(self, draw: u64) -> Kind {
        let [order, browse, search] = [self.order, self.browse, self.search].map(u64::from);
        // In thirds of a weight, so that each of the three visits has its own.
        let at = draw % (3 * (order + browse + search)).max(1);
        if at < 3 * browse {
            Kind::BROWSE[usize::try_from(at % 3).unwrap_or_default()]
        } else if at < 3 * (browse + search) {
            Kind::SearchProducts
        } else {
            Kind::PlaceOrder
        }
    }

    /// Whether it has this kind at all.
    pub fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::PlaceOrder => self.order > 0,
            Kind::SearchProducts => self.browse > 0 || self.search > 0,
            Kind::ListProducts | Kind::GetProduct => self.browse > 0,
        }
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self { order: 1, browse: 9, search: 0 }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order={},browse={}", self.order, self.browse)?;
        match self.search {
            0 => Ok(()),
            search => write!(f, ",search={search}"),
        }
    }
}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let (mut order, mut browse, mut search) = (None, None, None);
        for part in text.split(',').map(str::trim) {
            let syntax = || MixError::Syntax(part.to_owned());
            let (kind, weight) = part.split_once('=').ok_or_else(syntax)?;
            let weight: u32 = weight.trim().parse().map_err(|_| syntax())?;
            let kept = match kind.trim() {
                "order" => &mut order,
                "browse" => &mut browse,
                "search" => &mut search,
                other => return Err(MixError::UnknownKind(other.to_owned())),
            };
            if weight > Self::MAX_WEIGHT {
                return Err(syntax());
            }
            if kept.replace(weight).is_some() {
                return Err(MixError::Twice(kind.trim().to_owned()));
            }
        }
        match [order, browse, search].map(Option::unwrap_or_default) {
            [0, 0, 0] => Err(MixError::Nothing),
            [order, browse, search] => Ok(Self { order, browse, search }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_as_it_is_written() {
        let mix: Mix = "order=1,browse=9".parse().unwrap();
        assert_eq!(mix, Mix::default());
        assert_eq!(mix.to_string().parse(), Ok(mix));
        assert_eq!("browse=1".parse(), Ok(Mix { order: 0, browse: 1, search: 0 }));
        assert_eq!(" order = 2 , browse = 0 ".parse(), Ok(Mix { order: 2, browse: 0, search: 0 }));
        let search: Mix = "search=1".parse().unwrap();
        assert_eq!(search.to_string().parse(), Ok(search));
    }

    #[test]
    fn what_is_no_mix_is_told() {
        for bad in ["", "order", "order=x", "order=-1", "order=1000001"] {
            assert!(matches!(bad.parse::<Mix>(), Err(MixError::Syntax(_))), "{bad}");
        }
        assert_eq!("watch=1".parse::<Mix>(), Err(MixError::UnknownKind("watch".into())));
        assert_eq!("order=1,order=2".parse::<Mix>(), Err(MixError::Twice("order".into())));
        assert_eq!("order=0".parse::<Mix>(), Err(MixError::Nothing));
    }

    #[test]
    fn each_kind_comes_as_often_as_its_weight_says() {
        let mix: Mix = "order=1,browse=9".parse().unwrap();
        let mut counts = std::collections::BTreeMap::new();
        for draw in 0..3_000 {
            *counts.entry(mix.kind(draw)).or_insert(0) += 1;
        }
        assert_eq!(Kind::ALL.map(|kind| counts[&kind]), [900, 900, 900, 300]);
        let searches: Mix = "search=2".parse().unwrap();
        assert!((0..9).all(|draw| searches.kind(draw) == Kind::SearchProducts));
        assert!(searches.has(Kind::SearchProducts) && !searches.has(Kind::GetProduct));
        let orders: Mix = "order=3".parse().unwrap();
        assert!((0..9).all(|draw| orders.kind(draw) == Kind::PlaceOrder));
    }
}
