//! What was done in the time that a chart shows: its parts, and numbered marks of what was done when.

use crate::axis::{Axis, LEFT, RIGHT, WIDTH};
use crate::escape;

/// Seconds are those of the chart's axis.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Parts of the time, one after the other.
    pub parts: Vec<Part>,
    /// When something was done; they are numbered from 1.
    pub marks: Vec<f64>,
}

/// A part of the time.
#[derive(Debug)]
pub struct Part {
    /// As it is called.
    pub name: String,
    /// Its begin.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// Whether it is to be seen as another kind of time.
    pub is_shaded: bool,
}

/// Marks whose numbers would lie on each other, so they share a label.
#[derive(Debug, PartialEq)]
struct Label {
    first: usize,
    last: usize,
    /// From the first mark to the last.
    from: f64,
    to: f64,
}

/// The middle of the numbers, and the base of the names of the parts, above the chart.
const NUMBERS: f64 = -26.0;
const NAMES: f64 = -4.0;
/// What a letter takes, at most.
const LETTER: f64 = 8.0;

impl Timeline {
    /// What it takes above a chart.
    pub(crate) fn height(&self) -> f64 {
        if self.marks.is_empty() && self.parts.is_empty() { 0.0 } else { 38.0 }
    }

    /// Over a chart that goes from top to bottom.
    pub(crate) fn draw(&self, x: &Axis, (top, bottom): (f64, f64)) -> String {
        let parts = self.parts.iter().map(|part| part.draw(x, (top, bottom)));
        let marks = self.marks.iter().map(|at| {
            format!("<path class=\"mark\" d=\"M{:.1} {}V{bottom}\"/>\n", x.x_of(*at), NUMBERS + 9.0)
        });
        let labels = self.labels(x);
        parts.chain(marks).chain(labels.iter().map(Label::draw)).collect()
    }

    /// Alone, where nothing was measured in time.
    pub fn render(&self, title: &str, x: &Axis) -> String {
        let title = escape(title);
        let svg = format!(
            "<figure class=\"alone\">\n<figcaption>{title}</figcaption>\n<svg viewBox=\"0 -38 {WIDTH} 92\" role=\"img\" aria-label=\"{title}\">\n"
        );
        let line = format!("<path class=\"grid\" d=\"M{LEFT} 12H{RIGHT}\"/>\n");
        svg + &self.draw(x, (0.0, 12.0)) + &line + &x.draw((12.0, 50.0), "seconds") + "</svg>\n</figure>\n"
    }

    /// Labels that do not lie on each other.
    fn labels(&self, x: &Axis) -> Vec<Label> {
        let mut labels: Vec<Label> = Vec::new();
        for (at, number) in self.marks.iter().zip(1..) {
            let x = x.x_of(*at);
            let mut label = Label { first: number, last: number, from: x, to: x };
            while let Some(before) = labels.pop_if(|before| before.right() + 2.0 > label.left()) {
                label = Label { first: before.first, from: before.from, ..label };
            }
            labels.push(label);
        }
        labels
    }
}

impl Part {
    fn draw(&self, x: &Axis, (top, bottom): (f64, f64)) -> String {
        let (from, to) = (x.x_of(self.from), x.x_of(self.to));
        let mut svg = String::new();
        if self.is_shaded {
            svg += &format!("<path class=\"hatch\" d=\"M{from:.1} -8H{to:.1}\"/>");
            svg += &format!("<path class=\"shade\" d=\"M{from:.1} {top}H{to:.1}V{bottom}H{from:.1}Z\"/>");
        }
        if let Some(text) = self.text((to - from) / LETTER) {
            let middle = f64::midpoint(from, to);
            svg += &format!(
                "<text class=\"over\" x=\"{middle:.1}\" y=\"{NAMES}\" text-anchor=\"middle\">{text}</text>"
            );
        }
        svg + &format!("<path class=\"part\" d=\"M{from:.1} -16H{to:.1}V0H{from:.1}Z\"/>\n")
    }

    /// The name; its first letter alone where there is no room for more letters than that.
    fn text(&self, room: f64) -> Option<String> {
        let all = self.name.chars().count();
        let letters = if room >= float(all) { all } else { 1 };
        (room >= 1.5).then(|| escape(&self.name.chars().take(letters).collect::<String>()))
    }
}

impl Label {
    fn text(&self) -> String {
        let Self { first, last, .. } = self;
        if first == last { first.to_string() } else { format!("{first}–{last}") }
    }

    fn width(&self) -> f64 {
        float(self.text().chars().count()) * LETTER + 8.0
    }

    fn left(&self) -> f64 {
        let (middle, half) = (f64::midpoint(self.from, self.to), self.width() / 2.0);
        middle.clamp(half + 1.0, WIDTH - half - 1.0) - half
    }

    fn right(&self) -> f64 {
        self.left() + self.width()
    }

    fn draw(&self) -> String {
        let (left, width, text) = (self.left(), self.width(), self.text());
        let box_ = format!(
            "<rect class=\"label\" x=\"{left:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"18\" rx=\"9\"/>",
            NUMBERS - 9.0
        );
        let middle = left + width / 2.0;
        box_ + &format!(
            "<text class=\"number\" x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>\n",
            NUMBERS + 4.5
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "letters of a short text")]
fn float(letters: usize) -> f64 {
    letters as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(marks: &[f64]) -> Vec<String> {
        let timeline = Timeline { marks: marks.to_vec(), parts: Vec::new() };
        timeline.labels(&Axis::exact(36.0)).iter().map(Label::text).collect()
    }

    #[test]
    fn marks_that_are_close_share_a_label() {
        assert_eq!(labels(&[0.0, 18.0, 36.0]), ["1", "2", "3"]);
        assert_eq!(labels(&[0.0, 0.1, 18.0, 36.0]), ["1–2", "3", "4"]);
        assert_eq!(labels(&[0.0, 0.1, 0.2, 35.9, 36.0]), ["1–3", "4–5"]);
        assert!(labels(&[]).is_empty());
    }

    #[test]
    fn no_label_lies_on_another_or_leaves_the_picture() {
        let marks = (0..60_u8).map(|mark| f64::from(mark) * f64::from(mark) / 100.0).collect();
        let timeline = Timeline { marks, parts: Vec::new() };
        let labels = timeline.labels(&Axis::exact(36.0));
        assert!(
            labels.len() > 2 && labels.windows(2).all(|two| two[0].right() < two[1].left()),
            "{labels:?}"
        );
        assert!(labels.iter().all(|label| label.left() >= 0.0 && label.right() <= WIDTH), "{labels:?}");
        assert_eq!(labels.iter().map(|label| label.last - label.first + 1).sum::<usize>(), 60);
    }

    #[test]
    fn a_part_has_its_name_where_there_is_room() {
        let part = |to| Part { name: "<during>".to_owned(), from: 0.0, to, is_shaded: true };
        let text = |to| part(to).draw(&Axis::exact(36.0), (0.0, 10.0));
        assert!(text(30.0).contains("&lt;during&gt;"), "{}", text(30.0));
        assert!(text(2.0).contains(">&lt;<") && !text(0.1).contains("<text"), "{}", text(2.0));
    }
}
