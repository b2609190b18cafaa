use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use madang_types::Money;
use sha2::{Digest, Sha256};

/// The most that a card covers, in minor units of any currency. It keeps the ledger's sums far from what an i64 holds.
pub const CARD_LIMIT: i64 = 1_000_000_000_000;

const SLOW: Duration = Duration::from_secs(1);

/// Why a text is no card token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CardTokenError {
    /// Nothing was given.
    #[error("is required")]
    Missing,
    /// Not 1 to 128 of printable ASCII without blanks.
    #[error("must be 1 to 128 of printable ASCII without blanks")]
    NotAToken,
}

/// What stands for a card: 1 to 128 of printable ASCII. Whoever has it can charge the card, so it is never shown, logged or
/// stored; `Debug` redacts it and there is no `Display`.
pub struct CardToken(String);

impl CardToken {
    /// What is stored in its place.
    pub fn digest(&self) -> CardDigest {
        CardDigest(Sha256::digest(&self.0).into())
    }
}

impl fmt::Debug for CardToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardToken(…)")
    }
}

impl FromStr for CardToken {
    type Err = CardTokenError;

    fn from_str(text: &str) -> Result<Self, CardTokenError> {
        match text.len() {
            0 => Err(CardTokenError::Missing),
            1..=128 if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Self(text.to_owned())),
            _ => Err(CardTokenError::NotAToken),
        }
    }
}

/// The SHA-256 of a card token: two are equal if and only if the tokens are. Redacted as well, because a token that can be
/// guessed can be found from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CardDigest([u8; 32]);

impl CardDigest {
    /// A digest as stored.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CardDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardDigest(…)")
    }
}

/// Why a card was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    /// The bank does not say why.
    CardDeclined,
    /// The card does not cover the amount.
    InsufficientFunds,
    /// No bank knows the card.
    UnknownCard,
}

impl Decline {
    const ALL: [Self; 3] = [Self::CardDeclined, Self::InsufficientFunds, Self::UnknownCard];

    /// The error reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::CardDeclined => "CARD_DECLINED",
            Self::InsufficientFunds => "INSUFFICIENT_FUNDS",
            Self::UnknownCard => "UNKNOWN_CARD",
        }
    }

    /// The refusal with this reason.
    pub fn named(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decline| decline.reason() == reason)
    }
}

/// What the bank says to an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The card covers it.
    Approved(Answer),
    /// It does not.
    Refused(Decline),
}

/// How an approval reaches the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// At once.
    Prompt,
    /// After a time.
    Late(Duration),
    /// The first time not at all, although the amount is held.
    Lost,
}

/// Decides as the bank behind the test cards does. The same card and amount get the same verdict.
pub fn decide(card: &CardToken, amount: Money) -> Verdict {
    let answer = match card.0.as_str() {
        "tok_visa" => Answer::Prompt,
        "tok_slow" => Answer::Late(SLOW),
        "tok_lost_answer" => Answer::Lost,
        "tok_declined" => return Verdict::Refused(Decline::CardDeclined),
        "tok_insufficient_funds" => return Verdict::Refused(Decline::InsufficientFunds),
        _ => return Verdict::Refused(Decline::UnknownCard),
    };
    match amount.minor_units() {
        ..=CARD_LIMIT => Verdict::Approved(answer),
        _ => Verdict::Refused(Decline::InsufficientFunds),
    }
}

#[cfg(test)]
mod tests {
    use madang_types::Currency;

    use super::*;

    fn verdict(card: &str, minor_units: i64) -> Verdict {
        decide(&card.parse().unwrap(), Money::new(minor_units, Currency::USD).unwrap())
    }

    #[test]
    fn every_test_card_does_what_the_contract_says() {
        let expected = [
            ("tok_visa", Verdict::Approved(Answer::Prompt)),
            ("tok_slow", Verdict::Approved(Answer::Late(Duration::from_secs(1)))),
            ("tok_lost_answer", Verdict::Approved(Answer::Lost)),
            ("tok_declined", Verdict::Refused(Decline::CardDeclined)),
            ("tok_insufficient_funds", Verdict::Refused(Decline::InsufficientFunds)),
            ("tok_visa2", Verdict::Refused(Decline::UnknownCard)),
            ("4111111111111111", Verdict::Refused(Decline::UnknownCard)),
        ];
        for (card, expected) in expected {
            assert_eq!(verdict(card, 100), expected, "{card}");
        }
    }

    #[test]
    fn no_card_covers_more_than_its_limit() {
        assert_eq!(verdict("tok_visa", CARD_LIMIT), Verdict::Approved(Answer::Prompt));
        assert_eq!(verdict("tok_visa", CARD_LIMIT + 1), Verdict::Refused(Decline::InsufficientFunds));
    }

    #[test]
    fn a_token_is_bounded_and_has_no_blanks() {
        assert_eq!("".parse::<CardToken>().unwrap_err(), CardTokenError::Missing);
        for bad in ["tok visa", "tok_비자", "tok\n", &"x".repeat(129)] {
            assert_eq!(bad.parse::<CardToken>().unwrap_err(), CardTokenError::NotAToken, "{bad:?}");
        }
        assert!("x".repeat(128).parse::<CardToken>().is_ok());
    }

    #[test]
    fn a_token_is_never_shown() {
        let token: CardToken = "tok_visa".parse().unwrap();
        let shown = format!("{token:?} {:?}", token.digest());
        assert_eq!(shown, "CardToken(…) CardDigest(…)");
    }

    #[test]
    fn a_digest_tells_cards_apart_and_no_more() {
        let digest = |card: &str| card.parse::<CardToken>().unwrap().digest();
        assert_eq!(digest("tok_visa"), digest("tok_visa"));
        assert_ne!(digest("tok_visa"), digest("tok_slow"));
    }

    #[test]
    fn every_decline_is_found_by_its_reason() {
        for decline in Decline::ALL {
            assert_eq!(Decline::named(decline.reason()), Some(decline));
        }
        assert_eq!(Decline::named("STEP_UNDONE"), None);
    }
}
