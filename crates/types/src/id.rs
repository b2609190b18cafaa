use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("is required")]
    Missing,
    /// Not a UUID in its usual form of 36 characters.
    #[error("must be a UUID, such as 0198c0de-0000-7000-8000-000000000001")]
    NotAUuid,
    /// Not 3 to 48 of a-z, 0-9 and hyphen.
    #[error("must be 3 to 48 of a-z, 0-9 and hyphen")]
    NotAProduct,
    /// Not 1 to 64 of a-z, A-Z, 0-9, hyphen and underscore.
    #[error("must be 1 to 64 of a-z, A-Z, 0-9, hyphen and underscore")]
    NotACustomer,
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Names an existing UUID.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for storage.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_uuid(text).map(Self)
            }
        }
    )*};
}

// Append only: one type per id, so that an order's id is never taken for a request's.
uuid_ids! {
    /// Names an order, and every step made for it.
    OrderId;
    /// Chosen by a client; names one write, so that its repeat is known.
    RequestId;
}

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident: $length:expr, $allowed:expr, $error:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.is_empty() {
                    return Err(IdError::Missing);
                }
                let allowed: fn(u8) -> bool = $allowed;
                match $length.contains(&text.len()) && text.bytes().all(allowed) {
                    true => Ok(Self(text.to_owned())),
                    false => Err($error),
                }
            }
        }
    )*};
}

text_ids! {
    /// Names a product: 3 to 48 of a-z, 0-9 and hyphen, such as `celadon-tea-cup`.
    ProductId: (3..=48), |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-', IdError::NotAProduct;
    /// Names a customer: 1 to 64 of a-z, A-Z, 0-9, hyphen and underscore.
    CustomerId: (1..=64), |c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_', IdError::NotACustomer;
}

fn parse_uuid(text: &str) -> Result<Uuid, IdError> {
    match text.len() {
        0 => Err(IdError::Missing),
        // The nil UUID is what a client sends that forgot to make one; two of them would share their writes.
        36 => Uuid::try_parse(text).ok().filter(|uuid| !uuid.is_nil()).ok_or(IdError::NotAUuid),
        _ => Err(IdError::NotAUuid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_only_in_its_usual_form() {
        let text = "0198c0de-0000-7000-8000-000000000001";
        assert_eq!(text.parse::<OrderId>().map(|id| id.to_string()).as_deref(), Ok(text));
        assert_eq!("".parse::<OrderId>(), Err(IdError::Missing));
        assert_eq!(Uuid::nil().to_string().parse::<OrderId>(), Err(IdError::NotAUuid));
        assert_eq!("0198c0de000070008000000000000001".parse::<OrderId>(), Err(IdError::NotAUuid));
        assert_eq!("{198c0de-0000-7000-8000-00000000000}".parse::<OrderId>(), Err(IdError::NotAUuid));
    }

    #[test]
    fn a_product_id_is_a_slug() {
        assert!("celadon-tea-cup".parse::<ProductId>().is_ok());
        for bad in ["ab", "Celadon", "celadon cup", "백자-항아리", &"x".repeat(49)] {
            assert_eq!(bad.parse::<ProductId>(), Err(IdError::NotAProduct), "{bad}");
        }
    }

    #[test]
    fn a_customer_id_has_no_blanks() {
        assert!("mina_01-A".parse::<CustomerId>().is_ok());
        assert_eq!("a b".parse::<CustomerId>(), Err(IdError::NotACustomer));
        assert_eq!("".parse::<CustomerId>(), Err(IdError::Missing));
    }
}
