//! Which crate may use which: the import law, and what every Cargo.toml has.

use anyhow::{Context, Result};
use serde_json::Value;

/// A crate of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder, from the root of the repository.
    pub folder: String,
    /// The crates of the workspace that it uses, in tests and build scripts too.
    pub uses: Vec<String>,
    /// Its Cargo.toml.
    pub manifest: String,
}

/// Reads what `cargo metadata --no-deps --format-version 1` says.
///
/// # Errors
/// Where it says something else, or a manifest cannot be read.
pub fn packages(metadata: &str) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata answered no JSON")?;
    let root = metadata["workspace_root"].as_str().context("no workspace_root")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    packages.iter().map(|package| read(package, root)).collect()
}

fn read(package: &Value, root: &str) -> Result<Package> {
    let path = package["manifest_path"].as_str().context("no manifest_path")?;
    let folder = path.strip_suffix("/Cargo.toml").and_then(|path| path.strip_prefix(root));
    let uses = package["dependencies"].as_array().context("no dependencies")?;
    // A path: a crate of this workspace, whatever its name.
    let uses = uses.iter().filter(|used| used["path"].is_string());
    Ok(Package {
        name: package["name"].as_str().context("no name")?.to_owned(),
        folder: folder.context("a crate outside of the workspace")?.trim_start_matches('/').to_owned(),
        uses: uses.filter_map(|used| used["name"].as_str().map(str::to_owned)).collect(),
        manifest: std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?,
    })
}

/// The crates that a crate may use besides itself; nothing where DESIGN.md says nothing of it.
fn may_use(folder: &str) -> Option<&'static [&'static str]> {
    const CRATES: [&str; 8] = ["types", "api", "chassis", "crash", "db", "events", "saga", "spans"];
    Some(match folder {
        "crates/types" | "crates/crash" | "crates/page" | "crates/saga" | "crates/spans" => &[],
        // What libraries use, in the place of a larger one.
        "crates/regex" => &[],
        "crates/api" => &["types"],
        "crates/load" => &["api", "types"],
        // A commit is where a process dies.
        "crates/db" => &["crash"],
        "crates/chassis" => &["api", "crash", "types"],
        "crates/events" => &["db", "api", "chassis", "crash", "types"],
        "cli" => &["api", "experiments", "load", "page", "spans", "types"],
        "experiments" => &["api", "load", "spans"],
        "tests" => &["api", "types"],
        // What it measures beside PostgreSQL's and NATS's own tools is the code, not a process of it.
        "bench" => &["api", "chassis", "db", "events", "load", "orders", "page", "types"],
        // The whole shop in one process, for tests alone.
        "sim" => &[
            "types",
            "api",
            "chassis",
            "db",
            "events",
            "saga",
            "cli",
            "catalog",
            "inventory",
            "payments",
            "shipping",
            "orders",
            "notifications",
            "gateway",
            // Its metrics are listed with those of the others.
            "console",
        ],
        service if service.starts_with("services/") => &CRATES,
        _ => return None,
    })
}

/// Who uses what it must not. Tests and build scripts obey too.
pub fn forbidden_uses(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let Some(allowed) = may_use(&package.folder) else {
            wrong.push(format!(
                "{}: the import law says nothing of it; DESIGN.md, section 4, and this test must",
                package.folder
            ));
            continue;
        };
        let is_allowed = |used: &str| {
            used == package.name || used.strip_prefix("madang-").is_some_and(|short| allowed.contains(&short))
        };
        let uses = package.uses.iter().filter(|used| !is_allowed(used));
        wrong.extend(uses.map(|used| format!("{} must not use {used}", package.name)));
    }
    wrong
}

/// Crates without the workspace's lints or without a version of their own.
pub fn bad_manifests(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for Package { folder, manifest, .. } in packages {
        let line = |section: &str, begin: &str| {
            let lines = manifest.lines().map(str::trim).skip_while(|line| *line != section).skip(1);
            lines.take_while(|line| !line.starts_with('[')).any(|line| line.starts_with(begin))
        };
        if !line("[lints]", "workspace = true") {
            wrong.push(format!("{folder} has not the lints of the workspace"));
        }
        if !line("[package]", "version = \"") {
            wrong.push(format!("{folder} has no version of its own"));
        }
    }
    wrong
}

