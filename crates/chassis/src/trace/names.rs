//! The names of all attributes of spans: those of OpenTelemetry's semantic conventions, and ours, which begin with `madang.`.
//! docs/telemetry.md lists them, held by a test.

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $value;)+

        /// Each name with what it holds.
        pub const ATTRIBUTES: &[(&str, &str)] = &[$(($value, concat!($($doc),+))),+];
    };
}

names! {
    /// The order that the work belongs to: a UUID. On all spans of an order.
    ORDER = "madang.order.id";
    /// The mesh's `x-request-id`, or a new one: what a client is told when a call fails.
    REQUEST = "madang.request.id";
    /// `grpc`.
    RPC_SYSTEM = "rpc.system.name";
    /// The full name of the method, such as `madang.orders.v1.OrdersService/PlaceOrder`.
    RPC_METHOD = "rpc.method";
    /// The gRPC code of the answer, such as `OK`.
    RPC_CODE = "rpc.response.status_code";
    /// Why it failed: the reason of its ErrorInfo, or else the code or status.
    ERROR = "error.type";
    /// The HTTP method.
    HTTP_METHOD = "http.request.method";
    /// The route that the path matches, such as `/api/orders/{order_id}`; the path itself is nowhere.
    HTTP_ROUTE = "http.route";
    /// The HTTP status of the answer.
    HTTP_STATUS = "http.response.status_code";
    /// `sqlite` or `postgresql`.
    DB_SYSTEM = "db.system.name";
    /// `read` or `write`: a transaction is one closure, answered after its COMMIT.
    DB_OPERATION = "db.operation.name";
    /// What a transaction that writes is for, such as `order-path`.
    DB_KIND = "madang.db.kind";
    /// `madang`: the producers' outboxes, however their events travel.
    MESSAGING_SYSTEM = "messaging.system";
    /// `process`.
    MESSAGING_OPERATION = "messaging.operation.type";
    /// The service that published the event.
    MESSAGING_SOURCE = "messaging.destination.name";
    /// The event's id.
    MESSAGE = "messaging.message.id";
    /// The event's type, such as `OrderConfirmed`.
    EVENT_TYPE = "madang.event.type";
    /// The event's position in its producer's log.
    EVENT_POSITION = "madang.event.position";
    /// Milliseconds from when the event happened to when it was taken up, by two machines' clocks.
    EVENT_LAG = "madang.event.lag_ms";
    /// Whether the event had been applied before: it came twice, or another replica was first.
    EVENT_DUPLICATE = "madang.event.duplicate";
    /// The saga's name: `place-order`.
    SAGA = "madang.saga.name";
    /// `forward` or `backward`.
    SAGA_DIRECTION = "madang.saga.direction";
    /// Whether the saga was taken up again after its process died or another replica had it.
    SAGA_RESUMED = "madang.saga.resumed";
}

/// The background task that a line comes from. It is in log lines only: tasks are no spans.
pub(crate) const TASK: &str = "madang.task";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::ATTRIBUTES;

    /// `MADANG_WRITE_TELEMETRY=1` writes the table instead.
    #[test]
    fn docs_telemetry_md_lists_every_attribute() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/telemetry.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = page.split_once("<!-- attributes -->").unwrap();
        let (_, after) = rest.split_once("<!-- /attributes -->").unwrap();
        let rows = ATTRIBUTES.iter().map(|(name, text)| format!("| `{name}` | {} |\n", text.trim()));
        let table = format!("\n\n| attribute | what it holds |\n|---|---|\n{}\n", rows.collect::<String>());
        let written = format!("{before}<!-- attributes -->{table}<!-- /attributes -->{after}");
        if std::env::var_os("MADANG_WRITE_TELEMETRY").is_some() {
            std::fs::write(path, written).unwrap();
        } else {
            assert_eq!(page, written, "`make render` writes it");
        }
    }
}
