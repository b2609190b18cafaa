//! Seeds: every one leaves the books in order, and gives the same trace each time. A seed has a process of its own.
//!
//! `MADANG_SIM_SEEDS=1000` runs so many; `MADANG_SIM_SEED=7 cargo test -p madang-sim replay -- --nocapture` shows one.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Seeds in an ordinary run; the first are those that once found something, or whose races are rare.
const SEEDS: usize = 50;
const FIXED: [u64; 9] = [5, 6, 8, 11, 24, 27, 35, 103, 112];
/// Seeds that are run twice.
const TWICE: usize = 20;

fn command(seed: u64, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_madang-sim"));
    // Flags of services come from variables too: none of ours may meet them.
    command.env_clear().args(["--seed", &seed.to_string()]).args(more).stdin(Stdio::null());
    command
}

/// What a seed came to: its line, or how it failed.
fn run(seed: u64, more: &[&str]) -> Result<String, String> {
    told(&command(seed, more).output().expect("the simulation starts"))
}

fn told(output: &Output) -> Result<String, String> {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let line = stdout.trim().to_owned();
    if output.status.success() { Ok(line) } else { Err(format!("{line} {}", stderr.trim())) }
}

/// Runs all seeds, as many at once as there are cores.
fn run_all(seeds: &[u64], more: &[&str]) -> BTreeMap<u64, Result<String, String>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ended = run(*seed, more);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(*seed, ended);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The fixed seeds, then others that follow from their number.
fn seeds(count: usize) -> Vec<u64> {
    let derived = (1_u64..).map(|number| number * 7_919 % 1_000_003);
    FIXED.into_iter().chain(derived).take(count).collect()
}

fn demand(ended: &BTreeMap<u64, Result<String, String>>) {
    let failed = ended.iter().filter_map(|(seed, ended)| Some((seed, ended.as_ref().err()?)));
    let told: Vec<String> = failed.map(|(seed, why)| {
        format!("seed {seed} {why}; replay with MADANG_SIM_SEED={seed} cargo test -p madang-sim replay -- --nocapture")
    }).collect();
    assert!(told.is_empty(), "{} of {} seeds failed:\n{}", told.len(), ended.len(), told.join("\n"));
}

#[test]
fn every_seed_leaves_the_books_in_order() {
    let count = variable("MADANG_SIM_SEEDS").map_or(SEEDS, |count| usize::try_from(count).unwrap());
    let ended = run_all(&seeds(count), &[]);
    demand(&ended);
    let sum = |name: &str| -> u64 {
        let lines = ended.values().flatten().flat_map(|line| line.split_whitespace());
        lines.filter_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok()).sum()
    };
    let [orders, messages, commits, acts] = ["orders", "messages", "commits", "acts"].map(sum);
    println!("{} seeds: {orders} orders, {messages} messages, {commits} commits, {acts} acts", ended.len());
    assert!(orders >= 5 * ended.len() as u64, "{orders}");
}

#[test]
fn twenty_seeds_give_the_same_trace_twice() {
    let seeds = seeds(TWICE);
    let first = run_all(&seeds, &[]);
    demand(&first);
    // The second time with a log, which must not matter either.
    let second = run_all(&seeds, &["--log", "error"]);
    assert_eq!(first, second);
    let hashes: std::collections::BTreeSet<_> = first.values().collect();
    assert_eq!(hashes.len(), TWICE, "another seed is another trace");
}

#[test]
fn without_a_mechanism_seeds_fail() {
    // A consumer whose cursor stands reads for ever, which takes long: one seed for it.
    let controls = [
        ("tombstones", 12),
        ("outbox", 6),
        ("skip", 6),
        ("requests", 4),
        ("durability", 8),
        ("guard", 24),
        ("cursor", 1),
    ];
    for (control, count) in controls {
        let ended = run_all(&seeds(count), &["--without", control]);
        let failed: Vec<_> = ended.iter().filter(|(_, ended)| ended.is_err()).map(|(seed, _)| seed).collect();
        println!("without {control} {} of {count} seeds fail: {failed:?}", failed.len());
        assert!(!failed.is_empty(), "no seed needs the {control}");
    }
}

/// `make counts` runs the same under valgrind.
#[test]
fn what_is_counted_is_done_and_leaves_the_books_in_order() {
    for work in ["order", "product", "direct"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang-sim"));
        command.env_clear().args(["count", work, "20", "--audit"]).stdin(Stdio::null());
        let ended = told(&command.output().expect("the simulation starts"));
        // What the services log stands above it.
        let last = ended.as_ref().map(|told| told.lines().next_back());
        assert_eq!(last, Ok(Some("calls=20")), "{work}: {ended:?}");
    }
}

#[test]
fn replay() {
    let Some(seed) = variable("MADANG_SIM_SEED") else { return };
    let log = std::env::var("MADANG_SIM_LOG").unwrap_or_else(|_| "sim=info".to_owned());
    let output =
        command(seed, &["--log", &log]).stderr(Stdio::inherit()).output().expect("the simulation starts");
    println!("seed {seed}: {}", String::from_utf8_lossy(&output.stdout).trim());
    assert!(output.status.success(), "seed {seed} failed");
    assert_eq!(told(&output), run(seed, &[]), "it replays without a log as with one");
}
