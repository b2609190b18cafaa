use madang_api::error;
use madang_api::payments::v1::{AuditLedgerRequest, AuditLedgerResponse, AuthorizePaymentRequest};
use madang_api::types::v1::Money;
use tonic::{Code, Status};

use crate::shop::{Shop, authorization, bad_fields, id};

async fn audit(shop: &mut Shop, page_size: i32, token: &str) -> Result<AuditLedgerResponse, Status> {
    let request = AuditLedgerRequest { page_size, page_token: token.into() };
    Ok(shop.payments.audit_ledger(request).await?.into_inner())
}

#[tokio::test]
async fn a_new_ledger_is_empty() {
    let mut shop = Shop::open().await;
    assert_eq!(audit(&mut shop, 0, "").await.unwrap(), AuditLedgerResponse::default());
}

#[tokio::test]
async fn the_balances_sum_to_zero_in_each_currency() {
    let mut shop = Shop::captured(1).await;
    shop.authorize(2, "tok_visa").await.unwrap();
    let won = Money { minor_units: 500, currency_code: "KRW".into() };
    shop.authorize_with(AuthorizePaymentRequest { amount: Some(won), ..authorization(3, "tok_visa") })
        .await
        .unwrap();
    let audit = audit(&mut shop, 0, "").await.unwrap();
    let balances: Vec<(String, i64, String)> = audit
        .balances
        .into_iter()
        .map(|sum| (sum.account, sum.balance.unwrap()))
        .map(|(account, balance)| (account, balance.minor_units, balance.currency_code))
        .collect();
    let expected = [
        ("customer", -500, "KRW"),
        ("customer", -2000, "USD"),
        ("held", 500, "KRW"),
        ("held", 1000, "USD"),
        ("shop", 1000, "USD"),
    ];
    let expected = expected.map(|(account, units, code)| (account.to_owned(), units, code.to_owned()));
    assert_eq!(balances, expected);
    assert!(audit.inconsistent_order_ids.is_empty());
}

#[tokio::test]
async fn pages_hold_every_payment_once_by_order_id() {
    let mut shop = Shop::open().await;
    for n in [3, 1, 5, 2, 4] {
        shop.authorize(n, "tok_visa").await.unwrap();
    }
    let (mut token, mut ids, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = audit(&mut shop, 2, &token).await.unwrap();
        let balances = if pages == 0 { 2 } else { 0 };
        assert_eq!(page.balances.len(), balances, "the first page has the balances of the whole ledger");
        ids.extend(page.payments.into_iter().map(|payment| payment.order_id));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((ids, pages), ((1..=5).map(id).collect(), 3));
}

#[tokio::test]
async fn a_bad_size_and_a_forged_token_are_refused() {
    let mut shop = Shop::open().await;
    assert_eq!(bad_fields(&audit(&mut shop, -1, "").await.unwrap_err()), ["page_size"]);
    let foreign = madang_api::page::List::new("ListOrders", &[]).token(&[0; 16]);
    let short = madang_api::page::List::new("AuditLedger", &[]).token(b"no order");
    for forged in ["x", "AAAA", &foreign, &short] {
        let status = audit(&mut shop, 0, forged).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(error::reason(&status).as_deref(), Some(error::INVALID_PAGE_TOKEN), "{forged}");
    }
}
