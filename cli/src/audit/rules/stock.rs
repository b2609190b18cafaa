use std::collections::{BTreeMap, BTreeSet};

use madang_api::inventory::v1::Stock;
use madang_api::orders::v1::OrderState;

use super::{Check, Facts};

/// received = available + reserved + sold, and none below zero.
pub(super) fn products(facts: &Facts) -> Check {
    Check::new("received = available + reserved + sold", &facts.stocks, |stock| {
        let Stock { product_id, received, available, reserved, sold } = stock;
        let sum: i128 = [available, reserved, sold].into_iter().map(|pieces| i128::from(*pieces)).sum();
        let right =
            sum == i128::from(*received) && [available, reserved, sold].into_iter().all(|it| *it >= 0);
        let detail =
            || format!("received {received}, available {available}, reserved {reserved}, sold {sold}");
        (product_id.clone(), (!right).then(detail))
    })
}

/// What the orders want of one product.
#[derive(Debug, Default)]
struct Wanted {
    /// By CONFIRMED orders: sold, as no event is under way.
    sold: i64,
    /// By PENDING orders: reserved, or not yet.
    pending: i64,
    /// By orders that are being undone: sold, reserved or given back.
    undoing: i64,
}

/// Reserved and sold pieces are those of the orders.
pub(super) fn pieces(facts: &Facts) -> Check {
    let wanted = wanted(facts);
    let stocks: BTreeMap<&str, &Stock> = facts.stocks.iter().map(|it| (it.product_id.as_str(), it)).collect();
    let products: BTreeSet<&str> = stocks.keys().chain(wanted.keys()).copied().collect();
    let (no_stock, none_wanted) = (Stock::default(), Wanted::default());
    Check::new("pieces reserved and sold are those of orders", products, |product| {
        let stock = stocks.get(product).copied().unwrap_or(&no_stock);
        let wanted = wanted.get(product).unwrap_or(&none_wanted);
        (product.to_owned(), wrong(stock, wanted))
    })
}

fn wanted(facts: &Facts) -> BTreeMap<&str, Wanted> {
    let mut all: BTreeMap<&str, Wanted> = BTreeMap::new();
    for order in &facts.orders {
        for line in &order.lines {
            let wanted = all.entry(&line.product_id).or_default();
            match order.state() {
                OrderState::Confirmed => wanted.sold += line.quantity,
                OrderState::Pending => wanted.pending += line.quantity,
                OrderState::Cancelling | OrderState::Rejecting | OrderState::Stuck => {
                    wanted.undoing += line.quantity;
                }
                OrderState::Rejected | OrderState::Cancelled | OrderState::Unspecified => {}
            }
        }
    }
    all
}

fn wrong(stock: &Stock, wanted: &Wanted) -> Option<String> {
    let Wanted { sold, pending, undoing } = wanted;
    let sold_right = (*sold..=sold + undoing).contains(&stock.sold);
    let reserved_right = (0..=pending + undoing).contains(&stock.reserved);
    let sum_right = stock.sold + stock.reserved <= sold + pending + undoing;
    (!(sold_right && reserved_right && sum_right)).then(|| {
        format!(
            "reserved {} and sold {}, but orders have confirmed {sold}, want {pending} and undo {undoing}",
            stock.reserved, stock.sold
        )
    })
}
