//! Pages of lists (google.aip.dev/158): a size with a default and a limit, and an opaque token that only its own list takes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tonic::Status;

use crate::{Violations, error};

/// Rows on a page where the caller names no size.
pub const DEFAULT_SIZE: i32 = 50;
/// Rows on a page at most; a larger size is taken as this one.
pub const MAX_SIZE: i32 = 200;

const CHECK_BYTES: usize = 8;

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Rows wanted, 1 to [`MAX_SIZE`].
    pub size: usize,
    /// The key of the last row of the page before; none for the first page.
    pub after: Option<Vec<u8>>,
}

/// One list with its filters. Its tokens are refused by every other list.
#[derive(Debug, Clone)]
pub struct List(Sha256);

impl List {
    /// A list, by the name of its RPC and the filters of the request.
    pub fn new(rpc: &str, filters: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(&rpc).chain(filters) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hash)
    }

    /// Reads page_size and page_token of a request.
    ///
    /// # Errors
    /// INVALID_ARGUMENT: INVALID_REQUEST for a negative size, INVALID_PAGE_TOKEN for a token that this list did not make.
    pub fn page(&self, page_size: i32, page_token: &str) -> Result<Page, Status> {
        let mut violations = Violations::default();
        if page_size < 0 {
            violations.add("page_size", "INVALID_VALUE", "must not be negative");
        }
        violations.all((Some(()),))?;
        let size = if page_size == 0 { DEFAULT_SIZE } else { page_size.min(MAX_SIZE) };
        let after =
            if page_token.is_empty() { None } else { Some(self.read(page_token).ok_or_else(invalid_token)?) };
        Ok(Page { size: usize::try_from(size).unwrap_or_default(), after })
    }

    /// The token of the page that follows the row with this key.
    pub fn token(&self, last_key: &[u8]) -> String {
        let mut bytes = self.check(last_key).to_vec();
        bytes.extend_from_slice(last_key);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(&self, token: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (check, key) = bytes.split_at_checked(CHECK_BYTES)?;
        (check == self.check(key)).then(|| key.to_vec())
    }

    fn check(&self, key: &[u8]) -> [u8; CHECK_BYTES] {
        let digest = self.0.clone().chain_update(key).finalize();
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&digest[..CHECK_BYTES]);
        check
    }
}

impl Page {
    /// Cuts rows, read one more than wanted, to the page, and makes the next page's token from the last row's key.
    pub fn cut<T>(&self, list: &List, mut rows: Vec<T>, key: impl Fn(&T) -> Vec<u8>) -> (Vec<T>, String) {
        if rows.len() <= self.size {
            return (rows, String::new());
        }
        rows.truncate(self.size);
        let token = rows.last().map(|row| list.token(&key(row))).unwrap_or_default();
        (rows, token)
    }

    /// Rows to read: one more than wanted, which tells whether there is a next page.
    pub fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// The key of the last row of the page before, read from its bytes.
    ///
    /// # Errors
    /// INVALID_ARGUMENT INVALID_PAGE_TOKEN where the bytes are no such key.
    pub fn after<T>(&self, read: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>, Status> {
        self.after.as_deref().map(|bytes| read(bytes).ok_or_else(invalid_token)).transpose()
    }
}

fn invalid_token() -> Status {
    let message = "is none that this list with these filters has given";
    error::invalid_field(error::INVALID_PAGE_TOKEN, "page_token", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_the_next_page_of_its_own_list_only() {
        let list = List::new("ListOrders", &["mina"]);
        let token = list.token(b"key");
        assert_eq!(list.page(10, &token).unwrap(), Page { size: 10, after: Some(b"key".to_vec()) });
        let others = [List::new("ListOrders", &["jun"]), List::new("ListProducts", &["mina"])];
        for other in others {
            let status = other.page(10, &token).unwrap_err();
            assert_eq!(error::reason(&status).as_deref(), Some(error::INVALID_PAGE_TOKEN));
        }
    }

    #[test]
    fn a_forged_token_is_refused() {
        let list = List::new("ListProducts", &[]);
        for forged in ["x", "AAAA", "not base64!", &list.token(b"a")[1..]] {
            let status = list.page(0, forged).unwrap_err();
            assert_eq!(error::reason(&status).as_deref(), Some(error::INVALID_PAGE_TOKEN), "{forged}");
        }
    }

    #[test]
    fn sizes_have_a_default_and_a_limit() {
        let list = List::new("ListProducts", &[]);
        assert_eq!(list.page(0, "").unwrap().size, 50);
        assert_eq!(list.page(1_000, "").unwrap().size, 200);
        let status = list.page(-1, "").unwrap_err();
        assert_eq!(error::violations(&status)[0].field, "page_size");
    }

    #[test]
    fn the_last_page_has_no_token() {
        let list = List::new("ListProducts", &[]);
        let page = Page { size: 2, after: None };
        assert_eq!(page.cut(&list, vec![1_u8, 2], |n| vec![*n]), (vec![1, 2], String::new()));
        assert_eq!(page.cut(&list, vec![1_u8, 2, 3], |n| vec![*n]), (vec![1, 2], list.token(&[2])));
    }
}
