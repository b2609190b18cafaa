use std::fmt::Write;

use madang_spans::{Span as Read, json as otlp};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use serde_json::{Value, json};

use crate::made::{self, ORDER, Story, TRACE};
use crate::shop::Shop;

const BEGIN: u64 = 1_795_719_568_000_000_000;

fn story() -> Story {
    Story { begin: BEGIN, trace: made::trace_id(TRACE), order: ORDER }
}

fn urlencoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").unwrap();
        encoded
    })
}

async fn spans(shop: &Shop, path: &str) -> Vec<Read> {
    let (status, answer) = shop.json(path).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"].as_object().unwrap().keys().collect::<Vec<_>>(), ["resourceSpans"]);
    otlp::spans(&answer)
}

#[tokio::test]
async fn what_services_export_is_found_by_trace_and_by_order() {
    let shop = Shop::open(&[]);
    for part in made::order(BEGIN) {
        assert_eq!(shop.export([part]).await, 0);
    }
    shop.export(made::cancellation(BEGIN + 1_000_000_000)).await;
    assert_eq!(spans(&shop, &format!("/api/v3/traces/{TRACE}")).await.len(), 21);
    assert_eq!(spans(&shop, &format!("/api/v3/traces?order={ORDER}")).await.len(), 23);

    let read = spans(&shop, &format!("/api/v3/traces/{}", TRACE.to_uppercase())).await;
    let declined = read.iter().find(|span| span.service == "payments" && span.is_error()).unwrap();
    assert_eq!(declined.failure().as_deref(), Some("CARD_DECLINED"));
    assert_eq!((declined.start, declined.end), (BEGIN + 23_200_000, BEGIN + 29_100_000));
    assert_eq!((declined.order_id(), declined.kind), (Some(ORDER), madang_spans::Kind::Server));
    let warned = read.iter().find(|span| !span.events.is_empty()).unwrap();
    assert_eq!(
        (warned.events[0].level(), warned.events[0].name.as_str()),
        (Some("WARN"), "no answer; asking again")
    );
}

