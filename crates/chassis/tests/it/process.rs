//! `main` in a process of its own: this test program again, which then runs one of the children below.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use clap::Parser;
use madang_api::shipping::v1::shipping_service_server::ShippingServiceServer;
use madang_chassis::{Client, Listener, Platform, Server, ServerArgs, TelemetryArgs};
use serde_json::Value;

use crate::fake::{Fake, Probe};
use crate::world::{SERVICE, quote};

#[derive(Debug, Parser)]
struct Config {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
    /// What the test harness is told, which this process reads as well.
    #[arg(long)]
    exact: String,
    #[arg(long)]
    ignored: bool,
    #[arg(long)]
    nocapture: bool,
}

impl AsRef<ServerArgs> for Config {
    fn as_ref(&self) -> &ServerArgs {
        &self.server
    }
}

impl AsRef<TelemetryArgs> for Config {
    fn as_ref(&self) -> &TelemetryArgs {
        &self.telemetry
    }
}

async fn run(
    config: Config,
    listener: Listener,
    platform: Platform,
) -> Result<(), madang_chassis::server::Error> {
    let fake = Fake { probe: Probe::new(), next: None };
    Server::new(&platform, &config.server).add_service(ShippingServiceServer::new(fake)).serve(listener).await
}

async fn fail(_: Config, _: Listener, _: Platform) -> Result<(), std::io::Error> {
    Err(std::io::Error::other("no database"))
}

async fn task_panics(
    config: Config,
    listener: Listener,
    platform: Platform,
) -> Result<(), madang_chassis::server::Error> {
    platform.tasks.spawn("relay", async { panic!("no rows") });
    run(config, listener, platform).await
}

fn exit(code: ExitCode) -> ! {
    std::process::exit(if code == ExitCode::SUCCESS { 0 } else { 1 })
}

#[test]
#[ignore = "a child"]
fn child_serves() {
    exit(madang_chassis::main(SERVICE, run));
}

#[test]
#[ignore = "a child"]
fn child_fails() {
    exit(madang_chassis::main(SERVICE, fail));
}

