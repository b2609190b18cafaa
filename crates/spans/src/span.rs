use std::fmt;
use std::str::FromStr;

use crate::{ORDER_ID, Value};

/// A trace's id; as text 32 hex digits. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(u128);

/// A span's id within its trace; as text 16 hex digits. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(u64);

/// A span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span that caused it; none for the first of a trace.
    pub parent: Option<SpanId>,
    /// What it did, such as `madang.orders.v1.OrdersService/PlaceOrder`.
    pub name: String,
    /// Its side of a call or message.
    pub kind: Kind,
    /// The service that made it.
    pub service: String,
    /// Which process of the service; empty where that is not known.
    pub instance: String,
    /// When it began, in nanoseconds since 1970, by its service's clock.
    pub start: u64,
    /// When it ended, in nanoseconds since 1970; never before its start.
    pub end: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// All else that is known.
    pub attributes: Vec<(String, Value)>,
    /// What happened meanwhile, such as a warning.
    pub events: Vec<Event>,
    /// Spans that it belongs to without being their child.
    pub links: Vec<Link>,
}

/// A span's side of a call or message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// It says nothing.
    #[default]
    Unspecified,
    /// Work within a service.
    Internal,
    /// It answers a call.
    Server,
    /// It makes a call.
    Client,
    /// It sends a message.
    Producer,
    /// It works on a message, which its sender did not wait for.
    Consumer,
}

/// How a span ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It says nothing: well.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// It failed; the text, which may be empty, says how.
    Error(String),
}

/// Something that happened within a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// What.
    pub name: String,
    /// All else that is known.
    pub attributes: Vec<(String, Value)>,
}

/// A span that another belongs to without being its child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
}

impl TraceId {
    /// The id of these bytes; none unless they are 16 and not all zero.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let id = u128::from_be_bytes(bytes.try_into().ok()?);
        (id != 0).then_some(Self(id))
    }
}

impl SpanId {
    /// The id of these bytes; none unless they are 8 and not all zero.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let id = u64::from_be_bytes(bytes.try_into().ok()?);
        (id != 0).then_some(Self(id))
    }
}

impl FromStr for TraceId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = hex(text, 32).and_then(|text| u128::from_str_radix(text, 16).ok());
        id.filter(|id| *id != 0).map(Self).ok_or("a trace id has 32 hex digits, not all 0")
    }
}

impl FromStr for SpanId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = hex(text, 16).and_then(|text| u64::from_str_radix(text, 16).ok());
        id.filter(|id| *id != 0).map(Self).ok_or("a span id has 16 hex digits, not all 0")
    }
}

/// The number's own reading would take a sign as well.
fn hex(text: &str, digits: usize) -> Option<&str> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Kind {
    /// Its name in small letters; empty where it says nothing.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

impl Span {
    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        value(&self.attributes, name)
    }

    /// The order that it belongs to.
    pub fn order_id(&self) -> Option<&str> {
        self.attribute(ORDER_ID).and_then(Value::as_text)
    }

    /// Whether it failed.
    pub fn is_error(&self) -> bool {
        matches!(self.outcome, Outcome::Error(_))
    }

    /// Why it failed, as short as it is known: the reason or code, else the text of its outcome; none where it did not fail.
    pub fn failure(&self) -> Option<String> {
        let Outcome::Error(text) = &self.outcome else { return None };
        let known = ["error.type", "rpc.response.status_code", "rpc.code", "http.response.status_code"];
        let known = known.into_iter().find_map(|name| self.attribute(name)).map(ToString::to_string);
        let text = || if text.is_empty() { "failed".to_owned() } else { text.clone() };
        Some(known.filter(|known| !known.is_empty()).unwrap_or_else(text))
    }

    /// Its name without the package of a contract, `OrdersService/PlaceOrder`, and without the host that a sidecar puts before it.
    pub fn short_name(&self) -> &str {
        let name = self.name.trim_start_matches('/');
        let is_host = |text: &str| text.contains('.') && text.contains(':') && !text.contains(' ');
        let path = match name.split_once('/') {
            Some((host, path)) if is_host(host) && path.contains('/') => path,
            _ => name,
        };
        match path.split_once('/') {
            Some((service, _)) if service.contains('.') && !service.contains([' ', ':', '*']) => {
                &path[service.rfind('.').map_or(0, |dot| dot + 1)..]
            }
            _ => &self.name,
        }
    }

    /// Whether it is one side of a call to another service: these are tried again.
    pub fn is_call(&self) -> bool {
        let is_database = self.attribute("db.system.name").is_some();
        matches!(self.kind, Kind::Client | Kind::Server) && !is_database
    }

    /// Whether it shows that something was changed, or tried to be: a call whose name is none of a read, a transaction that writes, an
    /// event that is applied.
    pub fn may_change(&self) -> bool {
        const READS: [&str; 6] = ["Get", "BatchGet", "List", "Search", "Watch", "Track"];
        let is = |name: &str, values: &[&str]| {
            self.attribute(name).map(|it| values.contains(&it.as_text().unwrap_or_default()))
        };
        if self.kind == Kind::Consumer || is("db.operation.name", &["write"]) == Some(true) {
            return true;
        }
        if let Some(is_read) = is("http.request.method", &["GET", "HEAD"]) {
            return !is_read;
        }
        // Those of sidecars do not say which method.
        let method = self.short_name().split_once('/').map(|(_, method)| method).filter(|it| *it != "*");
        self.is_call() && method.is_some_and(|it| !READS.iter().any(|read| it.starts_with(read)))
    }

    /// How long it took, in nanoseconds.
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        let texts = self.name.len() + self.service.len() + self.instance.len();
        let events: usize =
            self.events.iter().map(|event| 56 + event.name.len() + bytes(&event.attributes)).sum();
        let outcome = if let Outcome::Error(text) = &self.outcome { text.len() } else { 0 };
        size_of::<Self>()
            + texts
            + outcome
            + bytes(&self.attributes)
            + events
            + self.links.len() * size_of::<Link>()
    }
}

impl Event {
    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        value(&self.attributes, name)
    }

    /// Its level, such as `WARN`; none where it has none.
    pub fn level(&self) -> Option<&str> {
        self.attribute("level").or_else(|| self.attribute("severity")).and_then(Value::as_text)
    }
}

fn value<'a>(attributes: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

fn bytes(attributes: &[(String, Value)]) -> usize {
    attributes.iter().map(|(name, value)| size_of::<(String, Value)>() + name.len() + value.bytes()).sum()
}

#[cfg(test)]
mod tests;
