//! One seed, from the start to the audit.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use madang_chassis::{Platform, Service};
use madang_cli::audit::Facts;
use tempfile::TempDir;
use turmoil::Sim;

use crate::books::{self, Books};
use crate::carrier::Post;
use crate::courier::{self, Mailbox};
use crate::customers::{self, Told, Wish};
use crate::host::{self, Ground, Host, Role};
use crate::plan::{Act, CUSTOMERS, plan};
use crate::trace::HostClock;
use crate::{Control, Random, Trace, audit};

/// One step of the network and of every host.
const STEP: Duration = Duration::from_millis(10);
/// From when on customers come and things go wrong.
const OPENS: Duration = Duration::from_secs(1);
/// How long the shop may take to come to rest once everything is healed.
const REST: Duration = Duration::from_secs(600);
/// The same where a mechanism is switched off, and none may come.
const REST_OF_CONTROLS: Duration = Duration::from_secs(90);
/// How long it must stay at rest.
const STAYS: Duration = Duration::from_secs(3);
/// How many steps lie between two looks whether it is at rest.
const LOOK_EVERY: u32 = 25;

/// What a seed came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The hash of all that happened.
    pub hash: String,
    /// How many things that was.
    pub lines: u64,
    /// Messages that were delivered.
    pub messages: u64,
    /// Steps in which a service committed.
    pub commits: u64,
    /// Orders at the end.
    pub orders: usize,
    /// Acts of the plan.
    pub acts: usize,
    /// The simulated time.
    pub time: Duration,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash, lines, messages, commits, orders, acts, time } = self;
        let seconds = time.as_secs();
        write!(
            f,
            "hash={hash} lines={lines} messages={messages} commits={commits} orders={orders} acts={acts} seconds={seconds}"
        )
    }
}

