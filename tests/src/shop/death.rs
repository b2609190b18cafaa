//! A process that ends by itself, where a test asked for it (the crate madang-crash).

use std::os::unix::process::ExitStatusExt;

use anyhow::{Result, bail};

use super::{Service, Shop};

/// SIGKILL, as a number of its wait status.
const KILLED: i32 = 9;

impl Shop {
    /// Starts a service, and waits until it is ready or dead.
    ///
    /// # Errors
    /// Where it becomes neither.
    pub async fn start_or_die(&mut self, service: Service) -> Result<()> {
        let ready = self.start(service).await;
        if ready.is_err() && self.is_dead(service)? { Ok(()) } else { ready }
    }

    /// The last lines that a service logged.
    pub fn last_words(&self, service: Service) -> String {
        self.log_tail(service.into())
    }

    /// Whether a service that was started has died, by SIGKILL.
    ///
    /// # Errors
    /// Where it ended in another way.
    pub fn is_dead(&mut self, service: Service) -> Result<bool> {
        let Some(process) = self.processes.get_mut(&service.into()) else { return Ok(true) };
        match process.ended() {
            None => Ok(false),
            Some(status) if status.signal() == Some(KILLED) => Ok(true),
            Some(status) => bail!("{service} ended by itself ({status}); {}", self.log_tail(service.into())),
        }
    }
}
