//! Rust source without its comments and texts, so that a word in them is no use of what it names.

/// The source with comments, string and character literals blanked out; lines stay where they are.
pub fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let literal = literal(rest, out.chars().next_back());
        let (taken, kept) = match literal {
            Some(length) => (length, false),
            None => (first.len_utf8(), true),
        };
        let (head, tail) = rest.split_at(taken);
        match kept {
            true => out.push_str(head),
            false => out.extend(head.chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
        }
        rest = tail;
    }
    out
}

/// The length of the comment or literal that begins here.
fn literal(rest: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if !in_word && let Some(length) = raw_string(rest) {
        return Some(length);
    }
    match rest.as_bytes().first()? {
        b'"' => Some(quoted(rest)),
        b'\'' => character(rest),
        _ => None,
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = rest.as_bytes().get(at..at + 2).unwrap_or_default();
        match here {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let begun = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |at| begun + at + end.len()))
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A lifetime is no literal.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first != '\\' {
        let (at, end) = chars.next()?;
        return (end == '\'').then_some(at + 1);
    }
    chars.next();
    chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}

/// Whether the word stands in the code, as a whole word.
pub fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blanked_and_code_stays() {
        let source = "let a = \"tonic \\\" x\"; // tonic\nlet b = r#\"tonic \"x\"\"#; /* tonic /* x */ */ keep('\\'', 't');";
        let code = code(source);
        assert!(!code.contains("tonic") && !code.contains('x'), "{code}");
        assert!(code.contains("let a = ") && code.contains("let b = ") && code.contains("keep("), "{code}");
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn a_lifetime_begins_no_text() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code("for x in bar\"s\""), "for x in bar   ");
    }

    #[test]
    fn a_word_is_found_whole_only() {
        assert!(has_word("use tonic::Status;", "tonic"));
        assert!(!has_word("let tonics = my_tonic;", "tonic"));
    }
}
