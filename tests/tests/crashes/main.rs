//! The crash suite: each process dies at each of its points, as by `kill -9`, while customers' orders go all the ways that
//! there are. It starts again, and then nothing was lost and nothing was done twice.
//!
//! The points are those of the crate madang-crash: before and after each commit, message and remote call. A first run learns
//! which there are and how often each is reached; then each is visited. `make test` makes a sample of the visits, `make
//! test-crash` all of them.
#![expect(clippy::print_stdout, reason = "the suite says what it has seen")]

mod books;
mod controls;
mod lanes;
mod late;
mod plan;
mod recording;
mod scenario;
mod visit;

use controls::{Control, caught_by, lose_commits};
use madang_tests::{Service, Shop};
use plan::Plan;
use recording::Recording;
use tokio::time::Instant;
use visit::Death;

/// For who sees a visit fail.
const HINT: &str = "make one visit again with MADANG_CRASH_POINT='…' make test-crash";

#[test]
fn nothing_is_lost_or_done_twice_wherever_processes_die() {
    let recording = lanes::block_on(Recording::of_a_visit()).unwrap();
    let points = recording.points();
    println!("points: {points:?}");
    let Plan { seed, visits, left_out } = Plan::of_this_run(&recording).unwrap();
    if !left_out.is_empty() {
        println!("left out, because only chance leads there: {left_out:?}");
    }
    let (begun, planned) = (Instant::now(), visits.len());
    println!("{planned} visits by seed {seed}");
    let tally = lanes::make(visits);
    println!(
        "crash suite: {} points, {} runs, {} deaths, {} orders audited, {} s",
        points.values().sum::<usize>(),
        tally.visits,
        tally.deaths,
        tally.orders,
        begun.elapsed().as_secs()
    );
    assert!(tally.failures.is_empty(), "{HINT}, with seed {seed}:\n{}", tally.failures.join("\n\n"));
    assert_eq!(tally.visits, planned);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_point_that_nobody_reaches_fails_its_visit() {
    let mut shop = Shop::open().await.unwrap();
    let nowhere = Death {
        service: Service::Payments,
        point: "commit/nothing/before".to_owned(),
        hit: 1,
        stalls: false,
    };
    let missed = visit::visit(&mut shop, &[nowhere], controls::PATIENCE).await.unwrap_err().to_string();
    assert!(missed.contains("was not reached"), "{missed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_survives_deaths_while_it_opens_for_the_first_time() {
    let recording = Recording::of_an_opening().await.unwrap();
    let openings = plan::openings(&recording);
    let mut deaths = 0;
    for opening in &openings {
        let named: Vec<_> = opening.iter().map(ToString::to_string).collect();
        visit::open(opening).await.unwrap_or_else(|error| panic!("{}: {error:#}", named.join(", ")));
        deaths += opening.len();
    }
    println!("{} openings, {deaths} deaths", openings.len());
    assert!(deaths >= 15, "{openings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_is_delivered_after_its_undo_is_refused() {
    let mut shop = Shop::open().await.unwrap();
    late::step_after_undo(&mut shop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tombstones_it_is_done() {
    let Some(mut shop) = Control::Tombstones.open().await else { return };
    let caught = late::step_after_undo(&mut shop).await.unwrap_err();
    println!("without {:?}: {}", Control::Tombstones, caught_by(&caught));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_outbox_the_suite_fails() {
    fails(
        Control::Outbox,
        &[(Service::Orders, "commit/order-path/after"), (Service::Payments, "commit/cursor/after")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_cursor_that_moves_the_suite_fails() {
    fails(Control::Cursor, &[(Service::Notifications, "commit/cursor/after")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_cursor_that_skips_the_suite_fails() {
    fails(
        Control::Skip,
        &[(Service::Inventory, "commit/cursor/before"), (Service::Notifications, "commit/cursor/after")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_request_ids_the_suite_fails() {
    fails(
        Control::Requests,
        &[
            (Service::Orders, "commit/order-path/after"),
            (Service::Gateway, "call/madang.orders.v1.OrdersService/PlaceOrder/after"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_durability_the_suite_fails() {
    let Some(mut shop) = Control::Durability.open().await else { return };
    let caught = lose_commits(&mut shop).await.unwrap_err();
    println!("without {:?}: {}", Control::Durability, caught_by(&caught));
}

async fn fails(control: Control, deaths: &[(Service, &str)]) {
    let Some(shop) = control.open().await else { return };
    let caught = control.caught(shop, deaths).await;
    println!("{}", caught.unwrap_or_else(|| panic!("without {control:?} nothing fails")));
}
