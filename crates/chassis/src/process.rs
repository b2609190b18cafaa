use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, ServerArgs, TelemetryArgs};
use crate::{Listener, Platform, Service, Shutdown, admin, chain, panics, telemetry};

const MAX_WORKERS: usize = 4;
/// What a service may take beyond its drain before the process ends without it.
const SPARE: Duration = Duration::from_secs(5);

/// The edge of a service's process: reads the settings, starts telemetry, binds, serves the admin port, runs the service
/// until SIGTERM or SIGINT, drains, and tells how it went: 0 well, 64 bad settings, 1 any other failure, logged once with
/// all its causes.
pub fn main<A, F, Fut, E>(service: Service, run: F) -> ExitCode
where
    A: clap::Parser + AsRef<ServerArgs> + AsRef<TelemetryArgs>,
    F: FnOnce(A, Listener, Platform) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: StdError + 'static,
{
    let args: A = config::parse(&service);
    let outcome = runtime(args.as_ref()).map_err(Failure::Runtime).and_then(|runtime| {
        let outcome = runtime.block_on(Box::pin(supervise(service, args, run)));
        // A blocking task that hangs must not hold up the end.
        runtime.shutdown_timeout(Duration::from_secs(1));
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.exit(&service),
    }
}

/// Why a process ends before it is told to.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the runtime does not start")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    #[error("cannot listen on {0}")]
    Bind(SocketAddr, #[source] io::Error),
    #[error("cannot hear signals")]
    Signals(#[source] io::Error),
    #[error("the service failed")]
    Service(#[source] Box<dyn StdError>),
    #[error("the service panicked: {0}")]
    Panic(String),
    #[error("{0}")]
    Broken(String),
    #[error("the service did not end in time")]
    Overdue,
}

impl Failure {
    fn exit(&self, service: &Service) -> ExitCode {
        tracing::error!(error = chain(self), "{} ends", service.name);
        if !tracing::dispatcher::has_been_set() {
            use std::io::Write;
            // Nobody is left to tell where stderr is closed.
            let _written = writeln!(io::stderr(), "{}: {}", service.name, chain(self)).is_ok();
        }
        ExitCode::FAILURE
    }
}

fn runtime(args: &ServerArgs) -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.worker_threads.map_or(cores.min(MAX_WORKERS), usize::from);
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

async fn supervise<A, F, Fut, E>(service: Service, args: A, run: F) -> Result<(), Failure>
where
    A: AsRef<ServerArgs> + AsRef<TelemetryArgs>,
    F: FnOnce(A, Listener, Platform) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: StdError + 'static,
{
    let mut platform = Platform::system(service);
    let telemetry = telemetry::start(&mut platform, args.as_ref())?;
    let server: ServerArgs = AsRef::<ServerArgs>::as_ref(&args).clone();
    let outcome = serve(platform, args, &server, run).await;
    if outcome.is_ok() {
        tracing::info!("ends");
    }
    telemetry.end().await;
    outcome
}

async fn serve<A, F, Fut, E>(platform: Platform, args: A, server: &ServerArgs, run: F) -> Result<(), Failure>
where
    A: AsRef<TelemetryArgs>,
    F: FnOnce(A, Listener, Platform) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: StdError + 'static,
{
    let listener = bind(server.listen).await?.before_ready(platform.readiness.guard("server"));
    let admin_listener = bind(server.admin_address()).await?;
    let (address, admin_address) = (listener.local_addr(), admin_listener.local_addr());
    tracing::info!(
        version = platform.service.version,
        address = address.map(tracing::field::display),
        admin_address = admin_address.map(tracing::field::display),
        "starts"
    );
    hear_signals(&platform)?;
    crate::metrics::push(&platform, args.as_ref());
    let end_admin = Shutdown::new();
    let admin = admin::serve(admin_listener, platform.clone(), address, end_admin.clone());
    // Apart from the service's tasks, which end first.
    let admins = crate::Tasks::new(platform.shutdown.clone());
    admins.spawn("admin", admin);
    let outcome = until_done(run(args, listener, platform.clone()), &platform, server.drain_timeout).await;
    platform.shutdown.begin();
    if !platform.tasks.wait(server.drain_timeout).await {
        tracing::warn!(left = platform.tasks.len(), "tasks did not end in time");
    }
    end_admin.begin();
    admins.wait(SPARE).await;
    outcome?;
    platform.shutdown.failure().map_or(Ok(()), |cause| Err(Failure::Broken(cause.to_owned())))
}

async fn bind(address: SocketAddr) -> Result<Listener, Failure> {
    Listener::bind(address).await.map_err(|error| Failure::Bind(address, error))
}

fn hear_signals(platform: &Platform) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
    let shutdown = platform.shutdown.clone();
    platform.tasks.spawn("signals", async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = shutdown.begun() => return,
        };
        tracing::info!(signal = name, "shutdown begins");
        shutdown.begin();
    });
    Ok(())
}

/// Runs the service, but not for ever after the shutdown began.
async fn until_done<E: StdError + 'static>(
    run: impl Future<Output = Result<(), E>>,
    platform: &Platform,
    drain: Duration,
) -> Result<(), Failure> {
    let overdue = async {
        platform.shutdown.begun().await;
        tokio::time::sleep(drain + SPARE).await;
    };
    tokio::select! {
        outcome = AssertUnwindSafe(run).catch_unwind() => match outcome {
            Ok(outcome) => outcome.map_err(|error| Failure::Service(error.into())),
            Err(payload) => Err(Failure::Panic(panics::text(&*payload).to_owned())),
        },
        () = overdue => Err(Failure::Overdue),
    }
}
