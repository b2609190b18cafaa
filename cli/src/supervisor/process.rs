use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::Plan;
use super::log::Log;
use crate::shop::{Ports, Service, Shop};

/// The exit code of a service whose settings are bad. It would end so again, so it is not started again.
const BAD_SETTING: i32 = 64;

/// A process that ended.
#[derive(Debug)]
pub struct Ended {
    /// Whose it was.
    pub service: Service,
    /// How it ended.
    pub status: ExitStatus,
    /// How long it lived.
    pub lived: Duration,
    /// The last lines that it wrote, and where they are.
    pub log_tail: String,
}

impl Ended {
    /// Whether a setting is bad, so that starting it again is of no use.
    pub fn has_bad_setting(&self) -> bool {
        self.status.code() == Some(BAD_SETTING)
    }

    /// Whether it found its port taken. Services tell that in words only.
    pub fn found_port_taken(&self) -> bool {
        self.log_tail.to_lowercase().contains("address already in use")
            || self.log_tail.contains("address in use")
    }
}

/// One service's process.
#[derive(Debug)]
pub(super) struct Process {
    service: Service,
    child: Child,
    started: Instant,
    log: Log,
}

impl Process {
    pub(super) fn start(plan: &Plan, shop: &Shop, service: Service) -> Result<Self> {
        let path = plan.folder.log(service);
        let (log, file) =
            Log::open(path.clone()).with_context(|| format!("cannot write {}", path.display()))?;
        let mut command = Command::new(&plan.madang);
        command
            .args(["launch-service", "--parent", &std::process::id().to_string()])
            .arg(plan.binary(service))
            .envs(settings(plan, shop, service))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // Of its own group, so that the terminal's Ctrl-C reaches `madang` alone, which ends all in order.
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {service}"))?;
        Ok(Self { service, child, started: Instant::now(), log })
    }

    /// Its process id, until its end was seen: after that the id may be another's.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, where it did.
    pub(super) fn ended(&mut self) -> Option<Ended> {
        self.child.try_wait().ok().flatten().map(|status| self.end(status))
    }

    /// Waits for its end.
    pub(super) async fn wait(&mut self) -> Ended {
        let status = self.child.wait().await;
        // Waiting fails only for who is no child of ours; such a one is as good as gone.
        self.end(status.unwrap_or_default())
    }

    /// Sends a signal, unless it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        let id = self.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // It may end in this very moment; then there is nothing left to do.
        let _sent = id.is_some_and(|id| kill_process(id, signal).is_ok());
    }

    pub(super) fn log_tail(&self) -> String {
        self.log.tail()
    }

    /// Keeps its log bounded. One that cannot be is left as it is.
    pub(super) fn trim_log(&mut self) {
        let _trimmed = self.log.trim().is_ok();
    }

    fn end(&self, status: ExitStatus) -> Ended {
        Ended { service: self.service, status, lived: self.started.elapsed(), log_tail: self.log_tail() }
    }
}

/// All that a service is told.
fn settings(plan: &Plan, shop: &Shop, service: Service) -> Vec<(String, String)> {
    let port = plan.ports.of(service);
    let listen = |port: u16| format!("127.0.0.1:{port}");
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let mut settings = vec![
        pair("MADANG_LISTEN", listen(port)),
        pair("MADANG_ADMIN_LISTEN", listen(Ports::admin(port))),
        pair("MADANG_LOG_FORMAT", "json".to_owned()),
        pair("MADANG_LOG_LEVEL", plan.log_level.clone()),
        pair("MADANG_ADMIN_URLS", admin_urls(shop)),
    ];
    let owners = Service::ALL.into_iter().filter(|service| service.owns_data());
    settings.extend(owners.map(|owner| {
        pair(&format!("MADANG_{}_URL", owner.name().to_uppercase()), shop.url(owner).to_owned())
    }));
    settings.extend(plan.traces.then(|| telemetry(plan, service)));
    if service.owns_data() {
        let path = plan.folder.database(service);
        settings.push(pair("MADANG_DATABASE", format!("sqlite:{}", path.display())));
    }
    let besides = plan.settings.iter().filter(|(told, ..)| *told == service);
    settings.extend(besides.map(|(_, name, value)| pair(name, value.clone())));
    settings
}

/// The console receives what all others send. It does not send: looking at traces would make more of them.
fn telemetry(plan: &Plan, service: Service) -> (String, String) {
    let address = format!("127.0.0.1:{}", plan.ports.otlp());
    match service == Service::Console {
        true => ("MADANG_OTLP_LISTEN".to_owned(), address),
        false => ("MADANG_OTLP_ENDPOINT".to_owned(), format!("http://{address}")),
    }
}

fn admin_urls(shop: &Shop) -> String {
    let urls = shop.services.iter().map(|(service, place)| format!("{service}={}", place.admin_url));
    urls.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::shop::Folder;

    fn told(service: Service) -> BTreeMap<String, String> {
        told_with(service, true)
    }

    fn told_with(service: Service, traces: bool) -> BTreeMap<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::create(folder.path()).unwrap();
        let madang = PathBuf::from("/opt/madang");
        let besides = ["MADANG_FAULTS", "MADANG_LOG_FORMAT"];
        let besides = besides.map(|name| (Service::Catalog, name.to_owned(), "besides".to_owned())).to_vec();
        let log_level = "warn".to_owned();
        let plan = Plan { folder, ports: Ports::usual(), log_level, traces, settings: besides, madang };
        settings(&plan, &Shop::on(&Ports::usual()), service).into_iter().collect()
    }

    #[test]
    fn a_service_is_told_where_it_listens_and_where_the_others_are() {
        let told = told(Service::Orders);
        assert_eq!(told["MADANG_LISTEN"], "127.0.0.1:50055");
        assert_eq!(told["MADANG_ADMIN_LISTEN"], "127.0.0.1:50155");
        assert_eq!(told["MADANG_PAYMENTS_URL"], "http://127.0.0.1:50053");
        assert!(
            told["MADANG_DATABASE"].starts_with("sqlite:/")
                && told["MADANG_DATABASE"].ends_with("/orders.db")
        );
        assert!(told["MADANG_ADMIN_URLS"].starts_with("catalog=http://127.0.0.1:50151,inventory="));
        assert!(!told.contains_key("MADANG_GATEWAY_URL"));
    }

    #[test]
    fn what_one_service_is_told_besides_goes_over_all_else() {
        let (catalog, orders) = (told(Service::Catalog), told(Service::Orders));
        assert_eq!(
            (catalog["MADANG_FAULTS"].as_str(), catalog["MADANG_LOG_FORMAT"].as_str()),
            ("besides", "besides")
        );
        assert!(!orders.contains_key("MADANG_FAULTS") && orders["MADANG_LOG_FORMAT"] == "json");
    }

    #[test]
    fn the_gateway_has_no_database() {
        assert!(!told(Service::Gateway).contains_key("MADANG_DATABASE"));
    }

    #[test]
    fn the_console_receives_the_traces_of_all_others() {
        assert_eq!(told(Service::Orders)["MADANG_OTLP_ENDPOINT"], "http://127.0.0.1:4317");
        assert_eq!(told(Service::Gateway)["MADANG_OTLP_ENDPOINT"], "http://127.0.0.1:4317");
        assert_eq!(told(Service::Console)["MADANG_OTLP_LISTEN"], "127.0.0.1:4317");
        assert!(!told(Service::Console).contains_key("MADANG_OTLP_ENDPOINT"));
        assert!(Service::ALL.into_iter().all(|service| {
            told_with(service, false).keys().all(|name| !name.starts_with("MADANG_OTLP"))
        }));
    }
}
