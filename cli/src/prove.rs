//! `madang prove`: the promises of the architecture, tried by experiment on a shop that may be harmed.
//!
//! On this machine each trial opens a shop of its own, harms it, measures, and closes it; no other shop is touched, and nothing
//! stays. On Kubernetes the shop that is there is harmed, by one trial at a time, and what is done to it is undone. The experiments
//! themselves are in `experiments/`.

mod html;
pub(crate) mod kubernetes;
pub(crate) mod left;
mod local;
mod report;
mod show;
mod skipped;

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use madang_experiments::all::EXPERIMENTS;
use madang_experiments::{Experiment, Lab, Variant};

use crate::cluster::TargetArgs;
use crate::exit::Usage;
use crate::output::{Output, writable};
use crate::up::Stop;

use kubernetes::There;
use local::Here;
use report::{Report, Tried};

/// What `madang prove` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  madang prove --list                       What is claimed, and how it is tried
  madang prove --explain fault-isolation    One of them in full
  madang prove                              All that can be tried on this machine
  madang prove --controls                   Without the mechanisms: now each hypothesis must be refuted
  madang prove deadlines --repeat 10        One of them, ten times: do the verdicts agree, how far do the numbers spread?
  madang prove --context kind-madang        Those that can be tried on Kubernetes, on the shop that is there
  madang prove --html prove.html            What was done and measured as a page, for a browser, a phone or a printer

On this machine each trial has a shop of its own, with free ports and a temporary folder, so no other shop is disturbed. On
Kubernetes the shop that is there is harmed: its services are scaled to nothing and back, upgraded and rolled back, its pods are
evicted.
Exit codes: 0 all came out as it should, 1 something did not.")]
pub struct ProveArgs {
    /// Which experiments; all unless some are named
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// List them, and try none
    #[arg(long, conflicts_with_all = ["explain", "controls", "repeat", "json", "html"])]
    list: bool,

    /// Tell all of one of them, and try none
    #[arg(long, value_name = "ID", conflicts_with_all = ["ids", "controls", "repeat", "json", "html"])]
    explain: Option<String>,

    /// Try the controls instead: what a claim rests on is taken away, and the experiment must notice
    #[arg(long)]
    controls: bool,

    /// How often each is tried
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeat: u16,

    /// Where customers reach the shop on Kubernetes, by gRPC; by the API server unless set, which is slower
    #[arg(long, value_name = "URL", requires = "context")]
    edge: Option<String>,

    /// The folder with the charts, for experiments that change releases of Helm
    #[arg(long, value_name = "FOLDER", default_value = "helm", requires = "context")]
    charts: PathBuf,

    #[command(flatten)]
    target: TargetArgs,

