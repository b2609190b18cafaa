//! A host: one service on its own database, which outlives its crashes.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream;
use http::Uri;
use madang_chassis::testing::SeededIds;
use madang_chassis::{Connector, Listener, Platform, Service, config};
use madang_db::{Db, Migrations};
use tempfile::TempDir;
use turmoil::net::{TcpListener, TcpStream};

use crate::carrier::Post;
use crate::controls::Control;
use crate::courier::Mailbox;
use crate::trace::HostClock;
use crate::{Random, Trace, witness};

/// Where every host listens.
const PORT: u16 = 50051;

/// The services that are simulated, and the hosts' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Prices.
    Catalog,
    /// Stock.
    Inventory,
    /// Money.
    Payments,
    /// Parcels.
    Shipping,
    /// Orders and their saga.
    Orders,
    /// What customers are told.
    Notifications,
}

impl Role {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Catalog, Self::Inventory, Self::Payments, Self::Shipping, Self::Orders, Self::Notifications];

    /// What the service says it is.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::Catalog => madang_catalog::SERVICE,
            Self::Inventory => madang_inventory::SERVICE,
            Self::Payments => madang_payments::SERVICE,
            Self::Shipping => madang_shipping::SERVICE,
            Self::Orders => madang_orders::SERVICE,
            Self::Notifications => madang_notifications::SERVICE,
        }
    }

    /// The host's name.
    pub(crate) fn name(self) -> &'static str {
        self.service().name
    }

    fn calls(self) -> &'static [&'static str] {
        match self {
            Self::Catalog => &[],
            Self::Inventory | Self::Payments => &["orders"],
            Self::Shipping => &["payments"],
            Self::Orders => &["catalog", "inventory", "payments", "shipping"],
            Self::Notifications => &["orders", "payments", "shipping"],
        }
    }

    fn migrations(self) -> Vec<Migrations> {
        match self {
            Self::Catalog => madang_catalog::migrations(),
            Self::Inventory => madang_inventory::migrations(),
            Self::Payments => madang_payments::migrations(),
            Self::Shipping => madang_shipping::migrations(),
            Self::Orders => madang_orders::migrations(),
            Self::Notifications => madang_notifications::migrations(),
        }
    }
}

/// What all hosts of a simulation share.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// The seed.
    pub(crate) seed: u64,
    /// Time and what happened.
    pub(crate) trace: Trace,
    /// Late calls.
    pub(crate) mailbox: Mailbox,
    /// What is switched off, if anything.
    pub(crate) control: Option<Control>,
    /// What the network does.
    pub(crate) network: Random,
}

impl Ground {
    /// A platform of this ground, without a carrier.
    pub(crate) fn platform(&self, service: Service, incarnation: u64, clock: &HostClock) -> Platform {
        let ids = Random::new(self.seed, service.name).next() ^ Random::new(incarnation, "ids").next();
        Platform {
            connector: connector(),
            ..Platform::new(service, Arc::new(clock.clone()), Arc::new(SeededIds::new(ids)))
        }
    }
}

/// A service's host.
#[derive(Debug)]
pub(crate) struct Host {
    /// Which service.
    pub(crate) role: Role,
    /// Its time of day.
    pub(crate) clock: HostClock,
    ground: Ground,
    database: String,
    starts: AtomicU64,
    running: Mutex<Option<(Db, Platform)>>,
}

impl Host {
    /// A host that has not started, with its data in a folder.
    pub(crate) fn new(role: Role, ground: &Ground, folder: &Path) -> Arc<Self> {
        Arc::new(Self {
            role,
            clock: HostClock::new(&ground.trace),
            ground: ground.clone(),
            database: format!("sqlite:{}", folder.join(role.name()).with_extension("db").display()),
            starts: AtomicU64::new(0),
            running: Mutex::new(None),
        })
    }

