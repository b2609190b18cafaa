//! What the services measure, as their own registries list it, against the documents, the rules of alerts and the dashboards.
//! With MADANG_WRITE_TELEMETRY=1 the documents and dashboards are written.

#![expect(clippy::unwrap_used, reason = "a test may; clippy sees tests only where #[test] stands")]

mod dashboards;
mod document;
mod names;
mod panels;
mod registries;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Holds a file to what it should be, or writes it.
#[track_caller]
fn held(path: &str, wanted: &str) {
    let file = root().join(path);
    if std::env::var_os("MADANG_WRITE_TELEMETRY").is_some() {
        std::fs::write(&file, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is not what the code gives: run `make render`");
}
