use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::policies::Policies;
use crate::{Answer, Cell, Experiment, Kind, Kubernetes, Limit, Needs, Setup, Trial};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "zero-trust",
    claim: "Security grows with the network: no part trusts a call for where it comes from.",
    hypothesis: "Each identity reaches exactly the RPCs, pages, databases and streams that the policy table allows it, and who has no identity reaches nothing.",
    steps: &[
        "for each identity of the table, and for one that it does not name, a pod asks every service for every RPC, and for what is no RPC",
        "a pod without a sidecar asks the same in plain text",
        "what was reached is held against the table, cell by cell",
    ],
    control: "One policy allows everybody everything, and sidecars take plain text.",
    needs: Needs::Mesh,
    limit: Duration::from_secs(300),
    by_hand: &[
        "kubectl --namespace madang run asks --image madang/cli:0.1.0 --restart Never --labels app.kubernetes.io/name=tester --override-type strategic --overrides '{\"spec\":{\"serviceAccountName\":\"orders\",\"securityContext\":{\"runAsNonRoot\":true,\"seccompProfile\":{\"type\":\"RuntimeDefault\"}},\"containers\":[{\"name\":\"asks\",\"securityContext\":{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"ALL\"]}}}]}}' -- cluster ask --output json",
        "kubectl --namespace madang wait pod/asks --for jsonpath='{.status.phase}'=Succeeded --timeout 2m",
        "kubectl --namespace madang logs asks --container asks | jq -r 'select(.answer == \"allowed\") | .to + \" \" + .what'",
        "kubectl --namespace madang delete pod asks",
    ],
    code: &[
        "helm/library/templates/_table.tpl",
        "helm/library/templates/_mesh.tpl",
        "helm/commons/templates/mesh.yaml",
        "docs/policies.md",
    ],
    setup: Setup::usual,
    run: |trial| Box::pin(run(trial)),
};

/// An identity that every namespace has and that the table does not name.
const NOBODY: &str = "default";
/// Pods that ask at once: more would ask so slowly on a small node that patience ends.
const AT_ONCE: usize = 4;
/// Wrong cells that are named.
const TOLD: usize = 10;
/// The services: where six serve gRPC and two serve pages, and the admin ports of all.
const SERVERS: f64 = 16.0;

async fn run(trial: &Trial) -> Result<()> {
    let kubernetes = trial.world().kubernetes()?;
    let policies = Policies::of_this_version();
    if trial.is_control() {
        open(kubernetes).await?;
        trial.mark("everybody is allowed everything, in plain text too");
    }
    let identities: Vec<&str> = policies.allowed.keys().copied().chain([NOBODY]).collect();
    let askers = identities.iter().copied().map(Some).chain([None]);
    let asked = stream::iter(askers).map(|identity| asked(trial, kubernetes, identity)).buffered(AT_ONCE);
    let mut asked: Vec<BTreeMap<Cell, Answer>> = asked.try_collect().await?;
    let plain = asked.pop().unwrap_or_default();

    let servers: BTreeSet<&str> = asked.iter().flat_map(BTreeMap::keys).map(|cell| &*cell.to).collect();
    let questions: usize = asked.iter().map(BTreeMap::len).sum();
    let mut seen = Seen::default();
    for (identity, answers) in identities.iter().zip(&asked) {
        let allowed = policies.allowed.get(identity).cloned().unwrap_or_default();
        // What this shop does not have, such as the charts' own NATS, nobody can reach.
        let allowed = allowed.into_iter().filter(|cell| servers.contains(&*cell.to)).collect();
        seen.add(identity, &allowed, answers);
    }
    for wrong in seen.wrong.iter().take(TOLD) {
        trial.mark(wrong);
    }
    let rpcs = policies.rpcs.len() * identities.len();
    trial.count("servers that were asked", servers.len() as u64, Limit::AtLeast(SERVERS));
    trial.count("questions, as each of the identities", questions as u64, Limit::AtLeast(rpcs as f64));
    trial.count("questions to which nobody answered", seen.lost, Limit::AtMost(0.0));
    trial.count("cells reached that the table allows", seen.right, Limit::AtLeast(1.0));
    trial.count("cells reached that it does not allow", seen.excess, Limit::AtMost(0.0));
    trial.count("cells not reached that it allows", seen.missing, Limit::AtMost(0.0));
    trial.count("questions in plain text", plain.len() as u64, Limit::AtLeast(policies.rpcs.len() as f64));
    trial.count("cells reached in plain text", reached(&plain).count() as u64, Limit::AtMost(0.0));
    Ok(())
}

