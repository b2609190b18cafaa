//! Every RPC through the real server: its success, each of its error reasons, and what a bad event leaves behind.
#![cfg(test)]

#[path = "grpc/events.rs"]
mod events;
#[path = "grpc/shop.rs"]
mod shop;
#[path = "grpc/watching.rs"]
mod watching;

use madang_api::notifications::v1::ListNotificationsRequest;
use shop::{Shop, confirmed, invalid, order, refusal};
use tonic::Code;

fn page(customer_id: &str, page_size: i32, page_token: &str) -> ListNotificationsRequest {
    ListNotificationsRequest { customer_id: customer_id.into(), page_size, page_token: page_token.into() }
}

/// Tells mina of so many orders; gives their ids.
async fn tell(shop: &mut Shop, orders: u64) -> Vec<String> {
    let orders: Vec<_> = (0..orders).map(order).collect();
    for order in &orders {
        shop.publish("orders", order, &confirmed(order, "mina")).await;
    }
    orders
}

#[tokio::test(start_paused = true)]
async fn pages_lead_from_the_newest_to_the_oldest() {
    let mut shop = Shop::open();
    let mut orders = tell(&mut shop, 7).await;
    orders.reverse();
    for size in [1, 2, 3, 7, 200, 1_000] {
        let (mut listed, mut token) = (Vec::new(), String::new());
        loop {
            let answer = shop.list(page("mina", size, &token)).await.unwrap();
            assert!(answer.notifications.len() <= usize::try_from(size).unwrap());
            listed.extend(answer.notifications.into_iter().map(|told| told.order_id));
            token = answer.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(listed, orders, "pages of {size}");
    }
    assert_eq!(shop.list(page("jun", 0, "")).await.unwrap().notifications, []);
}

#[tokio::test(start_paused = true)]
async fn what_comes_between_two_pages_repeats_and_loses_nothing() {
    let mut shop = Shop::open();
    let orders = tell(&mut shop, 4).await;
    let first = shop.list(page("mina", 2, "")).await.unwrap();
    shop.publish("orders", &order(50), &confirmed(&order(50), "mina")).await;
    let second = shop.list(page("mina", 2, &first.next_page_token)).await.unwrap();
    let listed: Vec<_> =
        first.notifications.into_iter().chain(second.notifications).map(|told| told.order_id).collect();
    assert_eq!(listed, orders.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_list_names_all_that_is_wrong() {
    let mut shop = Shop::open();
    for customer in ["", "a b", &"x".repeat(65)] {
        assert_eq!(invalid(shop.list(page(customer, -1, "")).await), ["customer_id", "page_size"]);
        assert_eq!(invalid(shop.watch(customer).await), ["customer_id"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_this_list_did_not_give_is_refused() {
    let mut shop = Shop::open();
    tell(&mut shop, 3).await;
    let token = shop.list(page("mina", 1, "")).await.unwrap().next_page_token;
    let refused = (Code::InvalidArgument, "INVALID_PAGE_TOKEN".to_owned());
    for forged in ["x", "AAAA", "not base64!", &token[1..]] {
        assert_eq!(refusal(shop.list(page("mina", 1, forged)).await), refused, "{forged}");
    }
    assert_eq!(refusal(shop.list(page("jun", 1, &token)).await), refused, "another customer's");
}
