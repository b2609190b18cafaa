//! Random histories through the use cases and the event handler, on a real database.

use proptest::prelude::*;

use crate::till::{Till, cancelled, confirmed, order, usd};

#[derive(Debug, Clone)]
enum Action {
    Authorize(&'static str),
    Void,
    Capture,
    Refund(u128, Option<i64>),
    Confirm,
    Cancel,
}

fn actions() -> impl Strategy<Value = Vec<(u128, Action)>> {
    let card = prop_oneof![
        3 => Just("tok_visa"),
        1 => Just("tok_lost_answer"),
        1 => Just("tok_declined"),
    ];
    let action = prop_oneof![
        4 => card.prop_map(Action::Authorize),
        1 => Just(Action::Void),
        1 => Just(Action::Capture),
        2 => (0..4_u128, proptest::option::of(1..700_i64)).prop_map(|(id, units)| Action::Refund(id, units)),
        2 => Just(Action::Confirm),
        1 => Just(Action::Cancel),
    ];
    proptest::collection::vec((0..4_u128, action), 1..40)
}

impl Till {
    /// Whatever it answers: the ledger has to be right after refusals as well.
    async fn run(&self, n: u128, action: Action) -> bool {
        match action {
            Action::Authorize(card) => self.authorize(n, card).await.is_ok(),
            Action::Void => self.app.void(order(n)).await.is_ok(),
            Action::Capture => self.app.capture(order(n)).await.is_ok(),
            Action::Refund(id, units) => self.refund(n, n * 10 + id, units.map(usd)).await.is_ok(),
            Action::Confirm => self.apply(confirmed(n)).await.is_ok(),
            Action::Cancel => self.apply(cancelled(n)).await.is_ok(),
        }
    }
}

async fn holds(history: Vec<(u128, Action)>) -> Result<(), TestCaseError> {
    let till = Till::open().await;
    for (n, action) in history {
        let _done = till.run(n, action.clone()).await;
        let once = till.app.audit(None, 100).await.unwrap();
        prop_assert_eq!(once.balances.iter().map(|sum| sum.minor_units).sum::<i64>(), 0);
        prop_assert!(once.payments.iter().all(|(_, agrees)| *agrees), "{:?} of {}: {:?}", action, n, once);
        // Everything has a key, the order's id or a request_id, so a repeat changes nothing.
        let _repeated = till.run(n, action).await;
        prop_assert_eq!(&till.app.audit(None, 100).await.unwrap(), &once);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_money_is_made_or_lost_on_a_real_database(history in actions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(holds(history))?;
    }
}
