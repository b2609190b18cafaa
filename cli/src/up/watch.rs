use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::Stop;
use crate::output::{BAD, GOOD, Output, WAITS, styled};
use crate::shop::{Place, Service};
use crate::supervisor::{Backoff, Ended, Supervisor, is_ready};

/// How often logs are looked at, whether they are too long.
const TRIM: Duration = Duration::from_secs(10);

/// Starts again what dies, until `stop`.
pub(super) async fn watch(supervisor: &mut Supervisor, stop: &Stop, output: &Output) -> Result<()> {
    let mut backoffs: BTreeMap<Service, Backoff> = BTreeMap::new();
    let mut pauses = FuturesUnordered::new();
    let mut starting = FuturesUnordered::new();
    let mut started = BTreeSet::new();
    let mut trim = tokio::time::interval(TRIM);
    loop {
        tokio::select! {
            () = stop.heard() => return Ok(()),
            _ = trim.tick() => {
                supervisor.trim_logs();
                continue;
            }
            ended = supervisor.next_end() => {
                let pause = backoffs.entry(ended.service).or_default().pause(ended.lived);
                if tell_end(&ended, pause, output) {
                    pauses.push(after(pause, ended.service));
                }
            }
            Some(service) = pauses.next() => {
                supervisor.start(service)?;
                let place = supervisor.shop().services.get(&service).cloned();
                // One that died again before it was ready is waited for already.
                starting.extend(place.filter(|_| started.insert(service)).map(|place| ready(service, place)));
            }
            Some(service) = starting.next() => {
                started.remove(&service);
                output.note(&styled(GOOD, &format!("{service} is ready again")));
            }
        }
        supervisor.folder().tell(supervisor.shop())?;
    }
}

/// Says that a service died; answers whether it is to be started again.
fn tell_end(ended: &Ended, pause: Duration, output: &Output) -> bool {
    let Ended { service, status, log_tail, .. } = ended;
    if ended.has_bad_setting() {
        output.note(&styled(BAD, &format!("{service} has a bad setting and stays closed; {log_tail}")));
        return false;
    }
    let again = format!("{service} ended ({status}); it is started again in {} s", pause.as_secs_f32());
    output.note(&styled(WAITS, &again));
    true
}

async fn after(pause: Duration, service: Service) -> Service {
    tokio::time::sleep(pause).await;
    service
}

async fn ready(service: Service, place: Place) -> Service {
    let mut poll = tokio::time::interval(Duration::from_millis(100));
    while !is_ready(&place).await {
        poll.tick().await;
    }
    service
}
