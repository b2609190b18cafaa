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

/// A port for each service; its admin port is 100 above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(BTreeMap<Service, u16>);

impl Ports {
    /// Each service's own port.
    pub fn usual() -> Self {
        Self(Service::ALL.into_iter().map(|service| (service, service.port())).collect())
    }

    /// Each service's own port.
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
        Ok(Self::usual())
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
        self.0.get(&service).copied().unwrap_or_else(|| service.port())
    }

    /// The admin port that goes with a port.
    pub const fn admin(port: u16) -> u16 {
        port + ADMIN_OFFSET
    }

    fn draw(mut random: impl FnMut() -> u16) -> Result<Self> {
        let mut ports = BTreeMap::new();
        // Held until all are drawn, so that none is drawn twice.
        let mut held = Vec::new();
        for service in Service::ALL {
            let Some((port, listeners)) = (0..DRAWS).find_map(|_| hold(random())) else {
                bail!("no free ports were found between {} and {}", DRAWN.start, DRAWN.end);
            };
            held.push(listeners);
            ports.insert(service, port);
        }
        Ok(Self(ports))
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
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 16);
    }

    #[test]
    fn services_have_the_ports_of_the_design() {
        let ports = Ports::usual();
        assert_eq!(ports.of(Service::Orders), 50055);
        assert_eq!(Ports::admin(ports.of(Service::Gateway)), 8180);
    }
}
