//! What holds for Rust files: sizes, names, and which layer knows which.

use super::File;
use super::code::{code, has_word};

/// Lines that a file should have at most.
const BUDGET: usize = 300;
/// Lines that a file may have at most.
const LIMIT: usize = 400;
/// What a domain knows nothing of.
const NOT_IN_DOMAIN: [&str; 8] = [
    "tonic",
    "tokio",
    "tracing",
    "madang_db",
    "madang_api",
    "madang_chassis",
    "madang_events",
    "madang_saga",
];
/// What a store knows nothing of.
const NOT_IN_STORE: [&str; 2] = ["tonic", "grpc"];
/// What is never committed.
const UNFINISHED: [&str; 2] = ["todo!", "unimplemented!"];

/// Files that are too long.
pub fn long_files(files: &[File]) -> Vec<String> {
    let length = |file: &File| file.text.lines().count();
    if files.iter().all(|file| length(file) <= LIMIT) {
        return Vec::new();
    }
    let long = files.iter().filter(|file| length(file) > BUDGET);
    let told = |file: &File| match length(file) {
        lines if lines > LIMIT => format!("{} has {lines} lines, more than {LIMIT}", file.path),
        lines => format!("{} has {lines} lines, which is allowed, but more than {BUDGET}", file.path),
    };
    long.map(told).collect()
}

/// Files named mod.rs.
pub fn mod_files(files: &[File]) -> Vec<String> {
    let mods = files.iter().filter(|file| file.path.ends_with("/mod.rs"));
    mods.map(|file| format!("{}: a module foo lies in foo.rs, what is below it in foo/", file.path)).collect()
}

/// Domains that know more than themselves.
pub fn impure_domains(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in in_layer(files, "domain") {
        let code = code(&file.text);
        let words = NOT_IN_DOMAIN.iter().filter(|word| has_word(&code, word));
        wrong.extend(words.map(|word| format!("{} mentions {word}", file.path)));
        let outside = own_modules(&code).into_iter().filter(|module| module != "domain");
        wrong.extend(outside.map(|module| format!("{} mentions crate::{module}", file.path)));
    }
    wrong
}

/// Stores that know of gRPC.
pub fn impure_stores(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in in_layer(files, "store") {
        let code = code(&file.text);
        let words = NOT_IN_STORE.iter().filter(|word| has_word(&code, word));
        wrong.extend(words.map(|word| format!("{} mentions {word}", file.path)));
    }
    wrong
}

/// Services that turn an error into a status anywhere but in grpc/status.rs.
pub fn stray_statuses(files: &[File]) -> Vec<String> {
    let services = files.iter().filter(|file| file.path.starts_with("services/"));
    let stray = services.filter(|file| !file.path.ends_with("/src/grpc/status.rs")).filter(|file| {
        // Without spaces and line ends, so that the way it is wrapped does not matter.
        let code: String = code(&file.text).split_whitespace().collect();
        let mut impls = code.match_indices("From<").map(|(at, found)| &code[at + found.len()..]);
        impls.any(|after| {
            after.split_once('{').is_some_and(|(head, _)| {
                head.contains("Error")
                    && (head.ends_with(">forStatus") || head.ends_with(">fortonic::Status"))
            })
        })
    });
    stray.map(|file| format!("{} turns an error into a Status; grpc/status.rs does", file.path)).collect()
}

/// Files with something unfinished, or with a test that is left out without a reason.
pub fn unfinished(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files {
        let code = code(&file.text);
        let is_there = |what: &str| has_word(&code, what.trim_end_matches('!')) && code.contains(what);
        let found = UNFINISHED.iter().filter(|what| is_there(what));
        wrong.extend(found.map(|what| format!("{} has a {what}", file.path)));
        if code.contains("#[ignore]") {
            wrong.push(format!("{} ignores a test without a reason", file.path));
        }
    }
    wrong
}

/// The files of one layer of all services.
fn in_layer<'a>(files: &'a [File], layer: &str) -> impl Iterator<Item = &'a File> {
    let (file_name, folder) = (format!("{layer}.rs"), format!("{layer}/"));
    files.iter().filter(move |file| {
        let inside = file.path.strip_prefix("services/").and_then(|path| path.split_once("/src/"));
        inside.is_some_and(|(_, inside)| inside == file_name || inside.starts_with(&folder))
    })
}

/// The modules of its own crate that code mentions: `crate::a` and `crate::{a, b::c}`.
fn own_modules(code: &str) -> Vec<String> {
    let paths = code.match_indices("crate::").map(|(at, found)| &code[at + found.len()..]);
    paths.flat_map(first_names).collect()
}

fn first_names(path: &str) -> Vec<String> {
    let name = |path: &str| -> String {
        path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut depth) = (vec![name(group)], 0_i32);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests;
