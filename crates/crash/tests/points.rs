//! What a point does to a process; each process here is this test's own executable again. `make test` runs it with the
//! feature, and once more without.
#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

/// The variables, in small letters so that this file does not bring their names into the executable.
const AT: &str = "madang_crash_at";
const LOG: &str = "madang_crash_log";

/// What the child has in front of it.
const WAY: [&str; 5] = ["a/before", "a/after", "a/before", "b", "a/before"];

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn child_on_its_way() {
    for name in WAY {
        madang_crash::point(|| name);
        println!("alive behind {name}");
    }
}

fn child(at: Option<&str>, log: Option<&Path>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_on_its_way", "--ignored", "--nocapture"]).env_clear();
    command.envs(at.map(|at| (AT.to_uppercase(), at))).envs(log.map(|log| (LOG.to_uppercase(), log)));
    command.output().unwrap()
}

fn passed(child: &Output) -> usize {
    String::from_utf8_lossy(&child.stdout).matches("alive behind").count()
}

#[test]
fn without_the_variables_nothing_happens() {
    let child = child(None, None);
    assert!(child.status.success());
    assert_eq!(passed(&child), WAY.len());
}

#[cfg(feature = "points")]
mod with_points {
    use std::os::unix::process::ExitStatusExt;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_process_is_killed_at_the_hit_and_the_log_tells_its_way() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let child = child(Some("a/before#2"), Some(&log));
        // SIGKILL: no handler, no destructor and no flush ran.
        assert_eq!(child.status.signal(), Some(9), "{child:?}");
        assert_eq!(passed(&child), 2);
        let way: Vec<_> = WAY[..3].iter().map(|name| format!("{name}\n")).collect();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), way.concat());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "another process's time, which no test can pause")]
    fn a_thread_stands_still_before_the_process_dies() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let begun = Instant::now();
        let child = child(Some("b#1~300"), Some(&log));
        assert_eq!((child.status.signal(), passed(&child)), (Some(9), 3), "{child:?}");
        assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_log_is_kept_without_a_death_and_goes_on_in_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        for times in 1..=2 {
            let child = child(None, Some(&log));
            assert_eq!((child.status.success(), passed(&child)), (true, WAY.len()));
            assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), times * WAY.len());
        }
    }

    #[test]
    fn a_point_that_is_not_reached_kills_nobody() {
        for at in ["a/before#4", "c#1"] {
            let child = child(Some(at), None);
            assert_eq!((child.status.success(), passed(&child)), (true, WAY.len()), "{at}");
        }
    }

    #[test]
    fn nonsense_ends_the_process_with_a_word_about_it() {
        for (at, log) in [(Some("a/before"), None), (None, Some("/no/such/folder/log"))] {
            let child = child(at, log.map(Path::new));
            assert_eq!((child.status.code(), passed(&child)), (Some(64), 0), "{child:?}");
            assert!(String::from_utf8_lossy(&child.stderr).contains("MADANG_CRASH_"), "{child:?}");
        }
    }
}

#[cfg(not(feature = "points"))]
#[test]
fn without_the_feature_there_is_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let child = child(Some("a/before#1"), Some(&log));
    assert_eq!((child.status.success(), passed(&child)), (true, WAY.len()));
    assert!(!log.exists());
    let executable = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let holds = |name: &str| executable.windows(name.len()).any(|window| window == name.as_bytes());
    assert!(!holds(&AT.to_uppercase()) && !holds(&LOG.to_uppercase()));
}
