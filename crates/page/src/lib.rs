//! A report as one page: no script, nothing from elsewhere, light and dark, and nothing told by colour alone.
//!
//! Texts come in as they are and are escaped here; pictures are SVG. Nothing here reads, writes or measures.

pub mod axis;
pub mod bar;
pub mod chart;
pub mod timeline;
#[cfg(any(test, feature = "testing"))]
pub mod well_formed;

use std::fmt::Display;

const STYLE: &str = include_str!("page.css");

/// A page of a title, with a style sheet beside that of all pages, and what is on it.
pub fn document(title: &str, style: &str, main: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         {main}</main>\n</body>\n</html>\n"
    )
}

/// A text within HTML, in an attribute too.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// A paragraph; the class may be empty.
pub fn paragraph(class: &str, text: impl Display) -> String {
    format!("<p class=\"{class}\">{}</p>\n", escape(&text.to_string()))
}

/// A table under a sentence; the first column is text.
pub fn table(caption: &str, titles: &[&str], rows: &[Vec<String>]) -> String {
    let caption = escape(caption);
    // Who has no mouse can scroll it too.
    let mut html = format!(
        "<p class=\"soft\">{caption}</p>\n<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\">\n<table>\n<tr>"
    );
    titles.iter().for_each(|title| html += &format!("<th scope=\"col\">{}</th>", escape(title)));
    html += "</tr>\n";
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        html += &format!("<tr>{cells}</tr>\n");
    }
    html + "</table>\n</div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        assert_eq!(escape(r#"<a href="x">'&'</a>"#), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
        let table = table("<b>", &["<i>"], &[vec!["<script>".to_owned()]]);
        assert!(!table.contains("<b>") && !table.contains("<i>") && !table.contains("<script>"), "{table}");
        assert!(document("<u>", "", "").contains("<title>&lt;u&gt;</title>"));
    }
}
