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
        let cursor = |standing: store::Standing| Cursor {
            alarm: self
                .0
                .followed(&standing.producer)
                .and_then(Followed::alarm)
                .unwrap_or_default()
                .to_owned(),
            producer: standing.producer,
            position: standing.position,
            dead_letters: standing.dead_letters,
            parked: standing.parked,
        };
        Ok(Response::new(ListCursorsResponse { cursors: standings.into_iter().map(cursor).collect() }))
    }
}