/// Takes both mechanisms away.
async fn open(kubernetes: &dyn Kubernetes) -> Result<()> {
    // Policies that allow are added up, so the widest one has the last word.
    let everybody = json!({ "spec": { "rules": [{}] } });
    kubernetes.change(&Kind::AuthorizationPolicy.named("deny-by-default"), everybody).await?;
    let plain = json!({ "spec": { "mtls": { "mode": "PERMISSIVE" } } });
    kubernetes.change(&Kind::PeerAuthentication.named("default"), plain).await
}

async fn asked(
    trial: &Trial,
    kubernetes: &dyn Kubernetes,
    identity: Option<&str>,
) -> Result<BTreeMap<Cell, Answer>> {
    let answers = kubernetes.asked(identity).await?;
    let whom = identity.map_or_else(|| "in plain text".to_owned(), |identity| format!("as {identity}"));
    trial.mark(format!("asked {whom}: {} of {} cells are reached", reached(&answers).count(), answers.len()));
    Ok(answers)
}

fn reached(answers: &BTreeMap<Cell, Answer>) -> impl Iterator<Item = &Cell> {
    answers.iter().filter(|(_, answer)| **answer == Answer::Reached).map(|(cell, _)| cell)
}

/// What identities reached, against what they may.
#[derive(Debug, Default)]
struct Seen {
    right: u64,
    excess: u64,
    missing: u64,
    lost: u64,
    /// Each cell that is not as it should be.
    wrong: Vec<String>,
}

impl Seen {
    fn add(&mut self, identity: &str, allowed: &BTreeSet<Cell>, answers: &BTreeMap<Cell, Answer>) {
        let reached: BTreeSet<Cell> = reached(answers).cloned().collect();
        let (excess, missing) = (&reached - allowed, allowed - &reached);
        self.right += (reached.len() - excess.len()) as u64;
        self.excess += excess.len() as u64;
        self.missing += missing.len() as u64;
        self.lost += answers.values().filter(|answer| **answer == Answer::Lost).count() as u64;
        let told = |what: &str, cell: &Cell| format!("{identity} {what} {} {}", cell.to, cell.what);
        self.wrong.extend(excess.iter().map(|cell| told("may not reach, and reaches", cell)));
        self.wrong.extend(missing.iter().map(|cell| told("may reach, and does not reach", cell)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_is_held_against_what_may_be() {
        let cell = |what: &str| Cell::new("orders:50055", what);
        let allowed = BTreeSet::from([cell("/Place"), cell("/Get"), cell("/Forgotten")]);
        let answers = BTreeMap::from([
            (cell("/Place"), Answer::Reached),
            (cell("/Get"), Answer::Refused),
            (cell("/Cancel"), Answer::Reached),
            (cell("/Audit"), Answer::Refused),
            (cell("/Watch"), Answer::Lost),
        ]);
        let mut seen = Seen::default();
        seen.add("gateway", &allowed, &answers);
        assert_eq!((seen.right, seen.excess, seen.missing, seen.lost), (1, 1, 2, 1));
        let wrong = [
            "gateway may not reach, and reaches orders:50055 /Cancel",
            "gateway may reach, and does not reach orders:50055 /Forgotten",
            "gateway may reach, and does not reach orders:50055 /Get",
        ];
        assert_eq!(seen.wrong, wrong);
        seen.add("default", &BTreeSet::new(), &answers);
        assert_eq!((seen.right, seen.excess, seen.missing, seen.lost), (1, 3, 2, 2));
    }
}