    /// The database of the process that runs; none while it is down.
    pub(crate) fn db(&self) -> Option<Db> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(db, _)| db.clone())
    }

    /// Lets go of the process, before it crashes: its database has to be closed then.
    pub(crate) fn forget(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(running);
    }

    /// Tells the process to end, as SIGTERM does.
    pub(crate) fn stop(&self) {
        if let Some((_, platform)) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            platform.shutdown.begin();
        }
    }

    /// Whether the process was told to end.
    pub(crate) fn is_ending(&self) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().is_none_or(|(_, platform)| platform.shutdown.has_begun())
    }

    /// Runs the process until it is told to end.
    ///
    /// # Errors
    /// Where it cannot start, which no disturbance excuses, or a task of it panicked.
    pub(crate) async fn run(self: Arc<Self>) -> turmoil::Result {
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        self.ground.trace.tell(format_args!("{} starts", self.role.name()));
        let platform = self.ground.platform(self.role.service(), start, &self.clock);
        let post =
            Post::new(self.role.name(), &self.ground.network, &self.ground.trace, &self.ground.mailbox);
        let connector = platform.connector.clone().carried_by(Arc::new(post));
        let platform = Platform { connector, ..platform };
        let db = self.open(&platform, start)?;
        witness::install(&db, self.role).await?;
        if let Some(control) = self.ground.control {
            control.install(&db, self.role).await?;
        }
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        let accept = async |listener: TcpListener| {
            let accepted = listener.accept().await.map(|(stream, _)| stream);
            Some((accepted, listener))
        };
        let listener = Listener::from_stream(stream::unfold(listener, accept));
        let ended = self.serve(db, listener, platform.clone()).await;
        match platform.shutdown.failure() {
            Some(failure) => Err(failure.into()),
            None => ended,
        }
    }

    /// Opens its database, for the process of this platform.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub(crate) fn open(&self, platform: &Platform, incarnation: u64) -> turmoil::Result<Db> {
        let seed = Random::new(self.ground.seed ^ incarnation, self.role.name()).next();
        let db = Db::inline(&settings(&self.args())?, self.role.migrations(), seed)?;
        let running = Some((db.clone(), platform.clone()));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
        Ok(db)
    }

    /// Serves until the platform's shutdown.
    ///
    /// # Errors
    /// Those of the service, all of them at the start.
    pub(crate) async fn serve(&self, db: Db, listener: Listener, platform: Platform) -> turmoil::Result {
        let args = self.args();
        macro_rules! serve {
            ($service:ident) => {{
                let config: $service::Config = config::try_parse_from(&$service::SERVICE, args)?;
                $service::serve(db, config, listener, platform).await?
            }};
        }
        match self.role {
            Role::Catalog => serve!(madang_catalog),
            Role::Inventory => serve!(madang_inventory),
            Role::Payments => serve!(madang_payments),
            Role::Shipping => serve!(madang_shipping),
            Role::Orders => serve!(madang_orders),
            Role::Notifications => serve!(madang_notifications),
        }
        Ok(())
    }

    /// Flags as a process of this service has them. A crash here is one of the process, so the disk need not be waited for.
    fn args(&self) -> Vec<String> {
        let urls = self.role.calls().iter().flat_map(|name| [format!("--{name}-url"), uri(name).to_string()]);
        let fixed = [self.role.name(), "--database", &self.database, "--database-synchronous", "off"];
        fixed.map(str::to_owned).into_iter().chain(urls).collect()
    }
}

/// The database's part of the flags.
fn settings(args: &[String]) -> Result<madang_db::Config, config::Error> {
    #[derive(clap::Parser)]
    struct Settings {
        #[command(flatten)]
        database: madang_db::Config,
    }
    let service = Service { name: "database", version: "", port: 0 };
    let args = args.iter().take(5);
    config::try_parse_from::<Settings, _, _>(&service, args).map(|settings| settings.database)
}

/// Where a host is reached.
pub(crate) fn uri(host: &str) -> Uri {
    Uri::try_from(format!("http://{host}:{PORT}")).unwrap_or_default()
}

fn connector() -> Connector {
    Connector::from_fn(|uri| async move {
        TcpStream::connect((uri.host().unwrap_or_default().to_owned(), PORT)).await
    })
}

/// Where databases are: in memory, where the system has a file system there.
///
/// # Errors
/// Where no folder can be made.
pub(crate) fn folder() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }
}
