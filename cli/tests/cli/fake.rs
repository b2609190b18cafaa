//! A shop that answers each call with what a test says, through a real server.

use std::collections::HashMap;
use std::process::{Output, Stdio};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

type Answer = Arc<dyn Fn(Bytes) -> Result<Vec<Bytes>, Status> + Send + Sync>;

/// What the shop answers, by the path of the call. On its HTTP side it is ready.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    calls: HashMap<&'static str, Answer>,
    pages: Vec<(&'static str, Page)>,
}

type Page = Arc<dyn Fn(&str) -> (u16, serde_json::Value) + Send + Sync>;

/// A fake shop that is open until it is dropped.
pub(crate) struct Open {
    folder: TempDir,
    _tasks: JoinSet<Result<(), tonic::transport::Error>>,
}

impl Open {
    /// `madang` with these arguments on this shop.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
        command.args(args).arg("--shop").arg(self.folder.path().join("shop.json")).stdin(Stdio::null());
        command
    }
}

impl Fake {
    /// Answers calls of this path with one message.
    pub(crate) fn on<Q, A>(
        self,
        path: &'static str,
        answer: impl Fn(Q) -> Result<A, Status> + Send + Sync + 'static,
    ) -> Self
    where
        Q: Message + Default,
        A: Message,
    {
        self.on_stream(path, move |request| Ok(vec![answer(request)?]))
    }

    /// Answers calls of this path with several messages.
    pub(crate) fn on_stream<Q, A>(
        mut self,
        path: &'static str,
        answer: impl Fn(Q) -> Result<Vec<A>, Status> + Send + Sync + 'static,
    ) -> Self
    where
        Q: Message + Default,
        A: Message,
    {
        let answer = move |bytes: Bytes| {
            let answers = answer(Q::decode(bytes).unwrap())?;
            Ok(answers.iter().map(|answer| answer.encode_to_vec().into()).collect())
        };
        self.calls.insert(path, Arc::new(answer));
        self
    }

    /// Answers HTTP requests of this route, by their queries, with a code and JSON.
    pub(crate) fn on_http(
        mut self,
        route: &'static str,
        answer: impl Fn(&str) -> (u16, serde_json::Value) + Send + Sync + 'static,
    ) -> Self {
        self.pages.push((route, Arc::new(answer)));
        self
    }

    /// Runs `madang` with these arguments on this shop.
    pub(crate) async fn madang(self, args: &[&str]) -> Output {
        let open = self.open().await;
        open.command(args).output().await.unwrap()
    }

    /// Opens the shop.
    pub(crate) async fn open(self) -> Open {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ready = || async { r#"{"version":"0.0.7","uptime_seconds":1}"# };
        let router = self.pages.iter().fold(axum::Router::new(), |router, (route, answer)| {
            let answer = Arc::clone(answer);
            router.route(route, axum::routing::get(async move |uri: axum::http::Uri| page(&*answer, &uri)))
        });
        let router = router
            .route("/readyz", axum::routing::get(ready))
            .route("/info", axum::routing::get(ready))
            .fallback(async move |request| self.answer(request).await);
        let mut server = tonic::transport::Server::builder().accept_http1(true);
        let server = server.add_routes(Routes::from(router));
        let mut tasks = JoinSet::new();
        tasks.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Open { folder: shop_file(&format!("http://{address}")), _tasks: tasks }
    }

    async fn answer(self, request: axum::extract::Request) -> axum::http::Response<tonic::body::Body> {
        let answer = self.calls.get(request.uri().path()).cloned();
        let serve = tower::service_fn(move |request: Request<Bytes>| {
            let answers = match &answer {
                Some(answer) => answer(request.into_inner()),
                None => Err(Status::unimplemented("the fake shop does not answer this")),
            };
            let stream = |answers: Vec<Bytes>| tokio_stream::iter(answers.into_iter().map(Ok));
            std::future::ready(answers.map(|answers| Response::new(stream(answers))))
        });
        // A single answer is a stream of one, on the wire.
        tonic::server::Grpc::new(Plain).server_streaming(serve, request).await
    }
}

fn page(
    answer: &dyn Fn(&str) -> (u16, serde_json::Value),
    uri: &axum::http::Uri,
) -> impl axum::response::IntoResponse + use<> {
    let (status, body) = answer(uri.query().unwrap_or_default());
    (axum::http::StatusCode::from_u16(status).unwrap(), body.to_string())
}

fn shop_file(url: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let names =
        ["catalog", "inventory", "payments", "shipping", "orders", "notifications", "gateway", "console"];
    let place = json!({ "url": url, "admin_url": url, "pid": 7 });
    let services: HashMap<&str, _> = names.into_iter().map(|name| (name, place.clone())).collect();
    std::fs::write(folder.path().join("shop.json"), json!({ "services": services }).to_string()).unwrap();
    folder
}

/// Messages as they are on the wire.
#[derive(Clone, Copy, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
