use std::fmt::Display;
use std::str::FromStr;

use tonic::Status;
use tonic_types::FieldViolation;

use crate::error;

/// Gathers what is wrong with a request, so that the caller learns all of it at once.
///
/// ```
/// use madang_api::Violations;
/// use madang_types::{OrderId, ProductId};
///
/// let mut violations = Violations::default();
/// let order = violations.parse::<OrderId>("order_id", "not a UUID");
/// let product = violations.parse::<ProductId>("product_id", "");
/// let status = violations.all((order, product)).unwrap_err();
/// assert_eq!(madang_api::error::violations(&status).len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Notes a violation of the field at `path`, such as `lines[2].quantity`.
    pub fn add(&mut self, path: impl Into<String>, reason: &str, description: impl Display) {
        let mut violation = FieldViolation::new(path, description.to_string());
        reason.clone_into(&mut violation.reason);
        self.0.push(violation);
    }

    /// Keeps the value, or notes why there is none.
    pub fn check<T, E: Display>(&mut self, path: impl Into<String>, result: Result<T, E>) -> Option<T> {
        result.map_err(|cause| self.add(path, "INVALID_VALUE", cause)).ok()
    }

    /// Parses a text field, or notes why it cannot be.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, path: impl Into<String>, text: &str) -> Option<T> {
        self.check(path, text.parse())
    }

    /// Keeps a message field, or notes that it is missing.
    pub fn required<T>(&mut self, path: impl Into<String>, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(path, "REQUIRED", "is required");
        }
        value
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of all fields, where nothing at all is wrong.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with reason INVALID_REQUEST and every violation.
    pub fn all<F: Fields>(self, fields: F) -> Result<F::Values, Status> {
        match fields.values() {
            Some(values) if self.0.is_empty() => Ok(values),
            _ => Err(error::invalid(self.0)),
        }
    }
}

/// A tuple of optional fields.
pub trait Fields {
    /// The same tuple without the options.
    type Values;

    /// The values, where all are there.
    fn values(self) -> Option<Self::Values>;
}

macro_rules! fields {
    ($(($($field:ident)+))*) => {$(
        #[expect(non_snake_case, reason = "one letter names a type and its value")]
        impl<$($field),+> Fields for ($(Option<$field>,)+) {
            type Values = ($($field,)+);

            fn values(self) -> Option<Self::Values> {
                let ($($field,)+) = self;
                Some(($($field?,)+))
            }
        }
    )*};
}

fields! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) (A B C D E F G H I) }
