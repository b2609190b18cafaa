use jiff::Timestamp;
use madang_spans::{Critical, Event, Kind, Node, Path, Place, Span, TraceId, Tree, Value, duration};

use super::store::Trace;

/// Colours of services; the name of each stands beside them.
const COLOURS: usize = 8;
/// Depths that are told apart by the indent.
const DEPTHS: usize = 14;
/// The width of a chart, in its own units, and that of the shortest bar.
const WIDTH: f64 = 1000.0;
const SHORTEST: f64 = 3.0;
/// Parts between the marks of the axis.
const PARTS: u8 = 4;

/// A trace in one line.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) id: TraceId,
    pub(super) root: String,
    pub(super) order_id: Option<String>,
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) spans: usize,
    pub(super) services: Vec<String>,
    pub(super) errors: usize,
    pub(super) cut: usize,
}

impl Summary {
    /// Reads what it tells; times are as the services told them. None for a trace of which nothing was kept.
    pub(super) fn of(trace: &Trace) -> Option<Self> {
        let first = trace.spans.iter().min_by_key(|span| (span.parent.is_some(), span.start))?;
        let start = trace.spans.iter().map(|span| span.start).min()?;
        let end = trace.spans.iter().map(|span| span.end).max()?;
        let mut services: Vec<String> = trace.spans.iter().map(|span| span.service.clone()).collect();
        services.sort_unstable();
        services.dedup();
        Some(Self {
            id: trace.id,
            root: first.short_name().to_owned(),
            order_id: trace.spans.iter().find_map(Span::order_id).map(str::to_owned),
            start,
            duration: end - start,
            spans: trace.spans.len(),
            services,
            errors: trace.spans.iter().filter(|span| span.is_error()).count(),
            cut: trace.cut,
        })
    }

    pub(super) fn began(&self) -> String {
        time(self.start)
    }

    pub(super) fn took(&self) -> String {
        duration(self.duration)
    }
}

/// A trace as a waterfall.
#[derive(Debug)]
pub(super) struct Waterfall {
    pub(super) id: TraceId,
    pub(super) title: String,
    pub(super) order_id: Option<String>,
    pub(super) began: String,
    pub(super) answered: String,
    /// When the last span ended, where that was after the answer.
    pub(super) ended: Option<String>,
    pub(super) services: Vec<Service>,
    pub(super) ticks: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) cut: usize,
    pub(super) orphans: usize,
}

/// A service with its colour.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) colour: usize,
    pub(super) spans: usize,
}

/// A span with its bar.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) depth: usize,
    pub(super) service: String,
    pub(super) colour: usize,
    pub(super) name: String,
    pub(super) side: &'static str,
    pub(super) offset: String,
    pub(super) took: String,
    pub(super) bar: Bar,
    /// Its own parts of the critical path.
    pub(super) own: Vec<Bar>,
    /// Whether it is on the critical path: `◆` to the answer, `◇` to the last end.
    pub(super) mark: &'static str,
    pub(super) failure: Option<String>,
    pub(super) again: Option<String>,
    pub(super) is_orphan: bool,
    pub(super) events: Vec<Told>,
    /// Traces that it belongs to as well.
    pub(super) links: Vec<TraceId>,
    pub(super) facts: Vec<(String, String)>,
}

/// A part of a chart's width.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) width: String,
}

/// An event of a span.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) offset: String,
    pub(super) level: String,
    pub(super) text: String,
    pub(super) is_bad: bool,
}

