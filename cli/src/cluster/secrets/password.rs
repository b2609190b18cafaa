use anyhow::{Context, Result};
use rand::TryRng;
use rand::rngs::SysRng;

const LENGTH: usize = 32;
const LETTERS: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALL: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A new password: 32 letters and digits, the first a letter, so that neither a URL nor YAML needs to quote it.
///
/// # Errors
/// Where the system has no randomness.
pub(super) fn generate() -> Result<String> {
    draw(|| {
        let mut byte = [0];
        SysRng.try_fill_bytes(&mut byte).context("the system gives no randomness")?;
        let [byte] = byte;
        Ok(byte)
    })
}

fn draw(mut random: impl FnMut() -> Result<u8>) -> Result<String> {
    let mut password = String::with_capacity(LENGTH);
    while password.len() < LENGTH {
        let alphabet: &[u8] = if password.is_empty() { LETTERS } else { ALL };
        password.extend(pick(alphabet, usize::from(random()?)));
    }
    Ok(password)
}

/// The letter for a random byte; none for bytes above the last whole round, which would make the first letters likelier.
fn pick(alphabet: &[u8], byte: usize) -> Option<char> {
    let rounds = 256 / alphabet.len() * alphabet.len();
    (byte < rounds).then(|| alphabet.get(byte % alphabet.len()).copied().map(char::from)).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn passwords_need_no_quotes_and_differ() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, two);
        for password in [one, two] {
            assert_eq!(password.len(), 32);
            assert!(password.starts_with(|c: char| c.is_ascii_alphabetic()));
            assert!(password.chars().all(|c| c.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn every_letter_is_as_likely_as_every_other() {
        for alphabet in [&LETTERS[..], ALL] {
            let mut counts = BTreeMap::new();
            for letter in (0..256).filter_map(|byte| pick(alphabet, byte)) {
                *counts.entry(letter).or_insert(0) += 1;
            }
            assert_eq!(counts.len(), alphabet.len());
            assert!(counts.values().all(|count| *count == 4), "{counts:?}");
        }
    }

    #[test]
    fn a_system_without_randomness_is_told() {
        assert!(draw(|| anyhow::bail!("none")).is_err());
    }
}
