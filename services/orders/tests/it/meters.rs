//! What the saga counts.

use std::time::Duration;

use madang_api::orders::v1::OrderState;

use crate::participants::Answer::{Lost, Refused};
use crate::world::{World, two_cups};

#[track_caller]
fn told(world: &World, lines: &[&str]) {
    let text = world.metrics();
    for line in lines {
        assert!(text.lines().any(|told| told == *line), "{line} is not in\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn sagas_are_counted_by_their_outcome_and_steps_by_their_repeats() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", [Lost, Lost]);
    let order = world.place(two_cups(1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    world.participants.answer("AuthorizePayment", [Refused("CARD_DECLINED")]);
    world.participants.answer("ReleaseStock", [Lost]);
    assert_eq!(world.place(two_cups(2)).await.unwrap().state(), OrderState::Rejected);
    let cancelled = world.cancel(3, &order).await.unwrap();
    world.reaches(&cancelled, OrderState::Cancelled).await;
    world.participants.answer("AuthorizePayment", [Refused("CARD_DECLINED")]);
    world.participants.answer("ReleaseStock", [Refused("RESERVATION_SOLD")]);
    assert_eq!(world.place(two_cups(4)).await.unwrap().state(), OrderState::Stuck);
    told(
        &world,
        &[
            "madang_saga_started_total 3.0",
            "madang_saga_resumed_total 1.0",
            "madang_saga_finished_total{outcome=\"confirmed\"} 1",
            "madang_saga_finished_total{outcome=\"rejected\"} 1",
            "madang_saga_finished_total{outcome=\"cancelled\"} 1",
            "madang_saga_finished_total{outcome=\"stuck\"} 1",
            "madang_saga_finished_total{outcome=\"kept\"} 0",
            "madang_saga_steps_retried_total{step=\"authorize-payment\",direction=\"forward\"} 2.0",
            "madang_saga_steps_retried_total{step=\"reserve-stock\",direction=\"backward\"} 1.0",
            "madang_saga_steps_retried_total{step=\"arrange-shipment\",direction=\"forward\"} 0.0",
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn an_open_saga_grows_old_until_it_ends() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", std::iter::repeat_n(Lost, 50));
    let order = world.place_in_a_hurry(two_cups(1)).await;
    // Longer than the pause between two scans.
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.clock.advance(Duration::from_secs(90));
    told(&world, &["madang_saga_oldest_age_seconds 90.0", "madang_saga_in_flight 1.0"]);
    world.reaches(&order, OrderState::Confirmed).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    told(&world, &["madang_saga_oldest_age_seconds 0.0", "madang_saga_in_flight 0.0"]);
}
