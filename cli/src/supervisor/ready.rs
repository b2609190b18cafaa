use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Ended;
use crate::shop::{Place, Service, Shop};

const BETWEEN: Duration = Duration::from_millis(25);
const ANSWER: Duration = Duration::from_secs(2);

static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    reqwest::Client::builder().connect_timeout(ANSWER).timeout(ANSWER).no_proxy().build().unwrap_or_default()
});

/// Why a service is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It ended.
    #[error("{} ended at its start ({}); {}", .0.service, .0.status, .0.log_tail)]
    Ended(Ended),
    /// It did not say so in time.
    #[error("{service} is not ready after {} s; {tail}", limit.as_secs())]
    Late {
        /// Which.
        service: Service,
        /// How long it was waited for.
        limit: Duration,
        /// The last lines that it wrote, and where they are.
        tail: String,
    },
}

impl NotReady {
    /// Whether other ports may help.
    pub fn found_port_taken(&self) -> bool {
        matches!(self, Self::Ended(ended) if ended.found_port_taken())
    }
}

/// What a service says of itself on its admin port.
#[derive(Debug, Clone, Deserialize)]
pub struct Info {
    /// Its version.
    pub version: String,
    /// How long it runs.
    #[serde(default)]
    pub uptime_seconds: u64,
}

/// Whether the service there says that it is ready.
pub async fn is_ready(place: &Place) -> bool {
    let answer = HTTP.get(format!("{}/readyz", place.admin_url)).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// What the service there says of itself; nothing where it does not answer.
pub async fn info(place: &Place) -> Option<Info> {
    let answer = HTTP.get(format!("{}/info", place.admin_url)).send().await.ok()?;
    answer.json().await.ok()
}

pub(super) async fn is_place_ready(shop: &Shop, service: Service) -> bool {
    match shop.services.get(&service) {
        Some(place) => is_ready(place).await,
        None => false,
    }
}

/// When to ask again.
pub(super) fn poll() -> Interval {
    let mut poll = interval(BETWEEN);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    poll
}
