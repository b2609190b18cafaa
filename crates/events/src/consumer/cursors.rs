use std::sync::Arc;

use madang_api::events::v1::cursor_service_server::CursorService;
use madang_api::events::v1::{Cursor, ListCursorsRequest, ListCursorsResponse};
use tonic::{Request, Response, Status};

use super::{Followed, Shared, store};
use crate::database_status;

/// Tells how far the consumer has come.
#[derive(Debug)]
pub struct Cursors(Arc<Shared>);

impl Cursors {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

#[tonic::async_trait]
impl CursorService for Cursors {
    async fn list_cursors(
        &self,
        _request: Request<ListCursorsRequest>,
    ) -> Result<Response<ListCursorsResponse>, Status> {
        let standings = self.0.db.read(store::standings).await.map_err(|error| database_status(&error))?;
        // A producer whose first event is still to come has no row yet.
        let waiting = self.0.subscriptions.iter().map(|followed| followed.subscription.producer);
        let waiting = waiting.filter(|name| standings.iter().all(|standing| standing.producer != *name));
        let mut cursors: Vec<Cursor> =
            waiting.map(|name| Cursor { producer: name.to_owned(), ..Cursor::default() }).collect();
        cursors.extend(standings.into_iter().map(|standing| Cursor {
            producer: standing.producer,
            position: standing.position,
            alarm: String::new(),
            dead_letters: standing.dead_letters,
            parked: standing.parked,
        }));
        for cursor in &mut cursors {
            let alarm = self.0.followed(&cursor.producer).and_then(Followed::alarm);
            alarm.unwrap_or_default().clone_into(&mut cursor.alarm);
        }
        cursors.sort_by(|a, b| a.producer.cmp(&b.producer));
        Ok(Response::new(ListCursorsResponse { cursors }))
    }
}
