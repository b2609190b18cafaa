//! The order that a call belongs to, between services: W3C Baggage one way, a header of the answer the other.

use http::{HeaderMap, HeaderName, HeaderValue};
use madang_types::OrderId;

use super::names;

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
/// Tells a caller which order its call turned out to be about.
const ANSWER: HeaderName = HeaderName::from_static("madang-order-id");
/// The standard's own limit, in bytes.
const LONGEST: usize = 8192;

/// The order that a caller names. What is too long or cannot be read counts as none, and is told once.
pub(crate) fn of(headers: &HeaderMap) -> Option<OrderId> {
    let given = headers.get(BAGGAGE)?;
    if given.len() > LONGEST {
        super::warn_once!(
            "a caller's baggage is larger than 8192 bytes: it is ignored, here and from now on"
        );
        return None;
    }
    let members = given.to_str().ok()?.split(',');
    let ours =
        members.filter_map(|member| member.split_once('=')).find(|(key, _)| key.trim() == names::ORDER);
    ours.and_then(|(_, value)| value.split(';').next()?.trim().parse().ok())
}

/// Names the order to a service that is called. Whatever else the baggage held stays outside.
pub(super) fn inject(order: Option<OrderId>, headers: &mut HeaderMap) {
    let value = order.and_then(|id| HeaderValue::try_from(format!("{}={id}", names::ORDER)).ok());
    match value {
        Some(value) => drop(headers.insert(BAGGAGE, value)),
        None => drop(headers.remove(BAGGAGE)),
    }
}

/// The order that an answer names.
pub(crate) fn answered(headers: &HeaderMap) -> Option<OrderId> {
    headers.get(ANSWER)?.to_str().ok()?.parse().ok()
}

/// Names the order in an answer.
pub(crate) fn answer(order: OrderId, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::try_from(order.to_string()) {
        headers.insert(ANSWER, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn read(baggage: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(BAGGAGE, HeaderValue::try_from(baggage).unwrap());
        of(&headers).map(|id| id.to_string())
    }

    #[test]
    fn an_order_goes_with_the_call() {
        let mut headers = HeaderMap::new();
        inject(ID.parse().ok(), &mut headers);
        assert_eq!(of(&headers).unwrap().to_string(), ID);
        inject(None, &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn an_order_is_found_among_others_things() {
        assert_eq!(read(&format!("user=7, madang.order.id = {ID};ttl=3 ,b=2")).as_deref(), Some(ID));
    }

    #[test]
    fn baggage_that_is_no_order_is_none() {
        let long = format!("a={},madang.order.id={ID}", "x".repeat(LONGEST));
        for bad in ["", "=", "madang.order.id", "madang.order.id=7", "order=1", &long] {
            assert_eq!(read(bad), None);
        }
    }
}