impl Waterfall {
    /// Lays a trace out; none where nothing of it was kept.
    pub(super) fn of(trace: Trace) -> Option<Self> {
        let (id, cut) = (trace.id, trace.cut);
        let tree = Tree::of(trace.spans);
        let title = tree.nodes().first()?.span.short_name().to_owned();
        let path = Path::of(&tree);
        let scale = Scale { start: tree.start(), whole: tree.end() - tree.start() };
        let services = services(&tree);
        let rows = (0..tree.nodes().len()).filter_map(|at| row(&tree, &path, at, (&services, scale)));
        Some(Self {
            id,
            title,
            order_id: tree.order_id().map(str::to_owned),
            began: time(scale.start),
            answered: duration(tree.answered()),
            ended: (scale.whole > tree.answered()).then(|| duration(scale.whole)),
            ticks: (0..=PARTS)
                .map(|part| duration(scale.whole / u64::from(PARTS) * u64::from(part)))
                .collect(),
            rows: rows.collect(),
            services,
            cut,
            orphans: tree.nodes().iter().filter(|node| node.place == Place::Orphan).count(),
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Scale {
    start: u64,
    whole: u64,
}

impl Scale {
    #[expect(clippy::cast_precision_loss, reason = "a thousandth of the width is drawn")]
    fn x(self, time: u64) -> f64 {
        time.saturating_sub(self.start) as f64 / self.whole.max(1) as f64 * WIDTH
    }

    fn bar(self, from: u64, to: u64) -> Bar {
        let width = (self.x(to) - self.x(from)).max(SHORTEST);
        let x = self.x(from).min(WIDTH - width);
        Bar { x: format!("{x:.1}"), width: format!("{width:.1}") }
    }

    fn offset(self, time: u64) -> String {
        duration(time.saturating_sub(self.start))
    }
}

fn services(tree: &Tree) -> Vec<Service> {
    let of = |name: &str| tree.nodes().iter().filter(|node| node.span.service == name).count();
    let named = tree.services().into_iter().enumerate();
    named.map(|(at, name)| Service { name: name.to_owned(), colour: at % COLOURS, spans: of(name) }).collect()
}

fn row(tree: &Tree, path: &Path, at: usize, (services, scale): (&[Service], Scale)) -> Option<Row> {
    let node = tree.nodes().get(at)?;
    let span = &node.span;
    let own = path.segments().filter(|part| part.node == at).map(|part| scale.bar(part.from, part.to));
    Some(Row {
        depth: node.depth.min(DEPTHS),
        service: span.service.clone(),
        colour: services.iter().find(|it| it.name == span.service)?.colour,
        name: span.short_name().to_owned(),
        side: side(span),
        offset: scale.offset(node.start),
        took: duration(node.end - node.start),
        bar: scale.bar(node.start, node.end),
        own: own.collect(),
        mark: path.marks().get(at).copied().flatten().map_or("", mark),
        failure: span.failure(),
        again: node.again.map(|(nth, of)| format!("{nth} of {of}")),
        is_orphan: node.place == Place::Orphan,
        events: span.events.iter().map(|event| told(event, node, scale)).collect(),
        links: span.links.iter().map(|link| link.trace_id).filter(|id| *id != span.trace_id).collect(),
        facts: facts(node),
    })
}

fn side(span: &Span) -> &'static str {
    match span.kind {
        Kind::Client if span.is_call() => "calls",
        Kind::Producer | Kind::Consumer => "⇢",
        Kind::Client | Kind::Server | Kind::Internal | Kind::Unspecified => "",
    }
}

fn mark(critical: Critical) -> &'static str {
    match critical {
        Critical::Answer => "◆",
        Critical::End => "◇",
    }
}

fn told(event: &Event, node: &Node, scale: Scale) -> Told {
    // By the clock of its span.
    let within = event.time.saturating_sub(node.span.start);
    let level = event.level().unwrap_or_default().to_owned();
    let rest = event.attributes.iter().filter(|(name, _)| name != "level" && name != "severity");
    let rest: Vec<String> = rest.map(|(name, value)| format!("{name}={value}")).collect();
    let text =
        if rest.is_empty() { event.name.clone() } else { format!("{} {}", event.name, rest.join(" ")) };
    let is_bad = level == "ERROR" || level == "WARN" || event.name == "exception";
    Told { offset: scale.offset(node.start.saturating_add(within)), level, text, is_bad }
}

fn facts(node: &Node) -> Vec<(String, String)> {
    let span = &node.span;
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![pair("span", span.span_id.to_string()), pair("name", span.name.clone())];
    let kind = span.kind.name();
    facts.extend((!kind.is_empty()).then(|| pair("kind", kind.to_owned())));
    facts.extend((!span.instance.is_empty()).then(|| pair("process", span.instance.clone())));
    if let madang_spans::Outcome::Error(text) = &span.outcome {
        facts.extend((!text.is_empty()).then(|| pair("error", text.clone())));
    }
    if node.start != span.start {
        facts.push(pair("clock", format!("moved by {}", duration(node.start.abs_diff(span.start)))));
    }
    facts.extend(span.attributes.iter().map(|(name, value): &(String, Value)| pair(name, value.to_string())));
    facts
}

fn time(nanoseconds: u64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(nanoseconds));
    time.map(|time| time.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()).unwrap_or_default()
}
