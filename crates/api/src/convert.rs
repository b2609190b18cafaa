//! The shared types of proto/ and of `madang_types`, one into the other.

use std::collections::HashSet;

use jiff::Timestamp;
use madang_types::{Address, Currency, Money, ProductId, Quantity};

use crate::Violations;
use crate::types::v1;

/// Lines of an order or a reservation at most.
pub const MAX_LINES: usize = 100;
/// Ids in a batch at most.
pub const MAX_IDS: usize = 200;

impl From<Money> for v1::Money {
    fn from(money: Money) -> Self {
        Self { minor_units: money.minor_units(), currency_code: money.currency().to_string() }
    }
}

impl From<&Address> for v1::Address {
    fn from(address: &Address) -> Self {
        Self {
            region_code: address.region().to_string(),
            postal_code: address.postal_code().to_owned(),
            recipient: address.recipient().to_owned(),
            address_lines: address.lines().to_vec(),
        }
    }
}

/// A Timestamp of a moment.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// The moment of a Timestamp; none outside the years -9999 to 9999.
pub fn moment(time: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// Reads a required amount of zero or more.
pub fn money(violations: &mut Violations, path: &str, value: Option<&v1::Money>) -> Option<Money> {
    let value = violations.required(path, value)?;
    let currency: Option<Currency> = violations.parse(format!("{path}.currency_code"), &value.currency_code);
    let units = match value.minor_units {
        0.. => Ok(value.minor_units),
        _ => Err("must not be negative"),
    };
    let units = violations.check(format!("{path}.minor_units"), units);
    Money::new(units?, currency?).ok()
}

/// Reads a required address.
pub fn address(violations: &mut Violations, path: &str, value: Option<v1::Address>) -> Option<Address> {
    let value = violations.required(path, value)?;
    Address::new(&value.region_code, value.postal_code, value.recipient, value.address_lines)
        .map_err(|errors| {
            for (field, error) in errors {
                violations.add(format!("{path}.{field}"), "INVALID_VALUE", error);
            }
        })
        .ok()
}

/// Reads 1 to [`MAX_IDS`] product ids, each once.
pub fn product_ids(violations: &mut Violations, path: &str, ids: &[String]) -> Option<Vec<ProductId>> {
    if !(1..=MAX_IDS).contains(&ids.len()) {
        violations.add(path, "INVALID_VALUE", format_args!("must be 1 to {MAX_IDS} ids"));
        return None;
    }
    let mut seen = HashSet::new();
    let mut read = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !seen.insert(id) {
            violations.add(path.clone(), "DUPLICATE", "stands earlier in the list");
        }
        read.extend(violations.parse::<ProductId>(path, id));
    }
    (read.len() == ids.len()).then_some(read)
}

/// Reads 1 to [`MAX_LINES`] lines, each product once.
pub fn lines(
    violations: &mut Violations,
    path: &str,
    lines: &[v1::ProductQuantity],
) -> Option<Vec<(ProductId, Quantity)>> {
    if !(1..=MAX_LINES).contains(&lines.len()) {
        violations.add(path, "INVALID_VALUE", format_args!("must be 1 to {MAX_LINES} lines"));
        return None;
    }
    let mut seen = HashSet::new();
    let mut read = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let product = violations.parse::<ProductId>(format!("{path}[{index}].product_id"), &line.product_id);
        let quantity =
            violations.check(format!("{path}[{index}].quantity"), Quantity::try_from(line.quantity));
        if !seen.insert(line.product_id.as_str()) {
            violations.add(format!("{path}[{index}].product_id"), "DUPLICATE", "stands in an earlier line");
        }
        read.extend(product.zip(quantity));
    }
    (read.len() == lines.len()).then_some(read)
}

/// Lines as proto/ has them.
pub fn proto_lines(lines: &[(ProductId, Quantity)]) -> Vec<v1::ProductQuantity> {
    let line = |(product, quantity): &(ProductId, Quantity)| v1::ProductQuantity {
        product_id: product.to_string(),
        quantity: quantity.get(),
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error;

    fn line(product_id: &str, quantity: i64) -> v1::ProductQuantity {
        v1::ProductQuantity { product_id: product_id.into(), quantity }
    }

    #[test]
    fn every_bad_line_is_named() {
        let mut violations = Violations::default();
        let given = [line("tea-cup", 0), line("Tea", 1), line("jar-one", 1), line("jar-one", i64::MAX)];
        assert_eq!(lines(&mut violations, "lines", &given), None);
        let status = violations.all((None::<()>,)).unwrap_err();
        let fields: Vec<_> =
            error::violations(&status).into_iter().map(|violation| violation.field).collect();
        let expected =
            ["lines[0].quantity", "lines[1].product_id", "lines[3].quantity", "lines[3].product_id"];
        assert_eq!(fields, expected);
    }

    #[test]
    fn no_lines_and_too_many_are_refused() {
        for given in [vec![], vec![line("tea-cup", 1); 101]] {
            let mut violations = Violations::default();
            assert_eq!(lines(&mut violations, "lines", &given), None);
            assert!(!violations.is_empty());
        }
    }

    #[test]
    fn money_names_both_of_its_bad_parts() {
        let mut violations = Violations::default();
        let bad = v1::Money { minor_units: -1, currency_code: "usd".into() };
        assert_eq!(money(&mut violations, "amount", Some(&bad)), None);
        let status = violations.all((None::<()>,)).unwrap_err();
        assert_eq!(error::violations(&status).len(), 2);
    }
}
