use std::fmt;
use std::str::FromStr;

/// Why a text is no part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not two capital letters.
    #[error("must be two capital letters, as in ISO 3166-1")]
    NotARegion,
    /// Longer than 16 characters.
    #[error("must be at most 16 characters, none of them a control character")]
    PostalCode,
    /// Not 1 to 100 characters.
    #[error("must be 1 to 100 characters, none of them a control character")]
    Recipient,
    /// Not 1 to 5 lines of 1 to 100 characters.
    #[error("must be 1 to 5 lines of 1 to 100 characters, none of them a control character")]
    Lines,
}

/// An ISO 3166-1 alpha-2 country code: two capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegionCode([u8; 2]);

impl RegionCode {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RegionCode {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match <[u8; 2]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(AddressError::NotARegion),
        }
    }
}

/// Where a parcel goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    region: RegionCode,
    postal_code: String,
    recipient: String,
    lines: Vec<String>,
}

impl Address {
    /// Checks all parts of an address at once.
    ///
    /// # Errors
    /// Every violation, each with the name of its field in `madang.types.v1.Address`.
    pub fn new(
        region: &str,
        postal_code: String,
        recipient: String,
        lines: Vec<String>,
    ) -> Result<Self, Vec<(&'static str, AddressError)>> {
        let mut violations = Vec::new();
        let region = region.parse().map_err(|error| violations.push(("region_code", error)));
        if postal_code.chars().count() > 16 || postal_code.contains(char::is_control) {
            violations.push(("postal_code", AddressError::PostalCode));
        }
        if !is_line(&recipient) {
            violations.push(("recipient", AddressError::Recipient));
        }
        if !(1..=5).contains(&lines.len()) || !lines.iter().all(|line| is_line(line)) {
            violations.push(("address_lines", AddressError::Lines));
        }
        match (region, violations.is_empty()) {
            (Ok(region), true) => Ok(Self { region, postal_code, recipient, lines }),
            _ => Err(violations),
        }
    }

    /// The country.
    pub fn region(&self) -> RegionCode {
        self.region
    }

    /// The postal code; may be empty.
    pub fn postal_code(&self) -> &str {
        &self.postal_code
    }

    /// Who receives the parcel.
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// City, street and number, as printed.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// Control characters are none of a label's: they hide text from its reader, and PostgreSQL keeps no NUL.
fn is_line(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_are_told_at_once() {
        let error = Address::new("kr", "1".repeat(17), String::new(), vec![]).unwrap_err();
        let fields: Vec<_> = error.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["region_code", "postal_code", "recipient", "address_lines"]);
    }

    #[test]
    fn control_characters_are_refused() {
        for bad in ["Mina\u{0}", "\u{1b}[31m", "two\nlines"] {
            assert!(Address::new("KR", String::new(), bad.into(), vec!["Seoul".into()]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_not_bytes() {
        assert!(Address::new("KR", "04524".into(), "가".repeat(100), vec!["서울".into()]).is_ok());
    }
}
