//! A chart with lines, as SVG.

use crate::axis::{Axis, LEFT, RIGHT, WIDTH};
use crate::escape;
use crate::timeline::Timeline;

const HEIGHT: f64 = 230.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 192.0;

/// A line; where it has no value it is broken.
#[derive(Debug)]
pub struct Line {
    /// As the legend has it.
    pub name: String,
    /// Values by their place on the horizontal axis.
    pub points: Vec<(f64, Option<f64>)>,
}

/// A chart of some lines, each with a stroke of its own.
#[derive(Debug)]
pub struct Chart {
    /// Above it.
    pub title: &'static str,
    /// What is on the horizontal axis.
    pub below: &'static str,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical one.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
}

/// The style sheet has a dash and a colour for each. With more lines than that, strokes come again.
const STROKES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

impl Line {
    /// A line of points from left to right.
    pub fn new(name: impl Into<String>, points: Vec<(f64, Option<f64>)>) -> Self {
        Self { name: name.into(), points }
    }

    /// Lines of one name as one that is broken between them: they have a stroke and a place in the legend in common.
    pub fn joined(lines: Vec<Self>) -> Vec<Self> {
        let mut joined: Vec<Self> = Vec::new();
        for line in lines {
            let Some(known) = joined.iter_mut().find(|known| known.name == line.name) else {
                joined.push(line);
                continue;
            };
            known.points.push((0.0, None));
            known.points.extend(line.points);
        }
        joined
    }

    fn values(lines: &[Self]) -> impl Iterator<Item = f64> {
        lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value))
    }
}

impl Axis {
    /// From 0, with room for these lines.
    pub fn linear_of(lines: &[Line]) -> Self {
        Self::linear(Line::values(lines).fold(0.0, f64::max))
    }

    /// In factors of ten, for lines of logarithms of milliseconds.
    pub fn log_of(lines: &[Line]) -> Self {
        let least = Line::values(lines).fold(f64::INFINITY, f64::min);
        let most = Line::values(lines).fold(f64::NEG_INFINITY, f64::max);
        match least <= most {
            true => Self::log_ms(10_f64.powf(least), 10_f64.powf(most)),
            false => Self::log_ms(1.0, 10.0),
        }
    }
}

impl Chart {
    /// The figure with its title and its legend, and what was done meanwhile above it.
    pub fn render(&self, meanwhile: &Timeline) -> String {
        let (title, above) = (escape(self.title), meanwhile.height());
        let mut svg = format!("<figure>\n<figcaption>{title}</figcaption>\n{}", self.legend());
        svg += &format!(
            "<svg viewBox=\"0 {} {WIDTH} {}\" role=\"img\" aria-label=\"{title}\">\n",
            0.0 - above,
            HEIGHT + above
        );
        svg + &self.draw(meanwhile) + "</svg>\n</figure>\n"
    }

    /// A picture on its own, with all that it needs, in the colours of who looks at it.
    pub fn image(&self, meanwhile: &Timeline) -> String {
        let (title, top) = (escape(self.title), 0.0 - meanwhile.height() - 48.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 {top} {WIDTH} {}\" role=\"img\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n",
            HEIGHT - top,
            include_str!("image.css")
        );
        svg += &format!("<rect class=\"back\" y=\"{top}\" width=\"{WIDTH}\" height=\"{}\"/>\n", HEIGHT - top);
        svg += &format!("<text class=\"title\" x=\"8\" y=\"{}\">{title}</text>\n", top + 18.0);
        let mut x = 8.0;
        for (line, stroke) in self.lines.iter().zip(STROKES.iter().cycle()) {
            let y = top + 34.0;
            svg += &format!("<path class=\"line {stroke}\" d=\"M{x:.1} {y}h26\"/>");
            svg += &format!("<text x=\"{:.1}\" y=\"{}\">{}</text>\n", x + 32.0, y + 4.0, escape(&line.name));
            x += line.name.chars().map(|_| 6.2).sum::<f64>() + 46.0;
        }
        svg + &self.draw(meanwhile) + "</svg>\n"
    }

    /// The chart itself, with what was done meanwhile above it.
    fn draw(&self, meanwhile: &Timeline) -> String {
        let mut svg = meanwhile.draw(&self.x, (TOP, BOTTOM));
        for (at, text) in &self.y.marks {
            let y = self.y_of(*at);
            svg += &format!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
            svg += &format!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>\n",
                LEFT - 6.0,
                y + 4.0
            );
        }
        svg += &self.x.draw((BOTTOM, HEIGHT - 4.0), self.below);
        for (line, stroke) in self.lines.iter().zip(STROKES.iter().cycle()) {
            svg += &format!("<path class=\"line {stroke}\" d=\"{}\"/>\n", self.path(line));
        }
        svg
    }

    fn legend(&self) -> String {
        let mut legend = "<ul class=\"legend\">".to_owned();
        for (line, stroke) in self.lines.iter().zip(STROKES.iter().cycle()) {
            let sample = format!(
                "<svg viewBox=\"0 0 32 10\" aria-hidden=\"true\"><path class=\"line {stroke}\" d=\"M0 5H32\"/></svg>"
            );
            legend += &format!("<li>{sample} {}</li>", escape(&line.name));
        }
        legend + "</ul>\n"
    }

    /// A move where the line begins anew, a short stroke for a value that stands alone.
    fn path(&self, line: &Line) -> String {
        let (mut path, mut is_drawn) = (String::new(), false);
        for (x, y) in &line.points {
            let Some(y) = y else {
                is_drawn = false;
                continue;
            };
            let (x, y) = (self.x.x_of(*x), self.y_of(*y));
            path += &match is_drawn {
                true => format!("L{x:.1} {y:.1}"),
                false => format!("M{x:.1} {y:.1}h.1"),
            };
            is_drawn = true;
        }
        path
    }

    fn y_of(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * self.y.share(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_it_has_no_value_and_stays_within_its_chart() {
        let points = vec![(0.0, Some(1.0)), (1.0, Some(2.0)), (2.0, None), (3.0, Some(99.0))];
        let lines = vec![Line::new("a < b", points)];
        let (x, y) = (Axis::exact(3.0), Axis::linear(2.0));
        let chart = Chart { title: "It & that", below: "seconds", x, y, lines };
        assert_eq!(chart.path(&chart.lines[0]), "M48.0 102.0h.1L168.0 12.0M408.0 12.0h.1");
        let svg = chart.render(&Timeline::default());
        assert!(svg.contains("It &amp; that") && svg.contains("a &lt; b"), "{svg}");
    }

    #[test]
    fn lines_of_one_name_are_one_with_a_break() {
        let line = |name: &str, at| Line::new(name, vec![(at, Some(at))]);
        let joined = Line::joined(vec![line("a", 1.0), line("b", 2.0), line("a", 3.0)]);
        let [a, b] = &joined[..] else { panic!("{joined:?}") };
        assert_eq!(a.points, [(1.0, Some(1.0)), (0.0, None), (3.0, Some(3.0))]);
        assert_eq!((b.name.as_str(), b.points.len()), ("b", 1));
    }
}
