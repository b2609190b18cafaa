//! What holds for the contracts.

use super::File;

/// RPCs without a comment directly above them.
pub fn uncommented_rpcs(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for File { path, text } in files {
        let mut above = "";
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.starts_with("rpc ") && !above.starts_with("//") {
                wrong.push(format!("{path}:{number} has no comment: {line}"));
            }
            above = line;
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rpc_without_a_comment_is_told() {
        let text = "service A {\n  // Does it.\n  rpc Do(B) returns (C);\n  rpc Undo(B) returns (C);\n}";
        let file = File { path: "a.proto".to_owned(), text: text.to_owned() };
        assert_eq!(uncommented_rpcs(&[file]), ["a.proto:4 has no comment: rpc Undo(B) returns (C);"]);
    }
}
