use madang_types::{Currency, Money};

/// Where money stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// With the customers; below zero by what the shop has or holds of theirs.
    Customer,
    /// Held on cards for orders that are not captured.
    Held,
    /// The shop's.
    Shop,
}

impl Account {
    const ALL: [Self; 3] = [Self::Customer, Self::Held, Self::Shop];

    /// Its name in the ledger and in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Held => "held",
            Self::Shop => "shop",
        }
    }

    /// The account with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|account| account.name() == name)
    }
}

/// What came to an account, or left it: one line of the ledger, or the sum of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The account.
    pub account: Account,
    /// In which currency.
    pub currency: Currency,
    /// How much in minor units; below zero where it left.
    pub minor_units: i64,
}

/// Money that goes from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// Which it leaves.
    pub from: Account,
    /// To which it comes.
    pub to: Account,
    /// How much.
    pub amount: Money,
}

impl Movement {
    /// Its two lines, which sum to zero. There is no other way to make lines.
    pub fn entries(self) -> [Entry; 2] {
        let (currency, minor_units) = (self.amount.currency(), self.amount.minor_units());
        // Money is never below zero, so its negative always exists.
        [
            Entry { account: self.from, currency, minor_units: -minor_units },
            Entry { account: self.to, currency, minor_units },
        ]
    }
}
