use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::{Context, Result, bail};
use rand::RngExt;

use super::Service;

/// Below the range from which systems give ports to outgoing connections, so that none takes a drawn port meanwhile.
const DRAWN: Range<u16> = 10_000..31_900;
const DRAWS: usize = 1_000;
const ADMIN_OFFSET: u16 = 100;

/// Where OTLP is received, by convention.
const OTLP: u16 = 4317;

/// A port for each service; its admin port is 100 above. And one where the console receives traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    services: BTreeMap<Service, u16>,
    otlp: u16,
}

impl Ports {
    /// Each service's own port.
    pub fn usual() -> Self {
        let services = Service::ALL.into_iter().map(|service| (service, service.port())).collect();
        Self { services, otlp: OTLP }
    }

    /// Each service's own port. The one for traces is another where the usual one is taken, most often by a collector.
    ///
    /// # Errors
    /// Names the first port that is taken.
    pub fn usual_if_free() -> Result<Self> {
        for service in Service::ALL {
            for port in [service.port(), Self::admin(service.port())] {
                bind(port).with_context(|| {
                    format!("port {port}, where {service} listens, is taken; `--ports free` chooses others")
                })?;
            }
        }
        Ok(Self { otlp: free_or_drawn(OTLP)?, ..Self::usual() })
    }

    /// Ports that are free, drawn at random so that two shops started at once seldom meet.
    ///
    /// # Errors
    /// Where hardly any port is free.
    pub fn free() -> Result<Self> {
        let mut random = rand::rng();
        Self::draw(|| random.random_range(DRAWN))
    }

    /// The port where the service serves.
    pub fn of(&self, service: Service) -> u16 {
        self.services.get(&service).copied().unwrap_or_else(|| service.port())
    }

    /// Where the console receives traces.
    pub fn otlp(&self) -> u16 {
        self.otlp
    }

    /// Whether traces are received where senders look for a collector.
    pub fn has_usual_otlp(&self) -> bool {
        self.otlp == OTLP
    }

    /// The admin port that goes with a port.
    pub const fn admin(port: u16) -> u16 {
        port + ADMIN_OFFSET
    }

    fn draw(mut random: impl FnMut() -> u16) -> Result<Self> {
        let mut services = BTreeMap::new();
        // Held until all are drawn, so that none is drawn twice.
        let mut held = Vec::new();
        for service in Service::ALL {
            let (port, listeners) = draw_one(&mut random)?;
            held.push(listeners);
            services.insert(service, port);
        }
        let (otlp, _listeners) = draw_one(&mut random)?;
        Ok(Self { services, otlp })
    }
}

/// This port where it is free, or else another one.
fn free_or_drawn(port: u16) -> Result<u16> {
    match bind(port) {
        Ok(_) => Ok(port),
        Err(_) => Ok(draw_one(|| rand::rng().random_range(DRAWN))?.0),
    }
}

/// A port that is free, and the one above it that is its admin port; held until the listeners are dropped.
fn draw_one(mut random: impl FnMut() -> u16) -> Result<(u16, [TcpListener; 2])> {
    match (0..DRAWS).find_map(|_| hold(random())) {
        Some(drawn) => Ok(drawn),
        None => bail!("no free ports were found between {} and {}", DRAWN.start, DRAWN.end),
    }
}

fn hold(port: u16) -> Option<(u16, [TcpListener; 2])> {
    let listeners = [bind(port).ok()?, bind(Ports::admin(port)).ok()?];
    Some((port, listeners))
}

fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_drawn_twice_nor_one_whose_admin_port_is_taken() {
        // By this, or by another process.
        let _taken = bind(31_950);
        let mut draws = [31_850, 31_700, 31_700, 31_600].into_iter().chain(31_701..);
        let ports = Ports::draw(|| draws.next().unwrap()).unwrap();
        let mut all: Vec<u16> = Service::ALL.map(|service| ports.of(service)).into();
        assert!(!all.contains(&31_850), "its admin port is taken");
        all.extend(Service::ALL.map(|service| Ports::admin(ports.of(service))));
        all.push(ports.otlp());
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 17);
    }

    #[test]
    fn where_the_port_for_traces_is_taken_another_is_drawn() {
        let taken = bind(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        let drawn = free_or_drawn(port).unwrap();
        assert!(drawn != port && DRAWN.contains(&drawn), "{drawn}");
        assert!(Ports::usual().has_usual_otlp() && !Ports { otlp: drawn, ..Ports::usual() }.has_usual_otlp());
    }

    #[test]
    fn services_have_the_ports_of_the_design() {
        let ports = Ports::usual();
        assert_eq!(ports.of(Service::Orders), 50055);
        assert_eq!(Ports::admin(ports.of(Service::Gateway)), 8180);
    }
}
