//! What binds a login to the connection's certificate (RFC 5929, tls-server-end-point): a server in between, with another
//! certificate, cannot pass the login on.

use sha2::{Digest, Sha256, Sha384, Sha512};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;

/// The certificate's hash by the function that its signature uses; none where that names no function, or one that is not known
/// here: then the login goes without.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (whole, _) = element(SEQUENCE, certificate)?;
    let (_, rest) = element(SEQUENCE, whole)?;
    let (algorithm, _) = element(SEQUENCE, rest)?;
    let (id, _) = element(OBJECT_ID, algorithm)?;
    let (last, family) = id.split_last()?;
    Some(match (family, last) {
        (RSA, 11) | (ECDSA, 2) => Sha256::digest(certificate).to_vec(),
        (RSA, 12) | (ECDSA, 3) => Sha384::digest(certificate).to_vec(),
        (RSA, 13) | (ECDSA, 4) => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

/// The content of the first element, which has this tag, and what follows it (DER).
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return rest.split_at_checked(first.into());
    }
    let (length, rest) = rest.split_at_checked((first & 0x7f).into())?;
    let more = |sum: usize, byte: &u8| sum.checked_mul(256)?.checked_add((*byte).into());
    rest.split_at_checked(length.iter().try_fold(0, more)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [&head, content].concat()
    }

    fn signed(family: &[u8], last: u8) -> Vec<u8> {
        let id = der(OBJECT_ID, &[family, &[last]].concat());
        der(SEQUENCE, &[der(SEQUENCE, &[7; 150]), der(SEQUENCE, &id), vec![3, 1, 0]].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        for (last, of_rsa, length) in [(2, 11, 32), (3, 12, 48), (4, 13, 64)] {
            assert_eq!(end_point(&signed(ECDSA, last)).unwrap().len(), length);
            assert_eq!(end_point(&signed(RSA, of_rsa)).unwrap().len(), length);
        }
        let certificate = signed(ECDSA, 2);
        assert_eq!(end_point(&certificate), Some(Sha256::digest(&certificate).to_vec()), "of the whole");
    }

    #[test]
    fn another_signature_or_what_is_no_certificate_has_none() {
        // Ed25519, and RSA-PSS, which names its hash elsewhere.
        assert_eq!(end_point(&signed(&[0x2b, 0x65], 0x70)), None);
        assert_eq!(end_point(&signed(RSA, 10)), None);
        let certificate = signed(RSA, 11);
        for length in 0..certificate.len() - 3 {
            assert_eq!(end_point(&certificate[..length]), None, "cut at {length}");
        }
        assert_eq!(end_point(&[SEQUENCE, 0xff]), None);
    }
}
