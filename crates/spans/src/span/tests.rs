use super::*;
use crate::testing::span;

#[test]
fn an_id_is_hex_digits_and_not_zero() {
    let text = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert_eq!(text.parse::<TraceId>().unwrap().to_string(), text);
    assert_eq!(text.to_uppercase().parse::<TraceId>().unwrap().to_string(), text);
    for bad in ["", "0", &"0".repeat(32), &"g".repeat(32), &format!("+{}", &text[1..]), &text[1..]] {
        assert!(bad.parse::<TraceId>().is_err(), "{bad}");
    }
    assert_eq!("00f067aa0ba902b7".parse::<SpanId>().unwrap().to_string(), "00f067aa0ba902b7");
    assert!(TraceId::from_bytes(&[0; 16]).is_none() && TraceId::from_bytes(&[1; 15]).is_none());
    assert!(SpanId::from_bytes(&[0; 8]).is_none() && SpanId::from_bytes(&[1; 8]).is_some());
}

#[test]
fn a_call_is_told_without_its_package() {
    for (name, short) in [
        ("madang.orders.v1.OrdersService/PlaceOrder", "OrdersService/PlaceOrder"),
        ("/madang.orders.v1.OrdersService/PlaceOrder", "OrdersService/PlaceOrder"),
        ("POST /api/orders", "POST /api/orders"),
        ("inventory.madang.svc.cluster.local:50052/*", "inventory.madang.svc.cluster.local:50052/*"),
        (
            "orders.madang.svc.cluster.local:50055/madang.orders.v1.OrdersService/PlaceOrder",
            "OrdersService/PlaceOrder",
        ),
        ("write order-path", "write order-path"),
        ("", ""),
        ("a./", "/"),
    ] {
        assert_eq!(span(1, None).named(name).0.short_name(), short);
    }
}

#[test]
fn what_only_reads_changes_nothing() {
    let call = |name: &str| span(1, None).named(name).of("a", Kind::Server);
    assert!(call("madang.orders.v1.OrdersService/CancelOrder").0.may_change());
    assert!(!call("madang.orders.v1.OrdersService/GetOrder").0.may_change());
    assert!(call("POST /api/orders").with("http.request.method", "POST").0.may_change());
    assert!(!call("GET /api/orders/{order_id}").with("http.request.method", "GET").0.may_change());
    assert!(!call("orders.madang.svc.cluster.local:50055/*").0.may_change());
    assert!(span(1, None).of("a", Kind::Consumer).0.may_change());
    assert!(!span(1, None).named("saga").0.may_change());
    for (operation, changes) in [("write", true), ("read", false)] {
        let transaction = span(1, None).of("a", Kind::Client).named(operation);
        let transaction = transaction.with("db.system.name", "sqlite").with("db.operation.name", operation);
        assert_eq!(transaction.0.may_change(), changes);
    }
}

#[test]
fn a_failure_is_told_by_reason_then_code_then_text() {
    let failed = |attributes: &[(&str, &str)]| {
        let mut it = span(1, None).0;
        it.outcome = Outcome::Error("no route".to_owned());
        it.attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        it.failure().unwrap()
    };
    let code = ("rpc.response.status_code", "FAILED_PRECONDITION");
    assert_eq!(failed(&[code, ("error.type", "CARD_DECLINED")]), "CARD_DECLINED");
    assert_eq!(failed(&[code]), "FAILED_PRECONDITION");
    assert_eq!(failed(&[]), "no route");
    assert_eq!(span(1, None).0.failure(), None);
}
