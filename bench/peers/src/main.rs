//! The shop's saga on Restate, behind a gRPC front that takes orders as the shop's gateway does, so that the same load drives both.
//!
//! ```text
//! load ─gRPC─> front ─HTTP/2─> restate-server ─HTTP/2─> services (of this process)
//! ```
//!
//! It starts a restate-server of its own, says in a line of JSON where it takes orders and which processes work for them, and runs
//! until its input ends. Then it counts what Restate has, and fails where that is not what was answered.

mod audit;
mod checkout;
mod front;
mod objects;
mod order;
mod server;
mod steps;

use std::io::{Read, Write, stdin, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use restate_sdk::prelude::{Endpoint, HttpServer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use checkout::Checkout;
use front::Front;
use server::Server;

#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The program of Restate's server; tools/restate prints it
    #[arg(long, env = "MADANG_RESTATE_SERVER")]
    server: PathBuf,
    /// Into how many partitions the server divides its work; as many as it ships with unless given
    #[arg(long)]
    partitions: Option<u16>,
    #[command(subcommand)]
    form: Form,
}

/// How the saga is written.
#[derive(Debug, Clone, Subcommand)]
enum Form {
    /// Each participant is a virtual object that keeps its own state in Restate
    Objects,
    /// Each participant is a service with a database of its own, and each step a `ctx.run` that asks it
    Services(Participants),
}

/// Where the participants are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Participants {
    #[arg(long)]
    inventory: String,
    #[arg(long)]
    payments: String,
    #[arg(long)]
    shipping: String,
}

impl Form {
    /// The object that takes orders.
    fn name(&self) -> &'static str {
        match self {
            Self::Objects => "Orders",
            Self::Services(_) => "Checkout",
        }
    }

    fn endpoint(self) -> Result<Endpoint> {
        let builder = Endpoint::builder();
        Ok(match self {
            Self::Objects => builder
                .bind(objects::Orders)
                .bind(objects::Stock)
                .bind(objects::Payments)
                .bind(objects::Shipments)
                .build(),
            Self::Services(others) => builder.bind(Checkout::new(others)?).build(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let server = Arc::new(Server::start(&args.server, args.partitions).await?);
    let done = run(args.form, &server).await;
    Arc::into_inner(server).context("the server is still in use")?.end().await?;
    done
}

async fn run(form: Form, server: &Arc<Server>) -> Result<()> {
    let (services, takes_orders) = (listen().await?, listen().await?);
    let (services_at, front_at) = (services.local_addr()?, takes_orders.local_addr()?);
    let (orders, all) = (form.name(), matches!(form, Form::Objects));
    let (front, endpoint) = (Front::new(orders, Arc::clone(server)), form.endpoint()?);
    let session = async {
        server.register(services_at).await?;
        tell(front_at, server)?;
        over().await;
        audit::check(server, (orders, all), front.answered()).await
    };
    tokio::select! {
        () = HttpServer::new(endpoint).serve_with_cancel(services, std::future::pending::<()>()) => {
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
