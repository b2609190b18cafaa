//! Where connections come from and how they leave: TCP, memory, or any stream of bytes.

mod accept;
mod carrier;
mod connector;
mod listener;
mod network;

pub(crate) use accept::{Limits, accept};
pub use carrier::{Carried, Carrier};
pub use connector::Connector;
pub(crate) use listener::Incoming;
pub use listener::{Io, Listener};
pub use network::Network;
