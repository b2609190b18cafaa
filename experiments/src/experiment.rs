use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::Trial;

/// A trial under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// A claim of the architecture, and how it is tried.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Experiment {
    /// Its name, such as `fault-isolation`.
    pub id: &'static str,
    /// What the architecture promises.
    pub claim: &'static str,
    /// What must be measured if that is true.
    pub hypothesis: &'static str,
    /// What is done, one step after the other.
    pub steps: &'static [&'static str],
    /// What the control takes away, so that the hypothesis must not hold.
    pub control: &'static str,
    /// Where it can be tried.
    pub needs: Needs,
    /// How long a trial may take, without opening the shop.
    #[serde(skip)]
    pub limit: Duration,
    /// How to do the same by hand, as commands.
    pub by_hand: &'static [&'static str],
    /// The files that make it hold, from the root of the repository.
    pub code: &'static [&'static str],
    /// What the shop is told, beyond the usual.
    #[serde(skip)]
    pub setup: fn(Variant) -> Setup,
    /// Does the harm and measures.
    #[serde(skip)]
    pub run: for<'a> fn(&'a Trial) -> Running<'a>,
}

/// What an experiment needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// A shop, wherever it is.
    Anywhere,
    /// Processes and data of this machine, or services that are told to be harmed.
    Local,
    /// On Kubernetes alone: pods, rollouts, scaling.
    Kubernetes,
    /// The same, with databases on servers of the charts.
    Databases,
    /// On Kubernetes with the mesh.
    Mesh,
    /// The same, with each service as a release of Helm, and the charts at hand.
    Releases,
}

/// The experiment itself, or its control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// Everything as it is built.
    Real,
    /// Without the mechanism.
    Control,
}

/// What services are told for a trial: service, variable, value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// Each setting.
    pub settings: Vec<(&'static str, &'static str, String)>,
    /// Whether traces are recorded.
    pub traces: bool,
}

impl Setup {
    /// As always.
    pub fn usual(_: Variant) -> Self {
        Self::default()
    }

    /// The same, with a setting of a service.
    #[must_use]
    pub fn with(mut self, service: &'static str, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((service, name, value.into()));
        self
    }
}

impl Experiment {
    /// The name of its file in `experiments/src/all/`.
    pub fn file(&self) -> String {
        self.id.replace('-', "_")
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Anywhere => "anywhere",
            Self::Local => "local",
            Self::Kubernetes => "Kubernetes",
            Self::Databases => "Kubernetes, own databases",
            Self::Mesh => "mesh",
            Self::Releases => "mesh, Helm",
        })
    }
}