#[test]
#[ignore = "a child"]
fn child_panics() {
    exit(madang_chassis::main(SERVICE, task_panics));
}

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(test: &str, listen: &str) -> Self {
        Self::start_with(test, listen, None)
    }

    fn start_with(test: &str, listen: &str, collector: Option<&str>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env("MADANG_LISTEN", listen)
            .envs(collector.map(|endpoint| ("MADANG_OTLP_ENDPOINT", endpoint)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next log line with this message.
    fn line(&mut self, message: &str) -> Value {
        let parsed =
            self.lines.by_ref().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
        parsed.into_iter().find(|line: &Value| line["message"] == message).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    fn code(mut self) -> Option<i32> {
        // What is left is read, so that the process does not meet a closed pipe.
        self.lines.by_ref().for_each(drop);
        self.child.wait().unwrap().code()
    }
}

// Reading the child's log blocks this thread; the connection, which the child's drain waits for, needs another.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_process_serves_until_sigterm_and_ends_well() {
    for signal in ["TERM", "INT"] {
        let mut process = Process::start("process::child_serves", "127.0.0.1:0");
        let starts = process.line("starts");
        process.line("serves gRPC");
        let platform = Platform::test(SERVICE);
        let address = starts["address"].as_str().unwrap();
        let client = Client::new(format!("http://{address}").parse().unwrap(), &platform);
        assert_eq!(quote(client.clone(), "domestic").await.unwrap(), "domestic");
        assert!(quote(client, "panic").await.is_err());
        let panic = process.line("a panic");
        assert_eq!(panic["panic"], "the safe's code is 1234");
        assert!(panic["madang.request.id"].is_string() && panic["trace_id"].is_string(), "{panic}");
        process.signal(signal);
        process.line("shutdown begins");
        process.line("ends");
        assert_eq!(process.code(), Some(0));
    }
}

#[test]
fn a_failure_is_logged_once_with_its_causes() {
    let mut process = Process::start("process::child_fails", "127.0.0.1:0");
    assert_eq!(process.line("shipping ends")["error"], "the service failed: no database");
    assert_eq!(process.code(), Some(1));
}

#[test]
fn a_panic_in_a_task_ends_the_process_with_a_failure() {
    let mut process = Process::start("process::child_panics", "127.0.0.1:0");
    assert_eq!(process.line("shipping ends")["error"], "the task relay panicked: no rows");
    assert_eq!(process.code(), Some(1));
}

#[test]
fn an_address_in_use_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut process = Process::start("process::child_serves", &address.to_string());
    let error = process.line("shipping ends")["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    assert_eq!(process.code(), Some(1));
}

/// A collector that keeps what it is sent.
fn collector(received: tokio::sync::mpsc::Sender<bytes::Bytes>) -> axum::Router {
    use axum::routing::post;
    let export = async move |body: bytes::Bytes| {
        received.send(body).await.unwrap();
        let message = http_body::Frame::data(bytes::Bytes::from_static(&[0; 5]));
        let ok = http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
        let frames = [Ok::<_, std::io::Error>(message), Ok(http_body::Frame::trailers(ok))];
        let body = http_body_util::StreamBody::new(futures::stream::iter(frames));
        ([("content-type", "application/grpc")], axum::body::Body::new(body))
    };
    axum::Router::new().route("/opentelemetry.proto.collector.trace.v1.TraceService/Export", post(export))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_reach_a_collector_before_the_process_ends() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (platform, (sender, mut received)) = (Platform::test(SERVICE), tokio::sync::mpsc::channel(16));
    let serving = platform.clone();
    platform.tasks.spawn("collector", async move {
        madang_chassis::web::serve(&serving, &ServerArgs::default(), listener, collector(sender)).await;
    });

    let mut process = Process::start_with("process::child_serves", "127.0.0.1:0", Some(&endpoint));
    let address = process.line("starts")["address"].as_str().unwrap().to_owned();
    process.line("serves gRPC");
    let client = Client::new(format!("http://{address}").parse().unwrap(), &platform);
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let call = quote(client.clone(), "trace");
    let told = madang_chassis::trace::follow(&*platform.ids, "test", given, call).await.unwrap();
    let call = quote(client, "panic");
    assert!(madang_chassis::trace::follow(&*platform.ids, "test", given, call).await.is_err());
    // The same trace, in a span of the service's own.
    assert_eq!((&told[..36], &told[53..]), (&given[..36], "01"));
    assert_ne!(told[36..52], given[36..52]);
    process.signal("TERM");
    assert_eq!(process.code(), Some(0));

    let mut sent = received.recv().await.unwrap().to_vec();
    while let Ok(more) = received.try_recv() {
        sent.extend_from_slice(&more);
    }
    let holds = |text: &[u8]| sent.windows(text.len()).any(|window| window == text);
    assert!(holds(b"shipping") && holds(&crate::world::QUOTE.as_bytes()[1..]));
    let trace = u128::from_str_radix(&given[3..35], 16).unwrap();
    assert!(holds(&trace.to_be_bytes()));
    // An error that is logged is an event of its span.
    assert!(holds(b"a panic") && holds(b"the safe's code is 1234"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_collector_that_is_away_holds_nothing_up() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nobody}");
    let mut process = Process::start_with("process::child_serves", "127.0.0.1:0", Some(&endpoint));
    let address = process.line("starts")["address"].as_str().unwrap().to_owned();
    process.line("serves gRPC");
    let client = Client::new(format!("http://{address}").parse().unwrap(), &Platform::test(SERVICE));
    assert_eq!(quote(client, "domestic").await.unwrap(), "domestic");
    process.signal("TERM");
    assert_eq!(process.code(), Some(0));
}

fn admin(address: &str, request: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn put(address: &str, filter: &str) -> String {
    let head = format!(
        "PUT /log-level HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}",
        filter.len()
    );
    admin(address, &format!("{head}\r\n\r\n{filter}"))
}

#[test]
fn what_is_logged_changes_while_the_process_runs() {
    let mut process = Process::start("process::child_serves", "127.0.0.1:0");
    let starts = process.line("starts");
    let address = starts["admin_address"].as_str().unwrap();
    let refused = put(address, "madang=loud");
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("no log filter"), "{refused}");
    let changed = put(address, "warn,madang_chassis=debug\n");
    assert!(changed.starts_with("HTTP/1.1 200 "), "{changed}");
    assert_eq!(process.line("the log level is changed")["level"], "WARN");
    let asked = admin(address, "GET /log-level HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(asked.ends_with("madang_chassis=debug,warn\n"), "{asked}");
    process.signal("TERM");
    assert_eq!(process.code(), Some(0));
}
