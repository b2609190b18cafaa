//! The shop's saga on Restate, behind a gRPC front that takes orders as the shop's gateway does, so that the same load drives both.
//!
//! ```text
//! load ─gRPC─> front ─HTTP/2─> restate-server ─HTTP/2─> services (of this process)
//! ```
//!
//! It starts a restate-server of its own, says in a line of JSON where it takes orders and which processes work for them, and runs
//! until its input ends. Then it counts what Restate has, and fails where that is not what was answered.

mod audit;
mod front;
mod objects;
mod order;
mod runs;
mod server;
mod steps;

use std::io::{Read, Write, stdin, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use restate_sdk::prelude::{Endpoint, HttpServer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use front::Front;
use server::Server;

#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How the saga is written
    form: Form,
    /// The program of Restate's server; tools/restate prints it
    #[arg(long, env = "MADANG_RESTATE_SERVER")]
    server: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Each participant is a virtual object that keeps its own state in Restate
    Objects,
    /// Each step is a `ctx.run` of the order: its result is in the order's journal, and no participant keeps anything
    Runs,
}

impl Form {
    /// The service that takes orders.
    fn name(self) -> &'static str {
        match self {
            Self::Objects => "Orders",
            Self::Runs => "Checkout",
        }
    }

    fn endpoint(self) -> Endpoint {
        let builder = Endpoint::builder();
        match self {
            Self::Objects => builder
                .bind(objects::Orders)
                .bind(objects::Stock)
                .bind(objects::Payments)
                .bind(objects::Shipments)
                .build(),
            Self::Runs => builder.bind(runs::Checkout).build(),
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let server = Arc::new(Server::start(&args.server).await?);
    let done = run(args.form, &server).await;
    Arc::into_inner(server).context("the server is still in use")?.end().await?;
    done
}

async fn run(form: Form, server: &Arc<Server>) -> Result<()> {
    let (services, takes_orders) = (listen().await?, listen().await?);
    let (services_at, front_at) = (services.local_addr()?, takes_orders.local_addr()?);
    let front = Front::new(form.name(), Arc::clone(server));
    let session = async {
        server.register(services_at).await?;
        tell(front_at, server)?;
        over().await;
        audit::check(form, server, front.answered()).await
    };
    tokio::select! {
        () = HttpServer::new(form.endpoint()).serve_with_cancel(services, std::future::pending::<()>()) => {
            bail!("the services have ended")
        }
        served = front::serve(front.clone(), takes_orders) => served.context("the front has ended"),
        done = session => done,
    }
}

/// A free port. What is accepted there sends at once, as all of the shop does: on Linux a connection has that from here.
async fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
    Ok(listener)
}

fn tell(front: SocketAddr, server: &Server) -> Result<()> {
    let pids = [i64::from(std::process::id()), i64::from(server.pid()?)];
    writeln!(stdout(), "{}", json!({ "url": format!("http://{front}"), "pids": pids }))?;
    Ok(stdout().flush()?)
}

/// Until the input ends, which it does however its owner ends, or Ctrl-C.
async fn over() {
    let (ended, end) = oneshot::channel::<()>();
    // A thread: what waits for a runtime's own input keeps that from ending.
    thread::spawn(move || {
        let read = stdin().read_to_end(&mut Vec::new());
        drop((read, ended));
    });
    tokio::select! {
        _ended = end => {}
        _asked = tokio::signal::ctrl_c() => {}
    }
}
