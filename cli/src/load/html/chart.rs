//! A chart with lines, as SVG.

use super::escape;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 408.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 192.0;

/// A line; where it has no value it is broken.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// An axis: from where to where, and what is written on it.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) marks: Vec<(f64, String)>,
}

/// A chart of at most three lines, each with a stroke of its own.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// What is on the horizontal axis.
    pub(super) below: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

const STROKES: [&str; 3] = ["a", "b", "c"];

impl Axis {
    /// From 0 to a round number, with some marks.
    pub(super) fn linear(most: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let unit = 10_f64.powf((most / 4.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * unit).into_iter().find(|step| most / step <= 5.0);
        let step = step.unwrap_or(unit * 10.0);
        let count = (most / step).ceil().max(1.0);
        let digits = if step < 1.0 { 1 } else { 0 };
        let mark = |number: u8| {
            let at = f64::from(number) * step;
            (at, format!("{at:.digits$}"))
        };
        let marks = (0..=6).map(mark).filter(|(at, _)| *at <= count * step * 1.001).collect();
        Self { from: 0.0, to: count * step, marks }
    }

    /// From 0 to the end exactly.
    pub(super) fn exact(end: f64) -> Self {
        let round = Self::linear(end);
        let marks = round.marks.into_iter().filter(|(at, _)| *at <= end).collect();
        Self { from: 0.0, to: end.max(f64::MIN_POSITIVE), marks }
    }

    /// The logarithm of milliseconds, in whole factors of ten.
    pub(super) fn log_ms(least: f64, most: f64) -> Self {
        let from = least.max(0.001).log10().floor();
        let to = most.max(0.001).log10().ceil().max(from + 1.0);
        let mark = |at: f64| {
            (
                at,
                if at < 0.0 {
                    format!("{:.*}", digits(-at), 10_f64.powf(at))
                } else {
                    format!("{:.0}", 10_f64.powf(at))
                },
            )
        };
        let marks = (0_u8..12).map(|number| from + f64::from(number)).filter(|at| *at <= to).map(mark);
        Self { from, to, marks: marks.collect() }
    }

    /// The share of the axis at which a value lies.
    fn share(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

impl Chart {
    /// The figure with its title and its legend.
    pub(super) fn render(&self) -> String {
        let title = escape(self.title);
        let mut svg = format!("<figure>\n<figcaption>{title}</figcaption>\n{}", self.legend());
        svg += &format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n");
        for (at, text) in &self.y.marks {
            let y = self.y_of(*at);
            svg += &format!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
            svg += &format!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>\n",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for (at, text) in &self.x.marks {
            let x = self.x_of(*at);
            svg += &format!("<path class=\"grid\" d=\"M{x:.1} {BOTTOM}v4\"/>");
            svg +=
                &format!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>\n", BOTTOM + 18.0);
        }
        let (middle, below) = (f64::midpoint(LEFT, RIGHT), escape(self.below));
        svg +=
            &format!("<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{below}</text>\n", HEIGHT - 4.0);
        for (line, stroke) in self.lines.iter().zip(STROKES) {
            svg += &format!("<path class=\"line {stroke}\" d=\"{}\"/>\n", self.path(line));
        }
        svg + "</svg>\n</figure>\n"
    }

    fn legend(&self) -> String {
        let mut legend = "<ul class=\"legend\">".to_owned();
        for (line, stroke) in self.lines.iter().zip(STROKES) {
            let sample = format!(
                "<svg viewBox=\"0 0 32 10\" aria-hidden=\"true\"><path class=\"line {stroke}\" d=\"M0 5H32\"/></svg>"
            );
            legend += &format!("<li>{sample} {}</li>", escape(line.name));
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
            let (x, y) = (self.x_of(*x), self.y_of(*y));
            path += &match is_drawn {
                true => format!("L{x:.1} {y:.1}"),
                false => format!("M{x:.1} {y:.1}h.1"),
            };
            is_drawn = true;
        }
        path
    }

    fn x_of(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * self.x.share(value)
    }

    fn y_of(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * self.y.share(value)
    }
}

/// The digits behind the point of so small a power of ten.
fn digits(power: f64) -> usize {
    (1..=3)
        .find(|digits| f64::from(*digits) >= power)
        .map_or(3, |digits| usize::try_from(digits).unwrap_or(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.marks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn an_axis_has_a_few_round_marks_and_room_for_all() {
        for (most, marks) in [(0.0, 6), (0.7, 5), (7.0, 5), (99.0, 6), (101.0, 4), (1_234.0, 4)] {
            let axis = Axis::linear(most);
            assert!(axis.to >= most && axis.marks.len() == marks, "{most}: {:?}", axis.marks);
        }
        assert_eq!(texts(&Axis::linear(180.0)), ["0", "50", "100", "150", "200"]);
        assert_eq!(texts(&Axis::log_ms(0.4, 20.0)), ["0.1", "1", "10", "100"]);
        assert_eq!(texts(&Axis::log_ms(5.0, 5.0)), ["1", "10"]);
    }

    #[test]
    fn a_line_is_broken_where_it_has_no_value_and_stays_within_its_chart() {
        let points = vec![(0.0, Some(1.0)), (1.0, Some(2.0)), (2.0, None), (3.0, Some(99.0))];
        let lines = vec![Line { name: "a < b", points }];
        let (x, y) = (Axis::exact(3.0), Axis::linear(2.0));
        let chart = Chart { title: "It & that", below: "seconds", x, y, lines };
        assert_eq!(chart.path(&chart.lines[0]), "M48.0 102.0h.1L168.0 12.0M408.0 12.0h.1");
        let svg = chart.render();
        assert!(svg.contains("It &amp; that") && svg.contains("a &lt; b"), "{svg}");
    }
}