#[tokio::test]
async fn traces_are_searched_as_in_jaeger() {
    let shop = Shop::open(&[]);
    shop.export(made::order(BEGIN)).await;
    shop.export(made::cancellation(BEGIN + 1_000_000_000)).await;
    let times = "query.start_time_min=2026-11-26T00:00:00Z&query.start_time_max=2026-11-27T00:00:00Z";
    let count = async |query: &str| spans(&shop, &format!("/api/v3/traces?{query}")).await.len();
    assert_eq!(count(times).await, 23);
    assert_eq!(count(&format!("{times}&query.search_depth=1")).await, 2);
    assert_eq!(count(&format!("{times}&query.num_traces=1&query.service_name=payments")).await, 21);
    let declined = urlencoded(r#"{"error.type":"CARD_DECLINED"}"#);
    assert_eq!(count(&format!("{times}&query.attributes={declined}")).await, 21);
    let order = urlencoded(&json!({ "madang.order.id": ORDER }).to_string());
    assert_eq!(count(&format!("query.attributes={order}")).await, 23);

    for (query, code, why) in [
        (String::new(), 400, "query.start_time_min and query.start_time_max are required"),
        (format!("{times}&query.service_name=nobody"), 404, "No traces found"),
        (format!("{times}&query.search_depth=many"), 400, "malformed parameter query.search_depth"),
        ("query.attributes=x".to_owned(), 400, "malformed parameter query.attributes"),
        ("query.start_time_min=x".to_owned(), 400, "malformed parameter query.start_time_min"),
        ("order=unknown".to_owned(), 404, "No traces found"),
    ] {
        let (status, answer) = shop.json(&format!("/api/v3/traces?{query}")).await;
        assert_eq!((status, &answer["error"]["httpCode"]), (code, &json!(code)), "{query}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().starts_with(why), "{query}: {answer}");
    }
    assert_eq!(shop.json(&format!("/api/v3/traces/{}", "a".repeat(32))).await.0, 404);
    assert_eq!(shop.json("/api/v3/traces/xyz").await.0, 400);
}

#[tokio::test]
async fn recent_traces_are_listed_the_youngest_first() {
    let shop = Shop::open(&[]);
    shop.export(made::order(BEGIN)).await;
    for number in 1..=60_u8 {
        let trace = Story { trace: vec![number; 16], ..story() };
        let span = trace.span((1, 0), ("GET /api/products", SpanKind::Server), (0, 1_000));
        shop.export([made::of("gateway", vec![span])]).await;
    }
    shop.export(made::cancellation(BEGIN)).await;
    let (_, answer) = shop.json("/api/traces").await;
    let all = answer["traces"].as_array().unwrap();
    assert_eq!((all.len(), &answer["kept"]["traces"]), (50, &json!(62)));
    assert_eq!(all[0]["root"], "POST /api/orders/{order_id}/cancel");
    assert_eq!(all[1]["trace_id"], "3c".repeat(16));

    let shop = Shop::open(&[]);
    shop.export(made::order(BEGIN)).await;
    assert_eq!(
        shop.json("/api/traces").await.1["traces"][0],
        json!({
            "trace_id": TRACE, "root": "POST /api/orders", "order_id": ORDER, "start": "2026-11-26T18:59:28Z",
            "duration_ns": 63_000_000, "spans": 21, "spans_cut": 0, "errors": 3,
            "services": ["gateway", "inventory", "notifications", "orders", "payments", "shipping"],
        })
    );
}

#[tokio::test]
async fn spans_without_valid_ids_are_refused_and_the_others_kept() {
    let shop = Shop::open(&[]);
    let span = || story().span((1, 0), ("x", SpanKind::Server), (0, 1));
    let (mut zero, mut short, mut none, mut odd_parent) = (span(), span(), span(), span());
    zero.trace_id = vec![0; 16];
    short.trace_id = vec![1; 15];
    none.span_id = Vec::new();
    odd_parent.parent_span_id = vec![9; 3];
    odd_parent.kind = 77;
    let refused = shop.export([made::of("a", vec![zero, short, none, odd_parent])]).await;
    assert_eq!(refused, 3);
    let read = spans(&shop, &format!("/api/v3/traces/{TRACE}")).await;
    assert_eq!((read.len(), read[0].parent, read[0].kind), (1, None, madang_spans::Kind::Unspecified));
}

#[tokio::test]
async fn a_span_of_any_size_is_cut_to_its_bounds() {
    let shop = Shop::open(&[]);
    let mut huge = story().span((1, 0), (&"n".repeat(100_000), SpanKind::Server), (5, 0));
    let long = made::text(&"k".repeat(10_000), &"v".repeat(50_000));
    let deep = KeyValue { value: Some(deep(20)), ..made::text("deep", "") };
    huge.attributes.splice(0..0, [deep].into_iter().chain(vec![long.clone(); 8]));
    let event = Event { name: "e".repeat(10_000), attributes: vec![long], ..Event::default() };
    huge.events = vec![event; 10];
    huge.links = vec![Link { trace_id: vec![1; 16], span_id: vec![2; 8], ..Link::default() }; 1_000];
    assert_eq!(shop.export([made::of(&"s".repeat(100_000), vec![huge])]).await, 0);
    let read = spans(&shop, &format!("/api/v3/traces?order={ORDER}")).await;
    assert!(read[0].bytes() < 64 * 1024, "{}", read[0].bytes());
    assert!(read[0].name.ends_with('…') && read[0].service.ends_with('…'));
    assert_eq!((read[0].start, read[0].links.len()), (read[0].end, 16));
    assert_eq!(shop.get(&format!("/orders/{ORDER}")).await.0, 200);
}

/// Lists within each other.
fn deep(levels: usize) -> AnyValue {
    (0..levels).fold(AnyValue::default(), |inner, _| AnyValue {
        value: Some(Any::ArrayValue(ArrayValue { values: vec![inner] })),
    })
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_harms_nothing() {
    let shop = Shop::open(&[]);
    let mut too_deep = story().span((1, 0), ("x", SpanKind::Server), (0, 1));
    too_deep.attributes.push(KeyValue { value: Some(deep(1_000)), ..made::text("deep", "") });
    let too_large = story().span((1, 0), (&"n".repeat(5_000_000), SpanKind::Server), (0, 1));
    for span in [too_deep, too_large] {
        assert!(shop.try_export([made::of("a", vec![span])]).await.is_err());
    }
    shop.export(made::order(BEGIN)).await;
    assert_eq!(spans(&shop, &format!("/api/v3/traces/{TRACE}")).await.len(), 21);
}

#[tokio::test]
async fn ten_thousand_spans_of_one_trace_are_cut_and_the_page_says_so() {
    let shop = Shop::open(&[]);
    for part in 0..10_u16 {
        let spans = (0..1_000_u16).map(|at| {
            let mut span = story().span((1, 0), ("x", SpanKind::Internal), (0, 1));
            span.span_id = (u64::from(part) * 1_000 + u64::from(at) + 1).to_be_bytes().to_vec();
            // Each below the one before.
            span.parent_span_id = (u64::from(part) * 1_000 + u64::from(at)).to_be_bytes().to_vec();
            span
        });
        shop.export([made::of("a", spans.collect())]).await;
    }
    let (_, answer) = shop.json("/api/traces").await;
    assert_eq!(
        (&answer["traces"][0]["spans"], &answer["traces"][0]["spans_cut"]),
        (&json!(2_000), &json!(8_000))
    );
    assert_eq!(shop.json(&format!("/api/v3/traces/{TRACE}")).await.1["spansCut"], 8_000);
    let (status, _, page) = shop.get(&format!("/traces/{TRACE}")).await;
    assert_eq!(status, 200);
    assert!(page.contains("8000 spans more were beyond what is kept of one"));
}

#[tokio::test]
async fn the_first_page_names_recent_orders_and_leads_to_them() {
    let shop = Shop::open(&["catalog"]);
    assert!(shop.get("/").await.2.contains("No trace of an order has come yet"));
    let mut browsing = story().span((1, 0), ("GET /api/products", SpanKind::Server), (0, 1));
    browsing.attributes.clear();
    browsing.trace_id = vec![9; 16];
    shop.export([made::of("gateway", vec![browsing])]).await;
    shop.export(made::order(BEGIN)).await;
    let (_, _, page) = shop.get("/").await;
    for text in [
        &format!(r#"<a href="/orders/{ORDER}">"#),
        &format!(r#"<a href="/traces/{TRACE}">POST /api/orders</a>"#),
        "2026-11-26 18:59:28.000 UTC",
        "63.0 ms",
        "✕ 3",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert!(!page.contains("GET /api/products"), "only orders are listed");
}

#[tokio::test]
async fn requests_that_only_read_an_order_stand_apart() {
    let shop = Shop::open(&[]);
    let reading = Story { trace: vec![9; 16], ..story() };
    let get = "madang.orders.v1.OrdersService/GetOrder";
    shop.export([made::of("orders", vec![reading.span((1, 0), (get, SpanKind::Server), (0, 9))])]).await;
    let path = format!("/orders/{ORDER}");
    assert!(shop.get(&path).await.2.contains("OrdersService/GetOrder"), "where there is nothing else");
    shop.export(made::order(BEGIN)).await;
    let (_, _, page) = shop.get(&path).await;
    assert!(page.contains("POST /api/orders") && !page.contains("GetOrder"), "{page}");
    assert!(page.contains(&format!("only read the order: <a href=\"/traces/{}\">", "09".repeat(16))));
    assert!(!shop.get("/").await.2.contains("GetOrder"));
}

#[tokio::test]
async fn a_waterfall_shows_each_span_its_failure_repeats_and_the_critical_path() {
    let shop = Shop::open(&[]);
    shop.export(made::order(BEGIN)).await;
    let (status, headers, page) = shop.get(&format!("/traces/{TRACE}")).await;
    assert_eq!(status, 200);
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'; style-src 'self'")
    );
    for text in [
        "answered after <b>41.2 ms</b>, last span ended after <b>63.0 ms</b>; 21 spans of 6 services",
        "✕&nbsp;CARD_DECLINED",
        "↻&nbsp;2 of 2",
        "<b class=\"failed\">WARN</b> no answer; asking again",
        "<span class=\"side\">⇢</span> <span class=\"name\">apply OrderRejected</span>",
        "OrdersService/PlaceOrder",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert_eq!(
        page.matches("<li class=\"critical").count(),
        page.matches("title=\"on the critical path\"").count()
    );
    assert_eq!(page.matches(">◇</span>").count(), 2, "the event is on the path to the last end");
    assert!(!page.contains(" style=") && !page.contains("<script") && !page.contains("href=\"http"));
}

#[tokio::test]
async fn an_order_shows_all_its_traces() {
    let shop = Shop::open(&[]);
    shop.export(made::cancellation(BEGIN + 1_000_000_000)).await;
    shop.export(made::order(BEGIN)).await;
    let (_, _, page) = shop.get(&format!("/orders/{ORDER}")).await;
    let first = page.find("1 of 2 traces").unwrap();
    assert!(page[..first].contains("POST /api/orders") && page.contains("2 of 2 traces"));
    assert!(page.contains(&format!("<dt>belongs to</dt><dd><a href=\"/traces/{TRACE}\">")));
}

#[tokio::test]
async fn what_is_not_kept_is_a_page_that_says_what_to_do() {
    let shop = Shop::open(&[]);
    for path in ["/traces/xyz", &format!("/traces/{TRACE}"), "/orders/%3Cb%3E"] {
        let (status, headers, page) = shop.get(path).await;
        assert_eq!((status, &headers["content-type"]), (404, &"text/html; charset=utf-8".parse().unwrap()));
        assert!(
            page.contains("--no-traces") && page.contains("Look again") && !page.contains("<b>"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn what_senders_say_is_text_on_the_page() {
    let shop = Shop::open(&[]);
    let mut span = story().span((1, 0), ("<script>a</script>", SpanKind::Server), (0, 1));
    span.attributes.push(made::text("<i>", "\"><b>"));
    shop.export([made::of("<u>", vec![span])]).await;
    for path in [format!("/traces/{TRACE}"), "/".to_owned()] {
        let (_, _, page) = shop.get(&path).await;
        assert!(!["<script>", "<i>", "<b>\"", "<u>"].iter().any(|text| page.contains(text)), "{page}");
    }
    let (_, answer): (_, Value) = shop.json("/api/traces").await;
    assert_eq!(answer["traces"][0]["services"], json!(["<u>"]));
}