    /// Write all that was measured to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the report as a page with pictures to this file; it needs no other
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl ProveArgs {
    fn is_on_kubernetes(&self) -> bool {
        self.target.context.is_some()
    }

    fn variant(&self) -> Variant {
        if self.controls { Variant::Control } else { Variant::Real }
    }

    /// Which reports could not be written: that is to be told before the experiments, not after them.
    fn unwritable(&self) -> Vec<String> {
        let files = [("--json", &self.json), ("--html", &self.html)];
        let files =
            files.iter().filter_map(|(flag, file)| Some((flag, file.as_ref()?.display().to_string())));
        let wrong = |(flag, file): (&&str, String)| {
            writable(&file).err().map(|error| format!("{flag}: `{file}`: {error}"))
        };
        files.filter_map(wrong).collect()
    }
}

/// Tries experiments, or tells of them.
///
/// # Errors
/// Where there is no such experiment, the services' binaries are missing, or a file cannot be written.
pub async fn run(args: ProveArgs, output: &Output) -> Result<ExitCode> {
    if let Some(id) = &args.explain {
        show::explain(chosen(std::slice::from_ref(id), Vec::new())?, output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut chosen = chosen(&args.ids, args.unwritable())?;
    if args.list {
        show::list(&chosen, output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let skipped = skipped::of(&chosen, &args.target, &args.charts).await;
    chosen.retain(|experiment| !skipped.iter().any(|(skipped, _)| skipped.id == experiment.id));
    let report = Report { skipped, ..prove(&chosen, &args, output).await? };
    if output.is_json() {
        output.json(&report.value())?;
    } else {
        output.text(&show::summary(&report))?;
    }
    let files = [(&args.json, format!("{:#}\n", report.value())), (&args.html, html::page(&report))];
    files.iter().try_for_each(|(file, text)| file.iter().try_for_each(|file| output.write(file, text)))?;
    Ok(if report.is_as_expected() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn prove(chosen: &[&'static Experiment], args: &ProveArgs, output: &Output) -> Result<Report> {
    let stop = Stop::listen()?;
    let variant = args.variant();
    let (here, there) =
        (Here, There { target: &args.target, edge: args.edge.as_deref(), charts: &args.charts });
    let lab: &dyn Lab = if args.is_on_kubernetes() { &there } else { &here };
    let mut report = Report::new(variant, args.repeat, args.target.context.as_deref());
    'all: for experiment in chosen {
        let mut tried = Tried { experiment, outcomes: Vec::new() };
        for _ in 0..args.repeat {
            let outcome = attempt((experiment, variant), lab, &stop, output).await;
            if !output.is_json() {
                output.text(&show::outcome(experiment, &outcome))?;
            }
            let was_interrupted = outcome.trouble.as_deref() == Some("interrupted");
            tried.outcomes.push(outcome);
            if was_interrupted {
                report.tried.push(tried);
                break 'all;
            }
        }
        report.tried.push(tried);
    }
    Ok(report)
}

/// One trial. What is done is told on the terminal's last line meanwhile.
async fn attempt(
    (experiment, variant): (&'static Experiment, Variant),
    lab: &dyn Lab,
    stop: &Stop,
    output: &Output,
) -> madang_experiments::Outcome {
    let progress = RefCell::new(output.progress());
    let tell = move |what: &str| progress.borrow_mut().show(&format!("{}: {what}", experiment.id));
    madang_experiments::run(experiment, variant, (lab, Box::new(tell)), stop.heard()).await
}

/// The experiments of these names; all where there is none. What else is wrong is told with unknown names.
fn chosen(ids: &[String], mut wrong: Vec<String>) -> Result<Vec<&'static Experiment>> {
    let find = |id: &String| EXPERIMENTS.iter().find(|experiment| experiment.id == *id);
    let known = || EXPERIMENTS.iter().map(|it| it.id).collect::<Vec<_>>().join(", ");
    let unknown = ids.iter().filter(|id| find(id).is_none());
    wrong.extend(unknown.map(|id| format!("there is no experiment `{id}`; there are {}", known())));
    if !wrong.is_empty() {
        return Err(Usage { command: "madang prove", wrong }.into());
    }
    Ok(match ids.is_empty() {
        true => EXPERIMENTS.iter().collect(),
        false => ids.iter().filter_map(find).collect(),
    })
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    impl ProveArgs {
        fn parse(args: &[&str]) -> Self {
            let command = Self::augment_args(clap::Command::new("prove")).no_binary_name(true);
            Self::from_arg_matches(&command.get_matches_from(args)).unwrap()
        }
    }

    #[test]
    fn experiments_go_by_their_names_and_all_unknown_ones_are_told() {
        let ids = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(chosen(&ids(&["deadlines"]), vec![]).unwrap()[0].id, "deadlines");
        assert!(chosen(&[], vec![]).unwrap().len() > 1);
        let args = ProveArgs::parse(&["x", "deadlines", "y", "--html", "/no/such/folder/x"]);
        let error = chosen(&args.ids, args.unwritable()).unwrap_err().to_string();
        for word in ["`x`", "`y`", "fault-isolation", "--html: `/no/such/folder/x`"] {
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
