use axum::extract::State;
use http::Uri;
use madang_api::notifications::v1::ListNotificationsRequest;

use super::request::{Caller, Params};
use super::{Answer, Api, tell};

/// A page of what a customer was told.
pub(super) async fn list(State(mut api): State<Api>, caller: Caller, uri: Uri) -> Answer {
    let mut params = Params::read(&uri, &["customer_id", "page_size", "page_token"]);
    let request = ListNotificationsRequest {
        customer_id: params.text("customer_id"),
        page_size: params.page_size(),
        page_token: params.text("page_token"),
    };
    params.check()?;
    tell(api.notifications.list_notifications(caller.ask(request)).await?.get_ref())
}
