use std::fmt;

use super::Service;

/// One of the processes of a service. A service alone stands for its first, which the others call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Replica {
    /// Of which service.
    pub service: Service,
    /// From 0.
    pub number: u8,
}

impl Replica {
    /// How many a service of a test's shop may have.
    pub(super) const MOST: u8 = 3;

    /// All that a shop may have.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let of = |service| (0..Self::MOST).map(move |number| Self { service, number });
        Service::ALL.into_iter().flat_map(of)
    }
}

impl From<Service> for Replica {
    fn from(service: Service) -> Self {
        Self { service, number: 0 }
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => self.service.fmt(f),
            number => write!(f, "{}-{number}", self.service),
        }
    }
}
