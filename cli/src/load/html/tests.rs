use super::*;

#[test]
fn what_others_wrote_stays_text() {
    assert_eq!(escape(r#"<a href="x">'&'</a>"#), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    let table = table("<b>", &["<i>"], &[vec!["<script>".to_owned()]]);
    assert!(!table.contains("<b>") && !table.contains("<i>") && !table.contains("<script>"), "{table}");
}
