//! Everything is told in both languages, and no reason is ever told as it is.

use madang_types::{Currency, Money};
use proptest::prelude::*;

use super::{Kind, News};

const REASONS: [&str; 9] = [
    "OUT_OF_STOCK",
    "PRODUCT_NOT_FOUND",
    "CARD_DECLINED",
    "INSUFFICIENT_FUNDS",
    "UNKNOWN_CARD",
    "REGION_NOT_SERVED",
    "PARCEL_TOO_HEAVY",
    "ORDER_EXPIRED",
    "CANCELLED_BY_CUSTOMER",
];

fn rejected(reason: &str) -> News {
    News::OrderRejected { reason: reason.into() }
}

fn is_korean(text: &str) -> bool {
    text.chars().any(|letter| ('가'..='힣').contains(&letter))
}

#[test]
fn news_is_told_in_words() {
    let told = |news: News| news.text().en;
    let total = Money::new(45_00, Currency::USD).unwrap();
    let confirmed = News::OrderConfirmed { total };
    assert_eq!(told(confirmed.clone()), "Your order is confirmed. The total is 45.00 USD.");
    assert_eq!(confirmed.text().ko, "주문이 확정되었습니다. 총 금액은 45.00 USD입니다.");
    let declined = "Your order was not accepted. Your card was declined. You have not been charged.";
    assert_eq!(told(rejected("CARD_DECLINED")), declined);
    let asked = "Your order was cancelled. You asked for it. Whatever you paid goes back to you.";
    assert_eq!(told(News::OrderCancelled { reason: "CANCELLED_BY_CUSTOMER".into() }), asked);
    let departed = "Your parcel is on its way. Its tracking number is MD0123456789AB.";
    assert_eq!(told(News::ShipmentDeparted { tracking_number: "MD0123456789AB".into() }), departed);
    let waits = "The payment for your order could not be collected. Your parcel waits until it is.";
    assert_eq!(told(News::PaymentOutstanding), waits);
}

#[test]
fn every_known_reason_has_words_of_its_own() {
    let told = REASONS.map(|reason| rejected(reason).text());
    for (index, text) in told.iter().enumerate() {
        assert!(!told[..index].iter().any(|other| other.en == text.en || other.ko == text.ko), "{text:?}");
        assert_ne!(*text, rejected("FROM_A_NEWER_SERVICE").text());
    }
}

#[test]
fn a_kind_is_found_by_its_name_alone() {
    assert_eq!(Kind::ALL.map(|kind| Kind::named(kind.as_str())), Kind::ALL.map(Some));
    assert_eq!(Kind::named("order_confirmed"), None);
}

fn news() -> impl Strategy<Value = News> {
    let reason = prop_oneof![
        proptest::sample::select(REASONS.to_vec()).prop_map(String::from),
        "[A-Z]{3,9}_[A-Z]{3,9}"
    ];
    let total = (0..=i64::MAX).prop_map(|units| Money::new(units, Currency::USD).unwrap());
    prop_oneof![
        total.prop_map(|total| News::OrderConfirmed { total }),
        reason.clone().prop_map(|reason| News::OrderRejected { reason }),
        reason.prop_map(|reason| News::OrderCancelled { reason }),
        "MD[0-9A-Z]{12}".prop_map(|tracking_number| News::ShipmentDeparted { tracking_number }),
        Just(News::PaymentOutstanding),
    ]
}

proptest! {
    #[test]
    fn any_news_has_a_text_in_both_languages_and_no_reason_in_it(news in news()) {
        let text = news.text();
        prop_assert!(!text.en.is_empty() && text.en.is_ascii());
        prop_assert!(is_korean(&text.ko));
        if let News::OrderRejected { reason } | News::OrderCancelled { reason } = &news {
            prop_assert!(!text.en.contains(reason.as_str()) && !text.ko.contains(reason.as_str()));
        }
    }
}
