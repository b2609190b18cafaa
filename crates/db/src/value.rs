use uuid::Uuid;

use crate::Error;

/// A parameter of a statement, or a column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// BIGINT; a boolean is 0 or 1.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BYTEA; a UUID is its 16 bytes.
    Bytes(Vec<u8>),
}

impl Value {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Int(_) => "an integer",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
        }
    }
}

/// Makes `[Value; N]` of anything that is `Into<Value>`: `tx.execute(SQL, &params![id, name])`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::Value::from($value)),*] };
}

macro_rules! value_from {
    ($($type:ty => |$value:ident| $make:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $make
            }
        }
    )*};
}

value_from! {
    i64 => |value| Self::Int(value);
    u32 => |value| Self::Int(value.into());
    i32 => |value| Self::Int(value.into());
    bool => |value| Self::Int(value.into());
    &str => |value| Self::Text(value.to_owned());
    &String => |value| Self::Text(value.clone());
    String => |value| Self::Text(value);
    Uuid => |value| Self::Bytes(value.as_bytes().to_vec());
    Vec<u8> => |value| Self::Bytes(value);
    &[u8] => |value| Self::Bytes(value.to_vec());
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of a query's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Value>);

impl Row {
    /// The column at `index`, from 0.
    ///
    /// # Errors
    /// [`Error::Row`] when there is no such column, or it does not hold a `T`.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, Error> {
        let found = |found| Error::Row { index, expected: T::EXPECTED, found };
        let value = self.0.get(index).ok_or_else(|| found("missing"))?;
        T::from_value(value).ok_or_else(|| found(value.type_name()))
    }
}

/// What a column can be read as.
pub trait FromValue: Sized {
    /// What the column must hold, for the error's text.
    const EXPECTED: &'static str;

    /// Reads the value; `None` when it is of another type or out of range.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty, $expected:literal, $pattern:pat => $make:expr;)*) => {$(
        impl FromValue for $type {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &Value) -> Option<Self> {
                if let $pattern = value { $make } else { None }
            }
        }
    )*};
}

from_value! {
    i64, "an integer", Value::Int(int) => Some(*int);
    i32, "a 32-bit integer", Value::Int(int) => (*int).try_into().ok();
    u32, "an unsigned 32-bit integer", Value::Int(int) => (*int).try_into().ok();
    bool, "0 or 1", Value::Int(int @ (0 | 1)) => Some(*int == 1);
    String, "text", Value::Text(text) => Some(text.clone());
    Vec<u8>, "bytes", Value::Bytes(bytes) => Some(bytes.clone());
    Uuid, "16 bytes", Value::Bytes(bytes) => Self::from_slice(bytes).ok();
}

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            Value::Int(_) | Value::Text(_) | Value::Bytes(_) => T::from_value(value).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_as_it_went_in() {
        let id = Uuid::from_u128(7);
        let row = Row(params![-1_i64, 2_u32, true, "a", id, vec![1_u8], None::<i64>, Some("b")].to_vec());
        assert_eq!(row.get::<i64>(0).unwrap(), -1);
        assert_eq!(row.get::<u32>(1).unwrap(), 2);
        assert!(row.get::<bool>(2).unwrap());
        assert_eq!(row.get::<String>(3).unwrap(), "a");
        assert_eq!(row.get::<Uuid>(4).unwrap(), id);
        assert_eq!(row.get::<Vec<u8>>(5).unwrap(), [1]);
        assert_eq!(row.get::<Option<i64>>(6).unwrap(), None);
        assert_eq!(row.get::<Option<String>>(7).unwrap().as_deref(), Some("b"));
    }

    #[test]
    fn a_wrong_type_is_an_error_that_says_both() {
        let row = Row(params![2_i64, "a", vec![0_u8; 15], i64::MAX].to_vec());
        let error = row.get::<i64>(1).unwrap_err();
        assert_eq!(error.to_string(), "column 1 is text, expected an integer");
        assert_eq!(row.get::<i64>(9).unwrap_err().to_string(), "column 9 is missing, expected an integer");
        assert!(row.get::<bool>(0).is_err(), "2 is no boolean");
        assert!(row.get::<Uuid>(2).is_err(), "15 bytes are no UUID");
        assert!(row.get::<u32>(3).is_err(), "out of range");
        assert!(row.get::<Option<i64>>(1).is_err(), "an option is still of its type");
    }
}
