//! The lease dies with its process, however it dies. In a file of its own: a fork by another test could
//! carry the lock along.
#![cfg(test)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use madang_db::{Config, Db, Kind, Migrations, OpenError};
use refinery::{Migration, Runner};

const FILE: &str = "MADANG_TEST_FILE";

async fn open(path: &std::path::Path) -> Result<Db, OpenError> {
    let init = Migration::unapplied("V1__init", "CREATE TABLE item (id BIGINT)").unwrap();
    let runner = Runner::new(&[init]);
    Db::open(&Config::sqlite(path), vec![Migrations { table: "test_history", runner }]).await
}

#[tokio::test]
async fn kill_9_frees_the_lease_and_keeps_what_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_waits_to_be_killed", "--ignored", "--nocapture"])
        .env(FILE, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("answered")));
    assert!(matches!(open(&path).await, Err(OpenError::Locked { .. })));
    child.kill().unwrap();
    child.wait().unwrap();

    let db = open(&path).await.unwrap();
    let rows = db.read(|tx| tx.query("SELECT id FROM item", &[])).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn child_that_waits_to_be_killed() {
    let db = open(std::env::var(FILE).unwrap().as_ref()).await.unwrap();
    db.write(Kind::Request, |tx| tx.execute("INSERT INTO item (id) VALUES (1)", &[])).await.unwrap();
    println!("answered");
    // Ends with the parent, should that die first.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
