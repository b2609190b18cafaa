//! The charts as they are, each with its library, in a folder of its own, and what `helm` renders from them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{LazyLock, Mutex};

use anyhow::{Context, Result, ensure};
use madang_tests::backends::skipped;
use madang_tests::tidy;
use tempfile::TempDir;

use crate::object::Object;
use crate::table::Table;

/// What asks for these tests: they need helm, kubectl and validators, which `make test` does not.
const VARIABLE: &str = "MADANG_TEST_CHARTS";
/// The charts that are installed, in the order of the umbrella.
pub(crate) const SERVICES: [&str; 8] =
    ["catalog", "inventory", "payments", "shipping", "orders", "notifications", "gateway", "console"];
/// The namespace that is rendered for.
pub(crate) const NAMESPACE: &str = "madang";
/// A chart that shows what the policy table says and what follows from it.
const PROBE: &str = r#"{{- $table := include "madang.table" . | fromYaml }}
table: {{ toJson $table }}
entries:
{{- range $name, $_ := $table }}
  {{ $name }}: {{ include "madang.entry" (dict "name" $name) | fromYaml | toJson }}
{{- end }}
defaults: {{ include "madang.defaults" . | fromYaml | toJson }}
"#;

/// Whether this run is about charts; where not, the test that asks is told as skipped.
pub(crate) fn asked() -> bool {
    let asked = std::env::var_os(VARIABLE).is_some();
    if !asked {
        let test = std::thread::current().name().unwrap_or("a test of the charts").to_owned();
        skipped(&test, "make check-charts runs it, with helm and kubectl");
    }
    asked
}

/// A copy of helm/ whose charts have their dependencies.
#[derive(Debug)]
pub(crate) struct Charts {
    folder: TempDir,
    /// What was rendered already, by chart and values.
    rendered: Mutex<BTreeMap<String, String>>,
}

impl Charts {
    /// The charts of the repository, made ready once for all tests.
    pub(crate) fn of_the_repository() -> &'static Self {
        static CHARTS: LazyLock<Charts> = LazyLock::new(|| Charts::copy(&|_| {}).unwrap());
        &CHARTS
    }

    /// A copy whose library, services and commons were first changed by hand.
    pub(crate) fn copy(change: &dyn Fn(&Path)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = folder.path();
        copy(&tidy::root().join("helm"), root)?;
        for chart in SERVICES.iter().chain(&["commons", "madang"]) {
            // What helm put there when it was used in the tree: as old as that.
            let stale = root.join(chart).join("charts");
            if stale.exists() {
                fs::remove_dir_all(stale)?;
            }
        }
        change(root);
        for chart in SERVICES.iter().chain(&["commons"]) {
            copy(&root.join("library"), &root.join(chart).join("charts/madang-library"))?;
            copy(&root.join(chart), &root.join("madang/charts").join(chart))?;
        }
        copy(&root.join("library"), &root.join("probe/charts/madang-library"))?;
        fs::create_dir_all(root.join("probe/templates"))?;
        fs::write(
            root.join("probe/Chart.yaml"),
            "apiVersion: v2\nname: probe\nversion: 0.1.0\nappVersion: APP\n",
        )?;
        fs::write(root.join("probe/templates/probe.yaml"), PROBE)?;
        Ok(Self { folder, rendered: Mutex::default() })
    }

    /// The folder of a chart.
    pub(crate) fn of(&self, chart: &str) -> PathBuf {
        self.folder.path().join(chart)
    }

    /// What `helm template` says of a chart, with these values set.
    pub(crate) fn helm(&self, chart: &str, sets: &[&str]) -> Result<Output> {
        let mut helm = Command::new("helm");
        helm.args(["template", chart]).arg(self.of(chart)).args(["--namespace", NAMESPACE]);
        helm.args(sets.iter().flat_map(|set| ["--set", set]));
        helm.output().context("helm cannot be run; make check-charts brings it")
    }

    /// The text that a chart renders to.
    pub(crate) fn text(&self, chart: &str, sets: &[&str]) -> Result<String> {
        let key = format!("{chart} {sets:?}");
        let known = self.rendered.lock().unwrap().get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let output = self.helm(chart, sets)?;
        ensure!(output.status.success(), "{key}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        self.rendered.lock().unwrap().insert(key, text.clone());
        Ok(text)
    }

    /// The whole shop as it is rendered with these values, tests of helm included.
    pub(crate) fn shop(&self, sets: &[&str]) -> Vec<Object> {
        Object::parse(&self.text("madang", sets).unwrap()).unwrap()
    }

    /// What the policy table says.
    pub(crate) fn table(&self) -> Table {
        serde_saphyr::from_str(&self.text("probe", &[]).unwrap()).unwrap()
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
