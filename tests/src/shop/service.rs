use std::fmt;

use super::Replica;

/// A service of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// Those that speak gRPC.
    pub const GRPC: [Self; 7] = [
        Self::Catalog,
        Self::Inventory,
        Self::Payments,
        Self::Shipping,
        Self::Orders,
        Self::Notifications,
        Self::Gateway,
    ];

    /// Its name.
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

    /// The port that it has by DESIGN.md, and in the README.
    pub const fn usual_port(self) -> u16 {
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

    /// A further process of it, on the same database: PostgreSQL's, since a SQLite file has one.
    pub const fn replica(self, number: u8) -> Replica {
        Replica { service: self, number }
    }

    /// Whether it has a database.
    pub const fn owns_data(self) -> bool {
        !matches!(self, Self::Gateway | Self::Console)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
