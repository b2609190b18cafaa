//! PostgreSQL: one synchronous connection for each thread, and a queue that all of them share.

mod campaign;
mod client;
mod connect;
mod fault;
mod link;
mod notices;
mod pool;
mod server;
mod session;
mod sql;
mod tls;
mod url;
mod value;
mod wire;
mod worker;

pub(crate) use campaign::campaign;
pub(crate) use fault::told;
pub(crate) use pool::Pool;
pub(crate) use server::Server;
pub(crate) use tls::authorities;
