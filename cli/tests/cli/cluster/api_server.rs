//! An API server of Kubernetes, over HTTP on a free port, as far as `madang` asks one before it changes anything.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// What a cluster is.
#[derive(Debug, Clone)]
pub(crate) struct Kubernetes {
    pub(crate) version: &'static str,
    /// The names of its CustomResourceDefinitions.
    pub(crate) definitions: Vec<&'static str>,
    pub(crate) groups: Vec<&'static str>,
    /// The resources that the user may not make.
    pub(crate) forbidden: Vec<&'static str>,
}

impl Kubernetes {
    /// A cluster with all that the shop needs.
    pub(crate) fn good() -> Self {
        Self {
            version: "v1.30.14",
            definitions: vec![
                "gateways.gateway.networking.k8s.io",
                "httproutes.gateway.networking.k8s.io",
                "grpcroutes.gateway.networking.k8s.io",
                "virtualservices.networking.istio.io",
                "destinationrules.networking.istio.io",
                "serviceentries.networking.istio.io",
                "sidecars.networking.istio.io",
                "peerauthentications.security.istio.io",
                "authorizationpolicies.security.istio.io",
                "telemetries.telemetry.istio.io",
            ],
            groups: vec!["apps", "networking.istio.io", "metrics.k8s.io"],
            forbidden: Vec::new(),
        }
    }

    fn answer(&self, asked: &str, body: &Value) -> Option<Value> {
        let told = match asked {
            "GET /version" => self.version(),
            "GET /apis" => {
                let group = |name: &&str| json!({ "name": name, "versions": [{ "groupVersion": format!("{name}/v1"), "version": "v1" }] });
                let groups: Vec<Value> = self.groups.iter().map(group).collect();
                json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
            }
            "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions" => {
                let items: Vec<Value> = self.definitions.iter().map(|name| definition(name)).collect();
                json!({ "kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1",
                    "metadata": { "resourceVersion": "7" }, "items": items })
            }
            "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
                let resource = body["spec"]["resourceAttributes"]["resource"].as_str()?;
                let mut review = body.clone();
                review["status"] = json!({ "allowed": !self.forbidden.contains(&resource) });
                review
            }
            _ => return None,
        };
        Some(told)
    }

    fn version(&self) -> Value {
        let mut numbers = self.version.trim_start_matches('v').split('.');
        let mut number = || numbers.next().unwrap_or_default();
        json!({ "major": number(), "minor": number(), "gitVersion": self.version, "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2024-04-16T15:00:00Z", "goVersion": "go1.21.9", "compiler": "gc", "platform": "linux/amd64" })
    }
}

/// A definition that may be used. Where the metadata alone is asked for, the rest is more than a real API server would say.
fn definition(name: &str) -> Value {
    let (plural, group) = name.split_once('.').unwrap();
    let names = json!({ "kind": plural, "plural": plural });
    json!({
        "metadata": { "name": name },
        "spec": { "group": group, "names": names, "scope": "Namespaced", "versions": [] },
        "status": { "conditions": [{ "type": "Established", "status": "True" }] },
    })
}

/// An API server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct ApiServer {
    pub(crate) url: String,
    asked: Asked,
    _runtime: Runtime,
}

type Asked = Arc<Mutex<Vec<String>>>;

impl ApiServer {
    pub(crate) fn start(kubernetes: Kubernetes) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Asked::default();
        let app = Router::new().fallback(answer).with_state((Arc::new(kubernetes), Arc::clone(&asked)));
        runtime.spawn(axum::serve(listener, app).into_future());
        Self { url, asked, _runtime: runtime }
    }

    /// What was asked that changes something. A question about permissions is a POST that does not.
    pub(crate) fn writes(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        assert!(asked.iter().any(|line| line == "GET /version"), "nothing was asked: {asked:?}");
        let is_write =
            |line: &&String| !line.starts_with("GET ") && !line.ends_with("/selfsubjectaccessreviews");
        asked.iter().filter(is_write).cloned().collect()
    }
}

async fn answer(
    State((kubernetes, asked)): State<(Arc<Kubernetes>, Asked)>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let line = format!("{method} {}", uri.path());
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let told = kubernetes.answer(&line, &body);
    asked.lock().unwrap().push(line);
    let code = if method == Method::POST { StatusCode::CREATED } else { StatusCode::OK };
    let missing = || {
        let told = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound",
            "message": "the server could not find the requested resource" });
        (StatusCode::NOT_FOUND, Json(told))
    };
    told.map_or_else(missing, |told| (code, Json(told)))
}
