use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::listener::dial;
use super::{Connector, Listener};

/// A network in memory, for tests of several services: a listener for each host name, and one connector to all.
///
/// ```
/// use madang_chassis::Network;
///
/// let network = Network::new();
/// let inventory = network.listen("inventory"); // reached as http://inventory
/// let connector = network.connector();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Network(Arc<Mutex<BTreeMap<String, mpsc::Sender<DuplexStream>>>>);

impl Network {
    /// A network without hosts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens under a host name; takes over from an earlier listener of that name, as a restarted service does.
    pub fn listen(&self, host: &str) -> Listener {
        let (sender, listener) = Listener::pipe();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), sender);
        listener
    }

    /// Reaches all hosts, those that come later as well. A host that is not there refuses the connection.
    pub fn connector(&self) -> Connector {
        let hosts = Arc::clone(&self.0);
        Connector::from_fn(move |uri| {
            let host = uri.host().unwrap_or_default();
            let sender = hosts.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
            async move {
                match sender {
                    Some(sender) => dial(sender).await,
                    None => Err(io::ErrorKind::ConnectionRefused.into()),
                }
            }
        })
    }
}
