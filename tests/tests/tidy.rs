//! The import law and the layout, held against the repository as it is. The rules and their own tests are in
//! `madang_tests::tidy`.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]

use std::process::Command;

use madang_tests::tidy::{self, File, crates, named, proto, rooms, sources};

/// Every folder with code; one that does not exist yet has none.
const FOLDERS: [&str; 6] = ["crates", "services", "cli", "experiments", "bench", "tests"];

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn rust() -> Vec<File> {
    tidy::files(&tidy::root(), &FOLDERS, "rs").unwrap()
}

fn packages() -> Vec<crates::Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = Command::new(cargo)
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(tidy::root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    crates::packages(&String::from_utf8(metadata.stdout).unwrap()).unwrap()
}

#[test]
fn crates_use_only_what_the_import_law_allows() {
    let packages = packages();
    assert!(packages.len() >= 16, "only {} crates were found", packages.len());
    none(&crates::forbidden_uses(&packages));
}

#[test]
fn every_crate_has_the_lints_of_the_workspace_and_a_version_of_its_own() {
    none(&crates::bad_manifests(&packages()));
}

#[test]
fn no_release_has_crash_points() {
    none(&crates::armed_manifests(&packages()));
}

#[test]
fn a_domain_knows_nothing_but_itself() {
    none(&sources::impure_domains(&rust()));
}

#[test]
fn a_store_knows_nothing_of_grpc() {
    none(&sources::impure_stores(&rust()));
}

#[test]
fn errors_become_a_status_in_one_place() {
    none(&sources::stray_statuses(&rust()));
}

#[test]
fn no_file_is_too_long_or_named_mod() {
    let files = rust();
    none(&sources::long_files(&files));
    none(&sources::mod_files(&files));
}

#[test]
fn nothing_is_unfinished_or_ignored_without_a_reason() {
    none(&sources::unfinished(&rust()));
}

#[test]
fn every_service_has_the_same_rooms() {
    let paths = tidy::paths(&tidy::root(), &["services"]).unwrap();
    let mut services: Vec<&str> = paths.iter().filter_map(|path| path.split('/').nth(1)).collect();
    services.dedup();
    assert!(services.len() >= 8, "only {services:?} were found");
    none(&rooms::missing_rooms(&services, &paths));
    none(&rooms::long_mains(&rust()));
}

#[test]
fn every_rpc_has_a_comment() {
    let files = tidy::files(&tidy::root(), &["proto"], "proto").unwrap();
    assert!(files.len() >= 9, "only {} contracts were found", files.len());
    none(&proto::uncommented_rpcs(&files));
}

#[test]
fn every_rule_of_consistency_names_tests_that_exist() {
    let document = std::fs::read_to_string(tidy::root().join("docs/consistency.md")).unwrap();
    assert!(document.lines().filter(|line| line.starts_with("| ")).count() > 40, "the rules were not found");
    let files = tidy::files(&tidy::root(), &["crates", "services", "sim", "tests"], "rs").unwrap();
    none(&named::missing_tests(&document, &files));
}
