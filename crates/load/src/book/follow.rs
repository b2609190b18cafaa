//! After the load: answers that were lost are asked for again, and every order is read until it is at its end.

use std::time::Duration;

use futures::{StreamExt, stream};
use madang_api::orders::v1::PlaceOrderRequest;
use madang_api::{error, within};
use tokio::time::sleep;
use tonic::{Code, Status};

use super::is_open;
use crate::shop::{Shop, orders};

/// Calls at once.
const AT_ONCE: usize = 8;
/// How long each of them may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The pause before an order is looked at again.
const PAUSE: Duration = Duration::from_millis(200);
/// A customer with more pages than this is a service that never ends them.
const MAX_PAGES: usize = 100_000;

/// Follows all orders until they are at their end, however long that takes. What is known so far is in the book at any time.
pub(crate) async fn follow(shop: &Shop) {
    let missing = shop.book().missing.len();
    shop.book().asked_again = super::count(missing);
    loop {
        let missing: Vec<PlaceOrderRequest> = shop.book().missing.values().cloned().collect();
        stream::iter(missing).for_each_concurrent(AT_ONCE, |request| ask_again(shop, request)).await;
        let waiting = shop.book().waiting();
        stream::iter(waiting.clone())
            .for_each_concurrent(AT_ONCE, |customer| read_list(shop, customer))
            .await;
        let unread = shop.book().unread(&waiting);
        stream::iter(unread).for_each_concurrent(AT_ONCE, |order_id| look_for(shop, order_id)).await;
        if shop.book().is_settled() {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// Asks once more by the same request_id.
async fn ask_again(shop: &Shop, request: PlaceOrderRequest) {
    let request_id = request.request_id.clone();
    let answer = orders::place(shop.channel(0), within(LIMIT, request)).await;
    let pause = answer.as_ref().err().and_then(error::retry_after);
    shop.book().repeat(&request_id, answer);
    sleep(pause.unwrap_or_default()).await;
}

/// Reads all orders of a customer.
async fn read_list(shop: &Shop, customer: String) {
    let mut token = String::new();
    for _ in 0..MAX_PAGES {
        let list = || orders::list(shop.channel(0), (customer.clone(), token.clone()), LIMIT);
        let Ok((orders, next)) = persist(list).await else { return };
        let mut book = shop.book();
        orders.iter().for_each(|order| book.read(order));
        drop(book);
        token = next;
        if token.is_empty() {
            return;
        }
    }
}

/// Reads an order that its customer's list does not have.
async fn look_for(shop: &Shop, order_id: String) {
    match persist(|| orders::get(shop.channel(0), order_id.clone(), LIMIT)).await {
        Ok(order) => shop.book().read(&order),
        Err(status) if status.code() == Code::NotFound => {
            shop.book().lost.insert(order_id);
        }
        Err(_) => {}
    }
}

/// Reads until there is an answer. Whoever calls bounds the time.
async fn persist<T, F>(read: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    loop {
        match read().await {
            Err(status) if is_open(&status) => sleep(error::retry_after(&status).unwrap_or(PAUSE)).await,
            answer => return answer,
        }
    }
}
