use anyhow::{Context, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease as Object, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};

use super::revisions;
use crate::cluster::Cluster;
use crate::system;

/// Its name; notes of what a trial changed are on it, too.
pub(super) const NAME: &str = "madang-prove";
/// Longer than any trial takes; then whoever held it is taken for dead.
const SECONDS: i32 = 600;

/// Says to others that the shop of this cluster is being harmed. One trial has it at a time.
#[derive(Debug)]
pub(super) struct Lease(());

impl Lease {
    /// Takes it.
    ///
    /// # Errors
    /// Where another `madang prove` has it.
    pub(super) async fn take(cluster: &Cluster) -> Result<Self> {
        let api: Api<Object> = cluster.api();
        if let Some(there) =
            api.get_opt(NAME).await.context("cannot see whether another trial is under way")?
        {
            if is_alive(&there) {
                let holder = there.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
                bail!("another `madang prove` is under way on this cluster ({holder})");
            }
            let changed = revisions::of(&there);
            ensure!(
                changed.is_empty(),
                "nothing is harmed before what a killed `madang prove` left is undone: {}; where that cannot be, make it \
                 right by hand, then delete Lease {NAME} in namespace {}",
                revisions::told(&changed),
                cluster.namespace
            );
            api.delete(NAME, &DeleteParams::default()).await.context("cannot end a lease that is over")?;
        }
        let spec = LeaseSpec {
            holder_identity: Some(system::process_name()),
            lease_duration_seconds: Some(SECONDS),
            acquire_time: Some(MicroTime(now())),
            ..LeaseSpec::default()
        };
        let metadata = ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() };
        let lease = Object { metadata, spec: Some(spec) };
        // Of two who come at once one is refused.
        api.create(&PostParams::default(), &lease).await.context("cannot say that a trial is under way")?;
        Ok(Self(()))
    }

    /// Lets others have it. One that cannot be given back is over by itself in time.
    pub(super) async fn give_back(self, cluster: &Cluster) {
        let api: Api<Object> = cluster.api();
        let _given = api.delete(NAME, &DeleteParams::default()).await.is_ok();
    }
}

/// Who has a trial under way.
pub(super) async fn holder(cluster: &Cluster) -> Option<String> {
    let api: Api<Object> = cluster.api();
    let lease = api.get_opt(NAME).await.ok().flatten().filter(is_alive)?;
    lease.spec.and_then(|spec| spec.holder_identity)
}

/// One whose process is known to be gone is over; of processes elsewhere only the time is known.
fn is_alive(lease: &Object) -> bool {
    let Some(spec) = &lease.spec else { return false };
    if spec.holder_identity.as_deref().is_some_and(system::is_gone) {
        return false;
    }
    let length = SignedDuration::from_secs(spec.lease_duration_seconds.unwrap_or_default().into());
    spec.acquire_time.as_ref().is_some_and(|time| time.0.saturating_add(length).is_ok_and(|end| end > now()))
}

fn now() -> Timestamp {
    Timestamp::from_second(system::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::fake;

    fn lease(holder: &str, age: i64) -> Object {
        let acquired = Timestamp::from_second(system::now() - age).unwrap();
        let spec = LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(SECONDS),
            acquire_time: Some(MicroTime(acquired)),
            ..LeaseSpec::default()
        };
        Object { spec: Some(spec), ..Object::default() }
    }

    #[tokio::test]
    async fn nobody_begins_before_what_a_killed_trial_left_is_undone() {
        let mut left = lease("elsewhere/1", i64::from(SECONDS) + 1);
        let note = ("madang.dev/prove-releases".to_owned(), r#"{"catalog":[3,4]}"#.to_owned());
        left.metadata.annotations = Some([note].into());
        let (client, asked) = fake::client(move |_, _| (200, serde_json::to_value(&left).unwrap()));
        let cluster = Cluster { client, context: None, namespace: "madang".to_owned() };
        let error = Lease::take(&cluster).await.unwrap_err().to_string();
        let way = "release catalog (helm rollback catalog 4, helm rollback catalog 3)";
        assert!(error.contains(way), "{error}");
        assert!(
            asked.lock().unwrap().iter().all(|(line, _)| line.starts_with("GET")),
            "the lease is still there"
        );
    }

    #[test]
    fn a_lease_ends_with_its_process_or_its_time() {
        let own = system::process_name();
        assert!(is_alive(&lease(&own, 1)) && is_alive(&lease("elsewhere/1", 1)));
        assert!(!is_alive(&lease(&own, i64::from(SECONDS) + 1)));
        let host = own.rsplit_once('/').unwrap().0;
        assert!(!is_alive(&lease(&format!("{host}/4194999"), 1)), "no process has such an id");
        assert!(!is_alive(&Object::default()));
    }
}
