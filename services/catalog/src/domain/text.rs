use std::fmt;
use std::str::FromStr;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Too short or too long.
    #[error("must be {min} to {max} characters")]
    Length {
        /// Characters at least.
        min: usize,
        /// Characters at most.
        max: usize,
    },
    /// Only blanks where there must be something.
    #[error("must not be blank")]
    Blank,
    /// A control character, which no reader sees and PostgreSQL refuses in part.
    #[error("must not hold control characters")]
    Control,
}

/// A text of `MIN` to `MAX` characters: no bare blanks where it must not be empty, no control characters but line breaks and
/// tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Text<MIN, MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if !(MIN..=MAX).contains(&text.chars().count()) {
            return Err(TextError::Length { min: MIN, max: MAX });
        }
        if MIN > 0 && text.trim().is_empty() {
            return Err(TextError::Blank);
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(TextError::Control);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Short = Text<1, 3>;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert_eq!("항아리".parse::<Short>().unwrap().as_str(), "항아리");
        for bad in ["", "abcd"] {
            assert_eq!(bad.parse::<Short>(), Err(TextError::Length { min: 1, max: 3 }));
        }
    }

    #[test]
    fn blanks_and_control_characters_are_refused() {
        assert_eq!(" \t".parse::<Short>(), Err(TextError::Blank));
        assert_eq!("a\0".parse::<Short>(), Err(TextError::Control));
        assert_eq!("a\u{1b}[".parse::<Short>(), Err(TextError::Control));
        assert!("a\nb".parse::<Short>().is_ok());
    }

    #[test]
    fn only_a_text_that_may_be_empty_is() {
        assert!("".parse::<Text<0, 3>>().is_ok());
        assert!("".parse::<Short>().is_err());
    }
}
