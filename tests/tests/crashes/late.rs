//! A step that comes after its undo: orders has asked payments for money and dies, the order is cancelled, and only then the
//! network delivers what the dead process sent.

mod detour;

use anyhow::{Result, ensure};
use madang_api::orders::v1::OrderState;
use madang_tests::customer::{PLENTY, SHORT};
use madang_tests::servers::calls;
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop};

use self::detour::Detour;
use crate::books;
use crate::scenario::{Cancelled, Cast, Played, Story};

/// Lives through it in a shop, and checks what is left.
///
/// # Errors
/// What does not hold.
pub(crate) async fn step_after_undo(shop: &mut Shop) -> Result<()> {
    let cast = Cast::new(shop, PATIENCE);
    let detour = Detour::open(shop.port(Service::Payments)).await?;
    shop.kill_nine(Service::Orders)?;
    shop.set(Service::Orders, "MADANG_PAYMENTS_URL", Some(&detour.url()?));
    shop.start(Service::Orders).await?;

    let story = async {
        let order = cast.customer.place(SHORT, cast.customer.wants(PLENTY, 1)).await?;
        ensure!(order.state() == OrderState::Pending, "it goes on without payments: {order:?}");
        detour.request_held().await?;
        shop.kill_nine(Service::Orders)?;
        shop.start(Service::Orders).await?;
        // The new process cannot reach payments yet, so that nothing is there to be undone.
        let cancelling = cast.customer.cancel(SHORT, &order.order_id).await?;
        ensure!(cancelling.state() == OrderState::Cancelling, "{cancelling:?}");
        detour.let_through();
        let order = cast.customer.end_of(&order.order_id).await?;
        ensure!(order.state() == OrderState::Cancelled, "{order:?}");
        // Payments voids what it has when it hears of the cancelled order, which would make up for a tombstone that is missing.
        wait::until("payments to hear of the end", PATIENCE, async || heard_all(shop)).await?;
        let before = authorizations(shop).await?;
        detour.deliver();
        let done = async || Ok((authorizations(shop).await? > before).then_some(()));
        wait::until("what was sent before to be done", PATIENCE, done).await?;
        Ok(order)
    };
    let order = detour.run(story).await?;
    let played = Played { story: Story::CancelledEarly, order, cancelled: Some(Cancelled::InTime) };
    books::check(shop, &[(cast, vec![played])], PATIENCE).await.map(drop)
}

/// Whether payments has applied all events of orders.
fn heard_all(shop: &Shop) -> Result<Option<()>> {
    let waiting = shop.ask(Service::Orders, "SELECT COUNT(*) FROM events_outbox WHERE position IS NULL")?;
    let given = shop.ask(Service::Orders, "SELECT position FROM events_relay")?;
    let applied =
        shop.ask(Service::Payments, "SELECT position FROM events_cursors WHERE producer = 'orders'")?;
    Ok((waiting == ["0"] && applied == given).then_some(()))
}

/// Authorizations that payments has answered.
async fn authorizations(shop: &Shop) -> Result<u64> {
    let calls = calls(&shop.admin_url(Service::Payments)).await?;
    let of_rpc = calls.iter().filter(|((rpc, _), _)| rpc.ends_with("/AuthorizePayment"));
    Ok(of_rpc.map(|(_, count)| count).sum())
}
