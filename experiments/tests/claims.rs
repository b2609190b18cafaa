//! docs/claims.md is what the experiments say, with the numbers of the last reports.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use madang_experiments::all::EXPERIMENTS;
use madang_experiments::{Experiment, Measure};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What `madang prove --json` wrote last; nothing of experiments that are younger.
fn evidence(file: &str) -> Value {
    let text = std::fs::read_to_string(root().join("docs/evidence").join(file));
    text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
}

fn tried<'a>(report: &'a Value, id: &str) -> Option<&'a Value> {
    report["tried"].as_array()?.iter().find(|tried| tried["experiment"]["id"] == id)
}

/// Each measure of an experiment, with the least and the greatest value of all its trials.
fn measures(tried: &Value) -> Vec<(String, String)> {
    let outcomes = tried["outcomes"].as_array().unwrap();
    let read = |outcome: &Value| serde_json::from_value::<Vec<Measure>>(outcome["measures"].clone()).unwrap();
    let all: Vec<Vec<Measure>> = outcomes.iter().map(read).collect();
    let told = |measure: &Measure| {
        let mut values: Vec<f64> = all
            .iter()
            .flatten()
            .filter(|other| other.name == measure.name)
            .map(|other| other.value)
            .collect();
        values.sort_by(f64::total_cmp);
        let at = |value: f64| Measure { value, ..measure.clone() }.told();
        let (least, most) = (at(values[0]), at(values[values.len() - 1]));
        let value = if least == most { least } else { format!("{least} to {most}") };
        (measure.name.clone(), format!("{value} | {}", measure.told_limit()))
    };
    all[0].iter().map(told).collect()
}

fn section(experiment: &Experiment, reports: &[Value; 4]) -> String {
    let Experiment { id, claim, hypothesis, control, .. } = experiment;
    let code: Vec<String> = experiment.code.iter().map(|path| format!("[{path}](../{path})")).collect();
    let file = format!("experiments/src/all/{}.rs", experiment.file());
    let mut text =
        format!("## {id}\n\n{claim}\n\n**Hypothesis.** {hypothesis}\n\n**Control.** {control}\n\n");
    writeln!(text, "Kept by {}; tried by [{file}](../{file}).", code.join(", ")).unwrap();
    let named = ["measured", "its control", "measured on Kubernetes", "its control on Kubernetes"];
    for (report, what) in reports.iter().zip(named) {
        let Some(tried) = tried(report, id) else { continue };
        writeln!(text, "\n| {what} | | limit |\n|---|---|---|").unwrap();
        for (name, value) in measures(tried) {
            writeln!(text, "| {name} | {value} |").unwrap();
        }
    }
    if reports.iter().all(|report| tried(report, id).is_none()) {
        text += "\nNot tried yet: no report in [evidence](evidence) has it.\n";
    }
    text
}

/// `MADANG_WRITE_CLAIMS=1` writes it instead.
#[test]
fn docs_claims_md_tells_all_experiments_and_their_last_numbers() {
    let reports =
        ["local.json", "local-controls.json", "kubernetes.json", "kubernetes-controls.json"].map(evidence);
    let sections: Vec<String> = EXPERIMENTS.iter().map(|experiment| section(experiment, &reports)).collect();
    let path = root().join("docs/claims.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- experiments -->").unwrap();
    let (_, after) = rest.split_once("<!-- /experiments -->").unwrap();
    let written =
        format!("{before}<!-- experiments -->\n\n{}\n<!-- /experiments -->{after}", sections.join("\n"));
    if std::env::var_os("MADANG_WRITE_CLAIMS").is_some() {
        std::fs::write(path, written).unwrap();
    } else {
        assert!(page == written, "`make render` writes docs/claims.md");
    }
}

#[test]
fn what_experiments_name_is_there() {
    for experiment in EXPERIMENTS {
        for path in
            experiment.code.iter().copied().chain([&*format!("experiments/src/all/{}.rs", experiment.file())])
        {
            assert!(root().join(path).exists(), "{}: {path}", experiment.id);
        }
        assert!(experiment.by_hand.len() > 1 && !experiment.steps.is_empty(), "{}", experiment.id);
    }
    let mut ids: Vec<_> = EXPERIMENTS.iter().map(|experiment| experiment.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), EXPERIMENTS.len());
}
