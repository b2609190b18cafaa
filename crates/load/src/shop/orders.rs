use std::time::Duration;

use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{
    GetOrderRequest, ListOrdersRequest, ListOrdersResponse, Order, PlaceOrderRequest,
};
use madang_api::types::v1::{Address, ProductQuantity};
use madang_api::within;
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::{Builder, Uuid};

use super::PAGE_SIZE;
use crate::intent::Intent;
use crate::random::mixed;

/// The customers of a run. Each has some of its orders, so that their lists can be read side by side.
const CUSTOMERS: u64 = 32;

/// Who orders in this run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buyer {
    run: Uuid,
}

impl Buyer {
    pub(crate) fn new(run: Uuid) -> Self {
        Self { run }
    }

    /// The order of an intent: one piece, with a card that works, and with a request_id that no other has.
    pub(crate) fn request(self, Intent { number, .. }: Intent, product_id: &str) -> PlaceOrderRequest {
        let address = Address {
            region_code: "KR".to_owned(),
            postal_code: "04524".to_owned(),
            recipient: "Load Customer".to_owned(),
            address_lines: vec!["1 Courtyard Road".to_owned()],
        };
        let customer = number % CUSTOMERS;
        PlaceOrderRequest {
            request_id: self.request_id(number).to_string(),
            customer_id: format!("load-{}-{customer}", self.run.simple()),
            lines: vec![ProductQuantity { product_id: product_id.to_owned(), quantity: 1 }],
            address: Some(address),
            card_token: "tok_visa".to_owned(),
        }
    }

    /// Spread over all UUIDs, as those of independent clients are.
    fn request_id(self, number: u64) -> Uuid {
        let (high, low) = self.run.as_u64_pair();
        let bits =
            u128::from(high ^ mixed(number.wrapping_add(1))) << 64 | u128::from(low.wrapping_add(number));
        Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }
}

/// Places an order.
pub(crate) async fn place(channel: Channel, request: Request<PlaceOrderRequest>) -> Result<Order, Status> {
    let answer = OrdersServiceClient::new(channel).place_order(request).await?;
    answer.into_inner().order.ok_or_else(|| Status::internal("the answer has no order"))
}

/// Reads an order.
pub(crate) async fn get(channel: Channel, order_id: String, limit: Duration) -> Result<Order, Status> {
    let answer =
        OrdersServiceClient::new(channel).get_order(within(limit, GetOrderRequest { order_id })).await?;
    answer.into_inner().order.ok_or_else(|| Status::internal("the answer has no order"))
}

/// Reads a page of a customer's orders; answers the next page's token too.
pub(crate) async fn list(
    channel: Channel,
    (customer_id, page_token): (String, String),
    limit: Duration,
) -> Result<(Vec<Order>, String), Status> {
    let request = ListOrdersRequest { customer_id, page_size: PAGE_SIZE, page_token };
    let answer = OrdersServiceClient::new(channel).list_orders(within(limit, request)).await?;
    let ListOrdersResponse { orders, next_page_token } = answer.into_inner();
    Ok((orders, next_page_token))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use madang_types::{CustomerId, RequestId};
    use tokio::time::Instant;

    use super::*;
    use crate::mix::Kind;

    #[test]
    fn every_order_of_every_run_has_a_request_id_of_its_own() {
        let runs = [Uuid::from_u128(1), Uuid::from_u128(1 << 90), Uuid::from_u128(u128::MAX / 3)];
        let ids =
            runs.map(|run| (0..1_000).map(|number| Buyer::new(run).request_id(number)).collect::<Vec<_>>());
        let all: BTreeSet<&Uuid> = ids.iter().flatten().collect();
        assert_eq!(all.len(), 3_000);
    }

    #[test]
    fn an_order_names_what_the_shop_takes_for_ids() {
        let intent = Intent { number: 7, at: Instant::now(), kind: Kind::PlaceOrder, draw: 0 };
        let request = Buyer::new(Uuid::from_u128(9)).request(intent, "celadon-tea-cup");
        assert!(request.request_id.parse::<RequestId>().is_ok());
        assert!(request.customer_id.parse::<CustomerId>().is_ok());
        assert_eq!(request.lines[0].product_id, "celadon-tea-cup");
    }
}
