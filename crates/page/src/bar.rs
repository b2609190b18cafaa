//! A number against its limit, as a bar.

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 18.0;
const MIDDLE: f64 = 9.0;
/// Room for a sign at either end.
const PAD: f64 = 8.0;

/// On which side of its limit a number must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Not above.
    AtMost(f64),
    /// Not below.
    AtLeast(f64),
}

/// A bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// The number.
    pub value: f64,
    /// What it must be.
    pub limit: Limit,
    /// From the least to the most of all trials, where there are several.
    pub spread: Option<(f64, f64)>,
}

impl Bar {
    /// As SVG.
    pub fn render(&self) -> String {
        let Self { value, limit, spread } = *self;
        let (Limit::AtMost(bound) | Limit::AtLeast(bound)) = limit;
        let values = [value, bound, spread.map_or(0.0, |(_, most)| most)];
        let most = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let scale = if most > 0.0 { most * 1.1 } else { 1.0 };
        let x = |value: f64| PAD + (WIDTH - 2.0 * PAD) * (value / scale).clamp(0.0, 1.0);
        let (begin, end) = match limit {
            Limit::AtMost(_) => (x(bound), WIDTH - PAD),
            Limit::AtLeast(_) => (PAD, x(bound)),
        };
        let mut svg = format!("<svg class=\"bar\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\">");
        svg += &format!("<path class=\"hatch\" d=\"M{begin:.1} {MIDDLE}H{end:.1}\"/>");
        svg += &format!("<path class=\"grid\" d=\"M{PAD} {MIDDLE}H{}\"/>", WIDTH - PAD);
        svg += &format!("<path class=\"limit\" d=\"M{:.1} 1V{}\"/>", x(bound), HEIGHT - 1.0);
        if let Some((least, most)) = spread.filter(|(least, most)| least.is_finite() && most.is_finite()) {
            let (least, most) = (x(least), x(most));
            svg += &format!(
                "<path class=\"spread\" d=\"M{least:.1} 5v8M{least:.1} {MIDDLE}H{most:.1}M{most:.1} 5v8\"/>"
            );
        }
        if value.is_finite() {
            svg += &sign(x(value), self.is_within());
        }
        svg + "</svg>"
    }

    fn is_within(&self) -> bool {
        match self.limit {
            Limit::AtMost(bound) => self.value <= bound,
            Limit::AtLeast(bound) => self.value >= bound,
        }
    }
}

/// A diamond for a value within its limit, a cross for one beyond.
fn sign(x: f64, is_within: bool) -> String {
    match is_within {
        true => format!("<path class=\"within\" d=\"M{x:.1} 3l6 6l-6 6l-6 -6Z\"/>"),
        false => format!("<path class=\"beyond\" d=\"M{:.1} 4l10 10m0 -10l-10 10\"/>", x - 5.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(value: f64, limit: Limit) -> String {
        Bar { value, limit, spread: None }.render()
    }

    #[test]
    fn a_bar_shows_the_limit_and_on_which_side_of_it_the_value_is() {
        let within = drawn(50.0, Limit::AtMost(100.0));
        assert!(
            within.contains("class=\"within\" d=\"M109.8 ") && within.contains("limit\" d=\"M211.6 "),
            "{within}"
        );
        assert!(within.contains("hatch\" d=\"M211.6 9H232.0"), "{within}");
        let beyond = drawn(50.0, Limit::AtLeast(100.0));
        assert!(
            beyond.contains("class=\"beyond\"") && beyond.contains("hatch\" d=\"M8.0 9H211.6"),
            "{beyond}"
        );
    }

    #[test]
    fn what_is_nothing_or_no_number_is_drawn_within_the_bar() {
        let nothing = drawn(0.0, Limit::AtMost(0.0));
        assert!(nothing.contains("class=\"within\" d=\"M8.0 "), "{nothing}");
        for wild in [f64::NAN, f64::INFINITY] {
            let svg = drawn(wild, Limit::AtMost(1.0));
            assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("within"), "{svg}");
        }
    }
}
