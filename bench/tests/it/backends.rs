//! The goals on a real PostgreSQL and nats-server, where those are installed: each is measured, or left out by name.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use crate::program;

/// What the program tells of a goal, measured as briefly as can be.
async fn measured(goal: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("goals.json");
    let mut command = Command::new(program());
    command.args(["goals", goal, "--rounds", "1", "--seconds", "2", "--json"]).arg(&file);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Whether `tools/backends` finds it.
async fn is_installed(name: &str) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/backends");
    Command::new(script).args(["found", name]).output().await.unwrap().status.success()
}

async fn is_measured_or_left_out(goal: &str, rows: usize) {
    let told = measured(goal).await;
    let (measured, left_out) = (told["rows"].as_array().unwrap(), told["left_out"].as_array().unwrap());
    if is_installed(goal).await {
        assert_eq!((measured.len(), left_out.len()), (rows, 0), "{told}");
        let ratio = measured[0]["value"].as_f64().unwrap();
        assert!(ratio > 0.01 && ratio < 100.0, "{told}");
    } else {
        assert_eq!((measured.len(), left_out.len()), (0, 1), "{told}");
        assert_eq!(left_out[0][0], goal, "{told}");
    }
}

#[tokio::test]
async fn transactions_are_measured_beside_those_of_pgbench() {
    is_measured_or_left_out("postgres", 3).await;
}

#[tokio::test]
async fn a_backlog_is_measured_beside_a_bare_publisher() {
    is_measured_or_left_out("nats", 2).await;
}
