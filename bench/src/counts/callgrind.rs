//! What callgrind writes: the costs of functions, line by line, with what they called.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};

pub(super) mod run;

/// The cost of everything.
pub(super) fn total(text: &str) -> Result<u64> {
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).context("callgrind told no total")
}

/// Costs by name.
pub(super) type Costs = BTreeMap<String, u64>;

/// Costs of one run.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Of each function alone.
    pub(super) own: Costs,
    /// Of each function and all that it called. A function that calls itself is in it more than once.
    pub(super) with_called: Costs,
    /// Of the lines of each crate, wherever they were inlined; of a library without sources by its name.
    pub(super) crates: Costs,
}

/// Reads what callgrind wrote.
pub(super) fn read(text: &str) -> Run {
    let mut reader = Reader::default();
    text.lines().for_each(|line| reader.line(line));
    reader.run
}

#[derive(Debug, Default)]
struct Reader<'a> {
    run: Run,
    /// A name is written once, and its number from then on.
    names: HashMap<(char, &'a str), &'a str>,
    object: &'a str,
    file: &'a str,
    function: &'a str,
    called: &'a str,
    /// The next cost is that of a call.
    calls: bool,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) {
        if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            if let Some(cost) = line.split(' ').nth(1).and_then(|cost| cost.parse().ok()) {
                self.cost(cost);
            }
            return;
        }
        match line.split_once('=') {
            Some(("ob", name)) => self.object = self.name('o', name),
            Some(("fl" | "fi" | "fe", name)) => self.file = self.name('f', name),
            Some(("fn", name)) => self.function = self.name('n', name),
            Some(("cfn", name)) => self.called = self.name('n', name),
            // They may be the first to name what others refer to.
            Some(("cfi" | "cfl", name)) => _ = self.name('f', name),
            Some(("cob", name)) => _ = self.name('o', name),
            Some(("calls", _)) => self.calls = true,
            Some(_) | None => {}
        }
    }

    fn name(&mut self, kind: char, text: &'a str) -> &'a str {
        match text.split_once(' ') {
            Some((number, name)) if number.starts_with('(') => {
                self.names.insert((kind, number), name);
                name
            }
            Some(_) | None => self.names.get(&(kind, text)).copied().unwrap_or(text),
        }
    }

    fn cost(&mut self, cost: u64) {
        if std::mem::take(&mut self.calls) {
            *self.run.with_called.entry(self.called.to_owned()).or_default() += cost;
            return;
        }
        *self.run.own.entry(self.function.to_owned()).or_default() += cost;
        *self.run.crates.entry(crate_of(self.file, self.object)).or_default() += cost;
    }
}

/// Whose a file is: of the registry's crate, of the standard library's, or of ours by its folder.
fn crate_of(file: &str, object: &str) -> String {
    let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    if let Some((_, path)) = file.split_once("/registry/src/") {
        let folder = path.split('/').nth(1).unwrap_or_default();
        return folder.rsplit_once('-').map_or(folder, |(name, _)| name).to_owned();
    }
    if let Some((_, path)) = file.split_once("/library/") {
        return path.split('/').next().unwrap_or_default().to_owned();
    }
    if let Some((before, _)) = file.split_once("/src/") {
        return format!("madang {}", base(before));
    }
    if file.is_empty() || file == "???" { base(object) } else { base(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "events: Ir\n\nob=(1) /bin/sim\nfl=(1) /home/a/.cargo/registry/src/x-1/h2-0.4.12/src/a.rs\n\
        fn=(1) h2::poll\n10 5\n+2 7\ncfi=(2) /w/crates/db/src/tx.rs\ncfn=(2) madang_db::write\ncalls=3 20\n* 900\n\
        fi=(3) /rustc/abc/library/core/src/mem.rs\n-1 2\n\nfl=(2)\nfn=(2)\n4 90\nob=(2) /lib/libc.so.6\n\
        fl=(4) ???\nfn=(3) memcpy\n0 1\n\ntotals: 105\n";

    #[test]
    fn costs_are_those_of_functions_crates_and_calls() {
        let costs = |all: &[(&str, u64)]| {
            all.iter().map(|(name, cost)| ((*name).to_owned(), *cost)).collect::<Costs>()
        };
        let run = read(TEXT);
        assert_eq!(run.own, costs(&[("h2::poll", 14), ("madang_db::write", 90), ("memcpy", 1)]));
        assert_eq!(run.with_called, costs(&[("madang_db::write", 900)]));
        assert_eq!(run.crates, costs(&[("core", 2), ("h2", 12), ("libc.so.6", 1), ("madang db", 90)]));
        assert_eq!(run.own.values().sum::<u64>(), total(TEXT).unwrap());
    }

    #[test]
    fn no_total_is_an_error() {
        assert!(total("events: Ir\n").is_err());
    }
}
