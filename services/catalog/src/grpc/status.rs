//! The only place where an error becomes a status.

use madang_api::error::{self as api, status, status_about};
use tonic::{Code, Status};

use crate::app::Error;

const PRODUCT_NOT_FOUND: &str = "PRODUCT_NOT_FOUND";

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::UnknownProduct(product) => {
                status_about(Code::NotFound, PRODUCT_NOT_FOUND, text, [("product_id", product.to_string())])
            }
            Error::UnknownProducts(products) => {
                let ids: Vec<&str> = products.iter().map(|id| id.as_str()).collect();
                status_about(Code::NotFound, PRODUCT_NOT_FOUND, text, [("product_ids", ids.join(","))])
            }
            Error::Reused => status(Code::AlreadyExists, api::REQUEST_ID_REUSED, text),
            Error::Db(error) => madang_events::database_status(&error),
        }
    }
}
