use std::str::FromStr;

use madang_api::types::v1::ProductQuantity;

/// A line of an order as it is written: `celadon-tea-cup=2`, or `celadon-tea-cup` for one piece. The shop checks both parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    product_id: String,
    quantity: i64,
}

impl FromStr for Line {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (product_id, quantity) = text.split_once('=').unwrap_or((text, "1"));
        let quantity =
            quantity.parse().map_err(|_| "write a line as PRODUCT=QUANTITY, such as celadon-tea-cup=2")?;
        Ok(Self { product_id: product_id.to_owned(), quantity })
    }
}

impl From<Line> for ProductQuantity {
    fn from(Line { product_id, quantity }: Line) -> Self {
        Self { product_id, quantity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_product_and_a_number_of_pieces() {
        let line = |product_id: &str, quantity| Ok(Line { product_id: product_id.into(), quantity });
        assert_eq!("celadon-tea-cup=2".parse(), line("celadon-tea-cup", 2));
        assert_eq!("celadon-tea-cup".parse(), line("celadon-tea-cup", 1));
        assert_eq!(
            "celadon-tea-cup=0".parse(),
            line("celadon-tea-cup", 0),
            "the shop refuses it, with a reason"
        );
        assert!("celadon-tea-cup=two".parse::<Line>().is_err());
    }
}
