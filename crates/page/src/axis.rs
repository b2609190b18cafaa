//! What a chart is measured by.

/// The width of every picture, in its own units.
pub const WIDTH: f64 = 420.0;
/// Where an axis begins.
pub const LEFT: f64 = 48.0;
/// Where it ends.
pub const RIGHT: f64 = 408.0;

/// An axis: from where to where, and what is written on it.
#[derive(Debug)]
pub struct Axis {
    /// The value at its begin.
    pub from: f64,
    /// The value at its end.
    pub to: f64,
    /// What is written, each at its value.
    pub marks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number, with some marks.
    pub fn linear(most: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let unit = 10_f64.powf((most / 4.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * unit).into_iter().find(|step| most / step <= 5.0);
        let step = step.unwrap_or(unit * 10.0);
        let count = (most / step).ceil().max(1.0);
        let digits = if step < 1.0 { digits(-step.log10().floor()) } else { 0 };
        let mark = |number: u8| {
            let at = f64::from(number) * step;
            (at, format!("{at:.digits$}"))
        };
        let marks = (0..=6).map(mark).filter(|(at, _)| *at <= count * step * 1.001).collect();
        Self { from: 0.0, to: count * step, marks }
    }

    /// From 0 to the end exactly.
    pub fn exact(end: f64) -> Self {
        let round = Self::linear(end);
        let marks = round.marks.into_iter().filter(|(at, _)| *at <= end).collect();
        Self { from: 0.0, to: end.max(f64::MIN_POSITIVE), marks }
    }

    /// The logarithm of milliseconds, in whole factors of ten.
    pub fn log_ms(least: f64, most: f64) -> Self {
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
    pub(crate) fn share(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// Where a value is from left to right.
    pub(crate) fn x_of(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * self.share(value)
    }

    /// Its marks along a line at this height, and beneath them what it is of, at another.
    pub(crate) fn draw(&self, (line, text): (f64, f64), below: &str) -> String {
        let mut svg = String::new();
        for (at, mark) in &self.marks {
            let x = self.x_of(*at);
            svg += &format!("<path class=\"grid\" d=\"M{x:.1} {line}v4\"/>");
            // In the middle of the last one a long text would be cut by the picture's edge.
            let anchor = if self.share(*at) < 1.0 { "middle" } else { "end" };
            svg +=
                &format!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{mark}</text>\n", line + 18.0);
        }
        let (middle, below) = (f64::midpoint(LEFT, RIGHT), crate::escape(below));
        svg + &format!("<text x=\"{middle}\" y=\"{text}\" text-anchor=\"middle\">{below}</text>\n")
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
        assert_eq!(texts(&Axis::linear(0.13)), ["0.00", "0.05", "0.10", "0.15"]);
        assert_eq!(texts(&Axis::linear(0.7)), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(texts(&Axis::log_ms(0.4, 20.0)), ["0.1", "1", "10", "100"]);
        assert_eq!(texts(&Axis::log_ms(5.0, 5.0)), ["1", "10"]);
    }
}
