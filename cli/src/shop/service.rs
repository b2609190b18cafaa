use std::fmt;

use serde::{Deserialize, Serialize};

/// A service of the shop, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "their names say all; DESIGN.md has the table")]
pub enum Service {
    Catalog,
    Inventory,
    Payments,
    Shipping,
    Orders,
    Notifications,
    Gateway,
    Console,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Catalog,
        Self::Inventory,
        Self::Payments,
        Self::Shipping,
        Self::Orders,
        Self::Notifications,
        Self::Gateway,
        Self::Console,
    ];

    /// Those that publish events.
    pub const PRODUCERS: [Self; 3] = [Self::Orders, Self::Payments, Self::Shipping];

    /// The order in which they end: who asks ends before who answers, so that no call under way loses its answer.
    pub const CLOSING: [&'static [Self]; 3] = [
        &[Self::Gateway, Self::Console],
        &[Self::Orders],
        &[Self::Catalog, Self::Inventory, Self::Payments, Self::Shipping, Self::Notifications],
    ];

    /// The service's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Inventory => "inventory",
            Self::Payments => "payments",
            Self::Shipping => "shipping",
            Self::Orders => "orders",
            Self::Notifications => "notifications",
            Self::Gateway => "gateway",
            Self::Console => "console",
        }
    }

    /// Its port, unless another is chosen; the admin port is 100 above.
    pub const fn port(self) -> u16 {
        match self {
            Self::Catalog => 50051,
            Self::Inventory => 50052,
            Self::Payments => 50053,
            Self::Shipping => 50054,
            Self::Orders => 50055,
            Self::Notifications => 50056,
            Self::Gateway => 8080,
            Self::Console => 8081,
        }
    }

    /// Whether it is one of the six that own data and speak gRPC only; the gateway and the console own nothing.
    pub const fn owns_data(self) -> bool {
        !matches!(self, Self::Gateway | Self::Console)
    }

    /// Whose events it consumes.
    pub const fn consumes(self) -> &'static [Self] {
        match self {
            Self::Inventory | Self::Payments => &[Self::Orders],
            Self::Shipping => &[Self::Payments],
            Self::Notifications => &Self::PRODUCERS,
            Self::Catalog | Self::Orders | Self::Gateway | Self::Console => &[],
        }
    }

    /// Those that consume events.
    pub fn consumers() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|service| !service.consumes().is_empty())
    }

    /// Its binary's file name.
    pub fn binary(self) -> String {
        format!("madang-{self}")
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_ends_once() {
        let mut closing = Service::CLOSING.concat();
        closing.sort_unstable();
        assert_eq!(closing, Service::ALL);
    }
}