/// Crates that have the points of madang-crash in every build of theirs. Only who builds for tests asks for those.
pub fn armed_manifests(packages: &[Package]) -> Vec<String> {
    let feature = |line: &str| match line.split('#').next().unwrap_or_default() {
        line if line.contains("madang-crash/points") => true,
        line if line.contains("madang-crash") => line.contains("\"points\""),
        line => line.trim_start().starts_with("default") && line.contains("\"points\""),
    };
    let armed = packages.iter().filter(|package| package.manifest.lines().any(feature));
    armed.map(|package| format!("{} would release madang-crash's points", package.folder)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str, uses: &[&str]) -> Package {
        let short = folder.rsplit('/').next().unwrap();
        Package {
            name: format!("madang-{short}"),
            folder: folder.to_owned(),
            uses: uses.iter().map(|used| format!("madang-{used}")).collect(),
            manifest: "[package]\nversion = \"0.1.0\"\n\n[lints]\nworkspace = true\n".to_owned(),
        }
    }

    #[test]
    fn what_the_law_allows_is_allowed() {
        let good = [
            package("crates/types", &["types"]),
            package("crates/api", &["types"]),
            package("crates/events", &["db", "api", "chassis", "crash"]),
            package("crates/db", &["crash"]),
            package("services/orders", &["saga", "events", "db"]),
            package("cli", &["api", "load"]),
        ];
        assert_eq!(forbidden_uses(&good), Vec::<String>::new());
    }

    #[test]
    fn every_forbidden_use_is_told() {
        let bad = [
            package("crates/saga", &["api"]),
            package("crates/db", &["types"]),
            package("crates/load", &["chassis"]),
            package("crates/chassis", &["db"]),
            package("services/orders", &["payments"]),
            package("cli", &["orders"]),
            package("crates/new", &[]),
        ];
        let told = forbidden_uses(&bad);
        assert_eq!(told.len(), bad.len(), "{told:#?}");
        assert!(told.contains(&"madang-orders must not use madang-payments".to_owned()), "{told:#?}");
    }

    #[test]
    fn a_manifest_without_lints_or_version_is_told() {
        let bad = "[package]\nversion.workspace = true\n\n[dependencies]\nworkspace = true\n";
        let bad = Package { manifest: bad.to_owned(), ..package("cli", &[]) };
        assert_eq!(bad_manifests(&[bad]).len(), 2);
        assert!(bad_manifests(&[package("cli", &[])]).is_empty());
    }

    #[test]
    fn a_crate_that_would_release_points_is_told() {
        let with = |line: &str| Package { manifest: line.to_owned(), ..package("crates/db", &[]) };
        for armed in [
            "default = [\"points\"]",
            "sim = [\"madang-crash/points\"]",
            "madang-crash = { workspace = true, features = [\"points\"] }",
        ] {
            assert_eq!(armed_manifests(&[with(armed)]).len(), 1, "{armed}");
        }
        for unarmed in
            ["points = [\"dep:rustix\"]", "madang-crash.workspace = true", "# --features madang-crash/points"]
        {
            assert!(armed_manifests(&[with(unarmed)]).is_empty(), "{unarmed}");
        }
    }

    #[test]
    fn metadata_is_read() {
        let root = super::super::root();
        let manifest = root.join("tests/Cargo.toml");
        let metadata = serde_json::json!({
            "workspace_root": root,
            "packages": [{
                "name": "madang-tests",
                "manifest_path": manifest,
                "dependencies": [
                    { "name": "madang-orders", "path": "/somewhere", "kind": "dev" },
                    { "name": "serde", "path": null, "kind": null },
                ],
            }],
        });
        let told = forbidden_uses(&packages(&metadata.to_string()).unwrap());
        assert_eq!(told, ["madang-tests must not use madang-orders"]);
    }
}
