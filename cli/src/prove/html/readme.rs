//! README's pictures are those of the last evidence.

use std::path::{Path, PathBuf};

use madang_experiments::Outcome;
use serde_json::Value;

use super::pictures;

/// Which experiment of which report, and which of its three pictures in time.
const SHOWN: [(&str, &str, usize); 2] =
    [("fault-isolation", "local", 0), ("circuit-breaker", "kubernetes", 1)];

fn evidence() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence")
}

fn outcome(id: &str, report: &str) -> Outcome {
    let text = std::fs::read_to_string(evidence().join(format!("{report}.json"))).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    let mut tried = report["tried"].as_array_mut().unwrap().iter_mut();
    let tried = tried.find(|tried| tried["experiment"]["id"] == id).unwrap();
    serde_json::from_value(tried["outcomes"][0].take()).unwrap()
}

/// `MADANG_WRITE_CLAIMS=1` writes them instead.
#[test]
fn readmes_pictures_are_those_of_the_evidence() {
    for (id, report, number) in SHOWN {
        let (path, picture) =
            (evidence().join(format!("{id}.svg")), pictures::image(&outcome(id, report), number));
        if std::env::var_os("MADANG_WRITE_CLAIMS").is_some() {
            std::fs::write(path, picture).unwrap();
        } else {
            assert!(std::fs::read_to_string(path).unwrap() == picture, "`make render` writes {id}.svg");
        }
    }
}
