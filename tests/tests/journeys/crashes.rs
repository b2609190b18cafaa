//! Each process is killed (SIGKILL) while orders are in flight, and starts again. Nothing is lost, nothing is done twice.

use futures::future::join_all;
use madang_api::orders::v1::{Order, OrderState};
use madang_tests::customer::{Customer, PLENTY, SHORT};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop, audit};

const IN_FLIGHT: usize = 10;
/// It waits a second at payments, so that the process dies while it does.
const SLOW: &str = "tok_slow";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_in_flight_survive_the_death_of_each_process() {
    let mut shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "leo");
    let mut placed = 0;
    for victim in Service::ALL {
        let orders = survive(&mut shop, &customer, victim).await;
        placed += orders.len();
        let states: Vec<OrderState> = orders.iter().map(Order::state).collect();
        assert!(states.len() >= IN_FLIGHT, "{states:?}");
        assert!(
            states.iter().all(|state| *state == OrderState::Confirmed),
            "after {victim} was killed: {states:?}"
        );
    }
    let orders = customer.list().await.unwrap();
    assert_eq!(orders.len(), placed, "each request gave one order");
    customer.told_once_of(&orders).await.unwrap();
    let report = audit::clean(&shop).await.unwrap();
    assert_eq!(report["orders"]["CONFIRMED"], placed, "{report:#}");
}

/// Places orders, kills the victim when they are on their way, starts it again, and follows the orders to their end.
async fn survive(shop: &mut Shop, customer: &Customer, victim: Service) -> Vec<Order> {
    let requests: Vec<_> = (0..IN_FLIGHT)
        .map(|index| {
            let mut request = customer.wants(PLENTY, 1);
            if index % 2 == 0 {
                request.card_token = SLOW.to_owned();
            }
            request
        })
        .collect();
    let first = join_all(requests.iter().map(|request| customer.place(SHORT, request.clone())));
    let mut more = Vec::new();
    let crash = async {
        let under_way = async || {
            let orders = customer.list().await?;
            if orders.is_empty() || orders.iter().any(|order| order.state() == OrderState::Pending) {
                return Ok((!orders.is_empty()).then_some(()));
            }
            // On a busy machine all of them may be done before anybody looks.
            let mut request = customer.wants(PLENTY, 1);
            request.card_token = SLOW.to_owned();
            more.push(request.clone());
            Ok(customer.place(SHORT, request).await.ok().and(None))
        };
        wait::until("an order to be under way", PATIENCE, under_way).await.unwrap();
        shop.kill_nine(victim).unwrap();
    };
    // Answers may be lost; what became of the orders is seen by asking again.
    let (_lost, ()) = futures::join!(first, crash);
    shop.start(victim).await.unwrap();
    let all = requests.into_iter().chain(more);
    let orders = join_all(all.map(|request| customer.complete(request))).await;
    orders.into_iter().map(Result::unwrap).collect()
}
