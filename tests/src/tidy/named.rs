//! Tests that a document names: each must exist.

use super::File;

/// What a document names that is not there: in a table's last cell, `path` and then the names of its tests.
pub fn missing_tests(document: &str, files: &[File]) -> Vec<String> {
    let rows = document.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let mut missing = Vec::new();
    for place in cells.flat_map(|cell| cell.split("; ")) {
        let Some((path, names)) = place.trim_start_matches('`').split_once("` ") else {
            missing.push(format!("{place:?} names no file and its tests"));
            continue;
        };
        let Some(file) = files.iter().find(|file| file.path == path) else {
            missing.push(format!("{path} is missing"));
            continue;
        };
        let is_there = |name: &&str| !file.text.contains(&format!("fn {name}"));
        missing.extend(names.split(", ").filter(is_there).map(|name| format!("{path} has no test {name}")));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_gone_is_told() {
        let file = File { path: "a/b.rs".into(), text: "async fn one_holds() {}\nfn two_holds() {}".into() };
        let table = |cell: &str| format!("| rule | tests |\n|---|---|\n| it `holds` | {cell} |\n");
        let told = |cell| missing_tests(&table(cell), std::slice::from_ref(&file));
        assert_eq!(told("`a/b.rs` one_holds, two_holds"), Vec::<String>::new());
        assert_eq!(told("`a/b.rs` one_holds; `a/b.rs` three_holds"), ["a/b.rs has no test three_holds"]);
        assert_eq!(told("`a/c.rs` one_holds"), ["a/c.rs is missing"]);
        assert_eq!(told("one_holds"), ["\"one_holds\" names no file and its tests"]);
    }
}
