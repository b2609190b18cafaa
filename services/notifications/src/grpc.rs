//! NotificationsService over the use cases.

mod convert;
mod status;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use madang_api::Violations;
use madang_api::notifications::v1::notifications_service_server::NotificationsService;
use madang_api::notifications::v1::{
    ListNotificationsRequest, ListNotificationsResponse, WatchNotificationsRequest,
    WatchNotificationsResponse,
};
use madang_api::page::List;
use tonic::{Request, Response, Status};

use crate::app::{App, Watcher};

/// The server side of `madang.notifications.v1.NotificationsService`.
#[derive(Debug)]
pub struct Notifications(pub App);

#[tonic::async_trait]
impl NotificationsService for Notifications {
    type WatchNotificationsStream = BoxStream<'static, Result<WatchNotificationsResponse, Status>>;

    async fn list_notifications(
        &self,
        request: Request<ListNotificationsRequest>,
    ) -> Result<Response<ListNotificationsResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let customer = violations.parse("customer_id", &message.customer_id);
        if message.page_size < 0 {
            violations.add("page_size", "INVALID_VALUE", "must not be negative");
        }
        let (customer,) = violations.all((customer,))?;
        let list = List::new("ListNotifications", &[&message.customer_id]);
        let page = list.page(message.page_size, &message.page_token)?;
        let older = page.after(convert::read_key)?;
        let rows = self.0.list(customer, older, page.limit()).await.map_err(status::database)?;
        let (rows, next_page_token) = page.cut(&list, rows, convert::key);
        let notifications = rows.iter().map(|told| (&told.notification).into()).collect();
        Ok(Response::new(ListNotificationsResponse { notifications, next_page_token }))
    }

    /// The server ends the stream when it drains, and drops it when the caller goes.
    async fn watch_notifications(
        &self,
        request: Request<WatchNotificationsRequest>,
    ) -> Result<Response<Self::WatchNotificationsStream>, Status> {
        let mut violations = Violations::default();
        let customer = violations.parse("customer_id", &request.into_inner().customer_id);
        let (customer,) = violations.all((customer,))?;
        let told = stream::unfold(Some(self.0.watch(customer)), async |watcher| Some(next(watcher?).await));
        Ok(Response::new(told.boxed()))
    }
}

type Next = (Result<WatchNotificationsResponse, Status>, Option<Watcher>);

/// The next notification, and the watcher for the one after it; an error is the last thing told.
async fn next(mut watcher: Watcher) -> Next {
    match watcher.next().await {
        Ok(told) => (Ok(WatchNotificationsResponse { notification: Some((&*told).into()) }), Some(watcher)),
        Err(ended) => (Err(ended.into()), None),
    }
}
