//! `Debug` of the messages that hold a card's token: everything but the token.

use std::fmt;

use crate::orders::v1::PlaceOrderRequest;
use crate::payments::v1::AuthorizePaymentRequest;

const HIDDEN: &str = "(hidden)";

impl fmt::Debug for PlaceOrderRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaceOrderRequest")
            .field("request_id", &self.request_id)
            .field("customer_id", &self.customer_id)
            .field("lines", &self.lines)
            .field("address", &HIDDEN)
            .field("card_token", &HIDDEN)
            .finish()
    }
}

impl fmt::Debug for AuthorizePaymentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizePaymentRequest")
            .field("order_id", &self.order_id)
            .field("amount", &self.amount)
            .field("customer_id", &self.customer_id)
            .field("card_token", &HIDDEN)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_token_is_never_shown() {
        let token = "tok_secret".to_owned();
        let place = PlaceOrderRequest { card_token: token.clone(), ..PlaceOrderRequest::default() };
        let authorize = AuthorizePaymentRequest { card_token: token, ..AuthorizePaymentRequest::default() };
        assert!(!format!("{place:?}{authorize:?}").contains("tok_secret"));
    }
}
