//! The words that all services share: ids, money, quantities, addresses, and the ports for time and ids.
//!
//! Everything here is synchronous and without I/O. A value that exists is valid: each type has one fallible
//! constructor and no setters ("parse, don't validate").

mod address;
mod id;
mod money;
mod port;
mod quantity;

pub use address::{Address, AddressError, RegionCode};
pub use id::{CustomerId, IdError, OrderId, ProductId, RequestId};
pub use money::{Currency, Money, MoneyError};
pub use port::{Clock, Ids};
pub use quantity::{Grams, Quantity, QuantityError};
