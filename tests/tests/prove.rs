//! `madang prove`: experiments hold, their controls do not, and one that is killed leaves nothing.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Shop, madang};
use serde_json::Value;
use tokio::process::Command;

/// Those whose limits no busy machine can break.
const STEADY: [&str; 3] = ["contract", "exactly-once-effects", "trace-complete"];

fn prove(temporary: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(Shop::madang().unwrap());
    command.arg("prove").args(args).env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

async fn told(args: &[&str]) -> Value {
    let temporary = tempfile::tempdir().unwrap();
    let told = madang::told(&mut prove(temporary.path(), &[args, &["--output", "json"]].concat()), args)
        .await
        .unwrap();
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "something is left");
    told.json().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn experiments_hold_and_tell_their_numbers() {
    let report = told(&STEADY).await;
    for tried in report["tried"].as_array().unwrap() {
        assert_eq!(tried["outcomes"][0]["holds"], true, "{tried:#}");
        assert!(!tried["outcomes"][0]["measures"].as_array().unwrap().is_empty());
    }
    assert_eq!(report["tried"].as_array().unwrap().len(), STEADY.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn their_controls_are_refuted() {
    let report = told(&[&STEADY[..2], &["--controls"]].concat()).await;
    for tried in report["tried"].as_array().unwrap() {
        assert_eq!(
            (&tried["as_expected"], &tried["outcomes"][0]["holds"]),
            (&true.into(), &false.into()),
            "{tried:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_leaves_no_process_and_its_folder_to_the_next_command() {
    let temporary = tempfile::tempdir().unwrap();
    let mut killed = prove(temporary.path(), &["saga-atomicity"]).stdout(Stdio::null()).spawn().unwrap();
    let running = wait::until("services that run on its folder", PATIENCE, async || {
        Ok(Some(users_of(temporary.path())).filter(|users| users.len() == 6))
    });
    running.await.unwrap();
    killed.kill().await.unwrap();
    wait::until("the end of all of them", PATIENCE, async || {
        Ok(users_of(temporary.path()).is_empty().then_some(()))
    })
    .await
    .unwrap();
    let next = madang::told(&mut prove(temporary.path(), &["--list"]), &["--list"]).await.unwrap();
    assert!(next.stderr.contains("was killed and left"), "{next:?}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// Processes that were started with a path in this folder.
fn users_of(folder: &Path) -> Vec<PathBuf> {
    let name = folder.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let uses = |process: &PathBuf| {
        let environ = std::fs::read(process.join("environ")).unwrap_or_default();
        let database = [b"MADANG_DATABASE=sqlite:", name.as_bytes()].concat();
        environ.windows(database.len()).any(|window| window == database)
    };
    processes.filter(uses).collect()
}