/// Runs a seed in a folder of its own.
///
/// # Errors
/// What does not hold.
pub fn run(seed: u64, control: Option<Control>, trace: &Trace) -> Result<Outcome> {
    let mut world = World::new(seed, control, trace)?;
    world.disturb()?;
    world.heal();
    world.rest()?;
    let facts = world.read()?;
    let told = world.told.lock();
    let mut wrong = audit::wrong(&facts, &world.wishes, &told);
    wrong.extend(books::wrong_arcs(&world.hosts));
    for host in &world.hosts {
        let dead = books::dead_letters(host);
        wrong.extend((dead > 0).then(|| format!("{} has {dead} dead letters", host.role.name())));
    }
    for order in &facts.orders {
        trace.tell(format_args!("{} ends {:?} {}", order.order_id, order.state(), order.reason));
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    let (hash, lines, messages) = trace.hash();
    let (commits, orders) = (world.books.commits, facts.orders.len());
    Ok(Outcome { hash, lines, messages, commits, orders, acts: world.acted, time: world.sim.elapsed() })
}

struct World {
    sim: Sim<'static>,
    ground: Ground,
    hosts: Vec<Arc<Host>>,
    customers: Platform,
    wishes: Vec<Wish>,
    told: Told,
    books: Books,
    harmful: Duration,
    acted: usize,
    facts: Arc<Mutex<Option<Result<Facts>>>>,
    _folder: TempDir,
}

impl World {
    fn new(seed: u64, control: Option<Control>, trace: &Trace) -> Result<Self> {
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .epoch(UNIX_EPOCH)
            .tick_duration(STEP)
            .simulation_duration(Duration::from_secs(86_400))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(60))
            .tcp_capacity(4096)
            .enable_random_order()
            .build();
        let network = Random::new(seed, "network");
        let ground = Ground { seed, trace: trace.clone(), mailbox: Mailbox::default(), control, network };
        let folder = host::folder()?;
        let hosts: Vec<_> = Role::ALL.iter().map(|role| Host::new(*role, &ground, folder.path())).collect();
        for host in &hosts {
            let host = Arc::clone(host);
            sim.host(host.role.name(), move || Arc::clone(&host).run());
        }
        let (clock, service) = (HostClock::new(trace), |name| Service { name, version: "0", port: 0 });
        let courier = ground.platform(service("courier"), 0, &clock);
        let (mailbox, told) = (ground.mailbox.clone(), Told::default());
        sim.client("courier", courier::deliver(mailbox, trace.clone(), courier));
        let harmful = OPENS + Random::new(seed, "time").millis(8_000, 30_000);
        let customers = ground.platform(service(CUSTOMERS), 0, &clock);
        let wishes = customers::wishes(seed, harmful.saturating_sub(OPENS));
        let mut world = Self {
            sim,
            ground,
            hosts,
            customers,
            wishes,
            told,
            books: Books::default(),
            harmful,
            acted: 0,
            facts: Arc::default(),
            _folder: folder,
        };
        world.let_customers_in();
        Ok(world)
    }

    /// The customers' host: it brings their wishes, and reads the facts at the end.
    fn let_customers_in(&mut self) {
        let (ground, told, wishes) = (self.ground.clone(), self.told.clone(), self.wishes.clone());
        let (customers, facts) = (self.customers.clone(), Arc::clone(&self.facts));
        let products = wishes.iter().flat_map(|wish| &wish.request.lines).map(|line| line.product_id.clone());
        let products: BTreeSet<_> = products.collect();
        // The customers themselves wait, so that the shop is open when the first comes.
        told.lock().open = 1;
        self.sim.client(CUSTOMERS, async move {
            tokio::time::sleep(OPENS).await;
            let post = Post::new(CUSTOMERS, &ground.network, &ground.trace, &ground.mailbox);
            let connector = customers.connector.clone().carried_by(Arc::new(post));
            let carried = Platform { connector, ..customers.clone() };
            customers::begin(&wishes, &told, &ground, &carried);
            told.lock().open -= 1;
            customers.shutdown.begun().await;
            let read = audit::facts(&customers, products).await;
            *facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
            Ok(())
        });
    }

    fn step(&mut self) -> Result<()> {
        self.ground.trace.set_now(self.sim.elapsed());
        self.sim.step().map_err(|error| anyhow!("a process ended: {error}"))?;
        for host in &self.hosts {
            self.books.look(host, &self.ground.trace);
        }
        Ok(())
    }

    /// Lets customers come and things go wrong.
    fn disturb(&mut self) -> Result<()> {
        let mut acts = VecDeque::from(plan(self.ground.seed, self.harmful.saturating_sub(OPENS)));
        while self.sim.elapsed() < self.harmful {
            while let Some((_, act)) = acts.pop_front_if(|(at, _)| *at + OPENS <= self.sim.elapsed()) {
                self.act(act);
            }
            self.step()?;
        }
        Ok(())
    }

    fn act(&mut self, act: Act) {
        self.acted += 1;
        self.ground.trace.tell(format_args!("{act:?}"));
        match act {
            Act::Crash(role) => {
                self.hosts[role as usize].forget();
                self.sim.crash(role.name());
            }
            Act::Stop(role) => self.hosts[role as usize].stop(),
            Act::Start(role) => {
                self.hosts[role as usize].forget();
                self.sim.bounce(role.name());
            }
            Act::Part(a, b) => self.sim.partition(a, b),
            Act::PartOneWay(a, b) => self.sim.partition_oneway(a, b),
            Act::Hold(a, b) => self.sim.hold(a, b),
            Act::Join(a, b) => {
                self.sim.release(a, b);
                self.sim.repair(a, b);
            }
            Act::Step(role, seconds) => self.hosts[role as usize].clock.step(seconds),
        }
    }

    /// Joins all hosts, starts those that are down, and harms no message any more.
    fn heal(&mut self) {
        self.ground.trace.tell(format_args!("all is healed"));
        self.ground.trace.calm_down();
        let names: Vec<_> = Role::ALL.map(Role::name).into_iter().chain([CUSTOMERS]).collect();
        for (index, a) in names.iter().enumerate() {
            for b in &names[..index] {
                self.sim.release(*a, *b);
                self.sim.repair(*a, *b);
            }
        }
        for role in Role::ALL {
            let (host, running) =
                (Arc::clone(&self.hosts[role as usize]), self.sim.is_host_running(role.name()));
            if !running || host.is_ending() {
                self.act(Act::Start(role));
            }
        }
    }

    /// Waits until nothing is under way, and stays so.
    fn rest(&mut self) -> Result<()> {
        let most = if self.ground.control.is_some() { REST_OF_CONTROLS } else { REST };
        let (limit, mut since) = (self.sim.elapsed() + most, None);
        loop {
            for _ in 0..LOOK_EVERY {
                self.step()?;
            }
            let now = self.sim.elapsed();
            match self.under_way() {
                None if now >= *since.get_or_insert(now) + STAYS => return Ok(()),
                None => {}
                Some(what) if now >= limit => bail!("no rest within {} s: {what}", most.as_secs()),
                Some(_) => since = None,
            }
        }
    }

    fn under_way(&self) -> Option<String> {
        let open = self.told.lock().open;
        let customers = (open > 0).then(|| format!("{open} customers wait"));
        let letters = (!self.ground.mailbox.is_empty()).then(|| "calls are on their way".to_owned());
        customers.or(letters).or_else(|| books::under_way(&self.hosts))
    }

    fn read(&mut self) -> Result<Facts> {
        self.customers.shutdown.begin();
        let limit = self.sim.elapsed() + REST;
        while self.sim.elapsed() < limit {
            self.step()?;
            if let Some(facts) = self.facts.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return facts.context("the facts cannot be read");
            }
        }
        bail!("the facts were not read in time")
    }
}
