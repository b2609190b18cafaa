//! Orders in SQL: the columns and indexes of the shop's own.

use madang_api::orders::v1::{ListOrdersRequest, Order, OrderLine, OrderState, PlaceOrderRequest};
use madang_api::types::v1::{Address, Money};
use prost_types::Timestamp;
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PARCEL, PRICE, WEIGHT};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS orders (order_id BYTEA PRIMARY KEY, customer_id TEXT NOT NULL, lines TEXT NOT NULL,
    currency TEXT NOT NULL, shipping_price BIGINT NOT NULL, total BIGINT NOT NULL, weight_grams BIGINT NOT NULL,
    address TEXT NOT NULL, card_token TEXT, state TEXT NOT NULL, reason TEXT, undo_from BIGINT, undo_to BIGINT,
    stuck_in TEXT, owner BYTEA NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL, traceparent TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (customer_id, order_id);
CREATE INDEX IF NOT EXISTS orders_open ON orders (owner, order_id)
    WHERE state = 'PENDING' OR state = 'CANCELLING' OR state = 'REJECTING';
CREATE TABLE IF NOT EXISTS requests (rpc TEXT NOT NULL, request_id BYTEA NOT NULL, fingerprint_version BIGINT NOT NULL,
    fingerprint BYTEA NOT NULL, resource BYTEA NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (rpc, request_id));
CREATE INDEX IF NOT EXISTS requests_created ON requests (created_at);";

/// As long as the shop's where nobody traces.
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// An id that grows with time, as those of orders do.
pub(crate) fn new_id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "a yardstick has no Ids port")]
    let id = Uuid::now_v7();
    id
}

/// An id as it is stored.
pub(crate) fn id(text: &str) -> rusqlite::Result<[u8; 16]> {
    let parsed = Uuid::parse_str(text);
    parsed.map(Uuid::into_bytes).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

pub(super) fn time(at: i64) -> Timestamp {
    let nanos = i32::try_from(at % 1_000_000 * 1_000).unwrap_or_default();
    Timestamp { seconds: at / 1_000_000, nanos }
}

pub(super) fn line(product_id: &str, quantity: i64) -> OrderLine {
    let unit_price = Some(Money { minor_units: PRICE, currency_code: "KRW".to_owned() });
    OrderLine { product_id: product_id.to_owned(), quantity, unit_price }
}

/// The first transaction.
pub(super) fn insert(
    conn: &Connection,
    (order, placed): (&Order, &PlaceOrderRequest),
    (owner, at): (Uuid, i64),
) -> rusqlite::Result<()> {
    let lines: Vec<_> =
        order.lines.iter().map(|line| json!([line.product_id, line.quantity, PRICE])).collect();
    let address = order.address.clone().unwrap_or_default();
    let address = json!({
        "region": address.region_code,
        "postal_code": address.postal_code,
        "recipient": address.recipient,
        "lines": address.address_lines,
    });
    let (order_id, lines, address) = (id(&order.order_id)?, json!(lines).to_string(), address.to_string());
    let mut row = conn.prepare_cached(
        "INSERT INTO orders (order_id, customer_id, lines, currency, shipping_price, total, weight_grams, address, \
         card_token, state, owner, created_at, updated_at, version, traceparent) \
         VALUES (?1, ?2, ?3, 'KRW', ?4, ?5, ?6, ?7, ?8, 'PENDING', ?9, ?10, ?10, 1, ?11)",
    )?;
    let (card, owner) = (&placed.card_token, owner.as_bytes());
    row.execute(params![
        order_id,
        order.customer_id,
        lines,
        PARCEL,
        PRICE + PARCEL,
        WEIGHT,
        address,
        card,
        owner,
        at,
        TRACEPARENT
    ])?;
    let mut request = conn.prepare_cached("INSERT INTO requests VALUES ('PlaceOrder', ?1, 1, ?2, ?3, ?4)")?;
    // As long as the digest that the shop keeps of the request.
    request.execute(params![id(&placed.request_id)?, [7_u8; 32], order_id, at]).map(drop)
}

/// The last one.
pub(super) fn confirm(conn: &Connection, order_id: &str, at: i64) -> rusqlite::Result<()> {
    let mut row = conn.prepare_cached(
        "UPDATE orders SET state = 'CONFIRMED', card_token = NULL, updated_at = ?2, version = 2 \
         WHERE order_id = ?1 AND version = 1",
    )?;
    row.execute(params![id(order_id)?, at]).map(drop)
}

pub(super) fn get(conn: &Connection, order_id: &str) -> rusqlite::Result<Order> {
    let mut rows = conn.prepare_cached(
        "SELECT order_id, customer_id, state, lines, address, created_at, updated_at FROM orders WHERE order_id = ?1",
    )?;
    rows.query_row([id(order_id)?], read)
}

/// A customer's orders, newest first; the token is the last one's id.
pub(super) fn list(conn: &Connection, request: &ListOrdersRequest) -> rusqlite::Result<Vec<Order>> {
    let before = if request.page_token.is_empty() { [u8::MAX; 16] } else { id(&request.page_token)? };
    let mut rows = conn.prepare_cached(
        "SELECT order_id, customer_id, state, lines, address, created_at, updated_at FROM orders \
         WHERE customer_id = ?1 AND order_id < ?2 ORDER BY order_id DESC LIMIT ?3",
    )?;
    rows.query_map(params![request.customer_id, before, request.page_size], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Order> {
    let money = |minor_units| Some(Money { minor_units, currency_code: "KRW".to_owned() });
    let (lines, address): (String, String) = (row.get(3)?, row.get(4)?);
    let [lines, address] =
        [lines, address].map(|text| serde_json::from_str::<Value>(&text).unwrap_or_default());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = lines.as_array().into_iter().flatten();
    let state = match row.get_ref(2)?.as_str()? {
        "CONFIRMED" => OrderState::Confirmed,
        _ => OrderState::Pending,
    };
    Ok(Order {
        order_id: Uuid::from_bytes(row.get(0)?).to_string(),
        customer_id: row.get(1)?,
        state: state.into(),
        reason: String::new(),
        lines: lines
            .map(|it| line(it[0].as_str().unwrap_or_default(), it[1].as_i64().unwrap_or_default()))
            .collect(),
        shipping_price: money(PARCEL),
        total: money(PRICE + PARCEL),
        address: Some(Address {
            region_code: text(&address["region"]),
            postal_code: text(&address["postal_code"]),
            recipient: text(&address["recipient"]),
            address_lines: address["lines"].as_array().into_iter().flatten().map(text).collect(),
        }),
        create_time: Some(time(row.get(5)?)),
        update_time: Some(time(row.get(6)?)),
    })
}
