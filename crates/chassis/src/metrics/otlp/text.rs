//! Reads what the registry writes: the text format of OpenMetrics.

/// A metric with all its samples.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) kind: &'a str,
    pub(super) samples: Vec<Sample<'a>>,
}

/// One line.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// What its name has behind the family's, such as `_total`.
    pub(super) suffix: &'a str,
    pub(super) labels: Labels<'a>,
    pub(super) value: f64,
    /// Labels and value.
    pub(super) exemplar: Option<(Labels<'a>, f64)>,
}

pub(super) type Labels<'a> = Vec<(&'a str, String)>;

/// The metrics of a text. What is not of the format is left out.
pub(super) fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# ") {
            describe(&mut families, described);
        } else if let Some(family) = families.last_mut() {
            let sample = sample(family.name, line);
            family.samples.extend(sample);
        }
    }
    families
}

fn describe<'a>(families: &mut Vec<Family<'a>>, described: &'a str) {
    let mut words = described.splitn(3, ' ');
    let (Some(what), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else { return };
    if families.last().is_none_or(|family| family.name != name) {
        families.push(Family { name, ..Family::default() });
    }
    let Some(family) = families.last_mut() else { return };
    match what {
        "HELP" => family.help = text,
        "TYPE" => family.kind = text,
        _ => {}
    }
}

fn sample<'a>(family: &str, line: &'a str) -> Option<Sample<'a>> {
    let end = line.find(['{', ' '])?;
    let suffix = line.get(..end)?.strip_prefix(family)?;
    let (labels, rest) = labels(line.get(end..)?)?;
    let rest = rest.strip_prefix(' ')?;
    let (value, exemplar) = match rest.split_once(" # ") {
        Some((value, exemplar)) => (value, self::exemplar(exemplar)),
        None => (rest, None),
    };
    Some(Sample { suffix, labels, value: number(value)?, exemplar })
}

fn exemplar(text: &str) -> Option<(Labels<'_>, f64)> {
    let (labels, rest) = labels(text)?;
    let value = rest.strip_prefix(' ')?.split(' ').next()?;
    Some((labels, number(value)?))
}

/// The labels at the start, if any, and what follows.
fn labels(text: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Labels::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Some((labels, text)) };
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, behind) = unquote(quoted)?;
        labels.push((name, value));
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
}

/// A value up to its quotation mark, and what follows that.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (end, '"') => return Some((value, text.get(end + 1..)?)),
            (_, '\\') => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            (_, other) => value.push(other),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels_and_exemplars() {
        let text = "# HELP a_seconds How long.\n# TYPE a_seconds histogram\n\
                    a_seconds_bucket{le=\"+Inf\",code=\"a \\\"b\\\", c\\\\d\\n}\"} 7 # {trace_id=\"0af7\"} 0.25\n\
                    # HELP b B.\n# TYPE b counter\nb_total 3\n# EOF\n";
        let families = families(text);
        let names: Vec<_> = families.iter().map(|family| (family.name, family.help, family.kind)).collect();
        assert_eq!(names, [("a_seconds", "How long.", "histogram"), ("b", "B.", "counter")]);
        let bucket = Sample {
            suffix: "_bucket",
            labels: vec![("le", "+Inf".into()), ("code", "a \"b\", c\\d\n}".into())],
            value: 7.0,
            exemplar: Some((vec![("trace_id", "0af7".into())], 0.25)),
        };
        assert_eq!(families[0].samples, [bucket]);
        assert_eq!((families[1].samples[0].suffix, families[1].samples[0].value), ("_total", 3.0));
    }

    #[test]
    fn what_is_not_of_the_format_is_left_out() {
        let text = "# TYPE a gauge\na{x=\"1} 2\na{x=\"1\"}\na nine\nb 1\na 5\n#\n\n";
        let families = families(text);
        assert_eq!(families[0].samples.iter().map(|sample| sample.value).collect::<Vec<_>>(), [5.0]);
    }
}
