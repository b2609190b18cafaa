//! Whether a page is well-formed, by a grammar that is stricter than a browser's: each element is closed, in order, and each
//! attribute is quoted.

/// An element as it was opened.
#[derive(Debug)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Each with its value.
    pub attributes: Vec<(String, String)>,
}

/// HTML has these without an end.
const VOID: [&str; 2] = ["meta", "br"];

/// All elements of a page.
///
/// # Errors
/// What is not well-formed.
pub fn elements(page: &str) -> Result<Vec<Element>, String> {
    let mut rest = page.strip_prefix("<!doctype html>\n").ok_or("there is no doctype")?;
    let (mut open, mut found): (Vec<String>, Vec<Element>) = (Vec::new(), Vec::new());
    while let Some((text, tag)) = rest.split_once('<') {
        // A style sheet is no HTML.
        let is_text = open.last().is_none_or(|name| name != "style");
        if is_text && (text.contains('>') || !has_good_references(text)) {
            return Err(format!("`{text}` is not escaped"));
        }
        let (tag, behind) = tag.split_once('>').ok_or("a tag has no end")?;
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
            continue;
        }
        let element = element(tag.strip_suffix('/').unwrap_or(tag))?;
        if !tag.ends_with('/') && !VOID.contains(&element.name.as_str()) {
            open.push(element.name.clone());
        }
        found.push(element);
    }
    match open.is_empty() && rest.trim().is_empty() {
        true => Ok(found),
        false => Err(format!("{open:?} are open at the end, before `{rest}`")),
    }
}

fn element(tag: &str) -> Result<Element, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Err(format!("<{tag}> has no name"));
    }
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let (key, value) = rest.split_once("=\"").ok_or(format!("<{tag}>: an attribute is not quoted"))?;
        let (value, behind) = value.split_once('"').ok_or(format!("<{tag}>: a value has no end"))?;
        if key.contains(' ')
            || !has_good_references(value)
            || attributes.iter().any(|(known, _)| known == key)
        {
            return Err(format!("<{tag}>: {key} is wrong"));
        }
        attributes.push((key.to_owned(), value.to_owned()));
        rest = behind.strip_prefix(' ').unwrap_or(behind);
    }
    Ok(Element { name: name.to_owned(), attributes })
}

/// Whether each `&` begins one of the references that [`crate::escape`] writes.
fn has_good_references(text: &str) -> bool {
    let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
    text.split('&').skip(1).all(|behind| known.iter().any(|name| behind.starts_with(name)))
}

#[test]
fn what_is_not_well_formed_is_found() {
    let page = |inner: &str| elements(&format!("<!doctype html>\n<p class=\"a\">{inner}</p>\n"));
    assert_eq!(page("a &lt; b <b id=\"c\">d</b><br><path d=\"M0 0\"/>").unwrap().len(), 4);
    for wrong in ["<b>", "</b>", "<b></i>", "a > b", "a & b", "<b id=c></b>", "<b id=\"c></b>", "<>", "<b"] {
        assert!(page(wrong).is_err(), "{wrong}");
    }
}
