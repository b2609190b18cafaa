use std::sync::Arc;

use madang_api::events::v1::dead_letter_service_server::DeadLetterService;
use madang_api::events::v1::{
    DeadLetter, DiscardDeadLetterRequest, DiscardDeadLetterResponse, ListDeadLettersRequest,
    ListDeadLettersResponse, RedriveDeadLetterRequest, RedriveDeadLetterResponse,
};
use madang_api::page::List;
use madang_api::{Violations, error};
use madang_chassis::chain;
use madang_db::{Kind, Tx};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::discard::{Discarded, Failing, discard};
use super::redrive::{Refused, redrive};
use super::store::discards::{Answer, Decision};
use super::{Shared, store};
use crate::{DEAD_LETTER_NOT_FOUND, DEAD_LETTER_PARKED, Failure, REDRIVE_FAILED, database_status};

/// Characters of an operator's reason.
const REASON: std::ops::RangeInclusive<usize> = 1..=200;

/// Lists what could not be applied, applies it again, and gives it up.
#[derive(Debug)]
pub struct DeadLetters(Arc<Shared>);

impl DeadLetters {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    async fn redrive(&self, id: Uuid) -> Result<i32, Status> {
        let shared = Arc::clone(&self.0);
        let now = shared.clock.now();
        let work = move |tx: &mut Tx<'_>| {
            tx.tell_time(now);
            redrive(tx, &shared, id)
        };
        let refused = match self.0.db.write(Kind::Cursor, work).await {
            Ok(applied) => {
                tracing::info!(dead_letter.id = %id, applied, "a dead letter is applied");
                return Ok(applied);
            }
            Err(refused) => refused,
        };
        match refused {
            Refused::NotFound => Err(not_found()),
            Refused::Parked(position) => {
                let cause =
                    format!("it waits behind the dead letter at position {position}: redrive that one");
                Err(failed("PARKED", &cause))
            }
            Refused::NoHandler => {
                Err(failed("NO_HANDLER", "this consumer does not read the event's producer any more"))
            }
            Refused::Failed(letter, failure) => self.count(id, &letter, &failure).await,
            Refused::Db(error) => Err(database_status(&error)),
        }
    }

    /// Notes the failed try in a transaction of its own: that of the redrive was rolled back.
    async fn count(&self, id: Uuid, letter: &store::DeadLetter, failure: &Failure) -> Result<i32, Status> {
        let reason = failure.reason();
        let detail = format!("position {}: {}", letter.event.position, failure.detail());
        let status = failed(reason, &detail);
        tracing::warn!(dead_letter.id = %id, reason, detail, "a dead letter failed again");
        let noted = self.0.db.write(Kind::Cursor, move |tx| store::count_attempt(tx, id, reason, &detail));
        noted.await.map_err(|error| database_status(&error))?;
        Err(status)
    }

    /// Each run of the transaction that finds an event which fails is rolled back, and the next stops before that event. So the
    /// position falls with each, and they end.
    async fn discard(&self, decision: Decision) -> Result<Answer, Status> {
        let mut failing: Option<Arc<Failing>> = None;
        loop {
            let (shared, asked, known) = (Arc::clone(&self.0), decision.clone(), failing.clone());
            let work = move |tx: &mut Tx<'_>| {
                tx.tell_time(asked.at);
                discard(tx, &shared, &asked, known.as_deref())
            };
            match self.0.db.write(Kind::Cursor, work).await {
                Ok(Discarded::Before(answer)) => return Ok(answer),
                Ok(Discarded::Now(letter, answer)) => {
                    tell(&letter, &decision, answer, failing.as_deref());
                    return Ok(answer);
                }
                Err(Refused::Failed(letter, failure)) => {
                    failing = Some(Arc::new((letter.event.position, failure)));
                }
                Err(Refused::NotFound) => return Err(not_found()),
                Err(Refused::Parked(position)) => {
                    let message =
                        format!("it waits behind the dead letter at position {position}: discard that one");
                    return Err(error::status(Code::FailedPrecondition, DEAD_LETTER_PARKED, message));
                }
                Err(Refused::NoHandler) => return Err(Status::internal("a discard needs no handler")),
                Err(Refused::Db(error)) => return Err(database_status(&error)),
            }
        }
    }
}

fn tell(letter: &store::DeadLetter, decision: &Decision, answer: Answer, failing: Option<&Failing>) {
    let (producer, event, because) = (&letter.producer, &letter.event, &decision.because);
    let (key, kind, reason, applied) = (&event.key, &event.kind, &letter.reason, answer.applied);
    tracing::warn!(dead_letter.id = %event.id, producer, event.position, key, kind, reason, because, applied, "a dead letter is discarded");
    if let (Some(id), Some((position, failure))) = (answer.next, failing) {
        let (reason, error) = (failure.reason(), chain(failure));
        tracing::error!(producer, event.id = %id, event.position = position, reason, error, "a dead letter blocks its key");
    }
}

fn not_found() -> Status {
    error::status(Code::NotFound, DEAD_LETTER_NOT_FOUND, "there is no such dead letter")
}

#[tonic::async_trait]
impl DeadLetterService for DeadLetters {
    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let request = request.into_inner();
        let list = List::new("ListDeadLetters", &[]);
        let page = list.page(request.page_size, &request.page_token)?;
        let (after, limit) = (page.after(place)?.unwrap_or_default(), page.limit());
        let read = self.0.db.read(move |tx| store::list(tx, &after, limit));
        let rows = read.await.map_err(|error| database_status(&error))?;
        let (rows, next_page_token) = page.cut(&list, rows, key);
        let dead_letters = rows.into_iter().map(Into::into).collect();
        Ok(Response::new(ListDeadLettersResponse { dead_letters, next_page_token }))
    }

    async fn redrive_dead_letter(
        &self,
        request: Request<RedriveDeadLetterRequest>,
    ) -> Result<Response<RedriveDeadLetterResponse>, Status> {
        let mut violations = Violations::default();
        let id: Option<Uuid> = violations.parse("dead_letter_id", &request.into_inner().dead_letter_id);
        let (id,) = violations.all((id,))?;
        Ok(Response::new(RedriveDeadLetterResponse { applied: self.redrive(id).await? }))
    }

    async fn discard_dead_letter(
        &self,
        request: Request<DiscardDeadLetterRequest>,
    ) -> Result<Response<DiscardDeadLetterResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::default();
        let id: Option<Uuid> = violations.parse("dead_letter_id", &request.dead_letter_id);
        let is_line =
            REASON.contains(&request.reason.chars().count()) && !request.reason.contains(char::is_control);
        let because = is_line.then_some(request.reason).ok_or("must be 1 to 200 characters on one line");
        let because = violations.check("reason", because);
        let (id, because) = violations.all((id, because))?;
        let Answer { applied, next } = self.discard(Decision { id, because, at: self.0.clock.now() }).await?;
        let next_dead_letter_id = next.map(|id| id.to_string()).unwrap_or_default();
        Ok(Response::new(DiscardDeadLetterResponse { applied, next_dead_letter_id }))
    }
}

impl From<store::DeadLetter> for DeadLetter {
    fn from(letter: store::DeadLetter) -> Self {
        Self {
            dead_letter_id: letter.event.id.to_string(),
            producer: letter.producer,
            event: Some(letter.event.into()),
            reason: letter.reason,
            detail: letter.detail,
            attempts: letter.attempts,
            parked: letter.parked,
        }
    }
}

fn failed(cause: &str, detail: &str) -> Status {
    let facts = [("cause", cause.to_owned())];
    let message = format!("nothing was applied: {cause}: {detail}");
    error::status_about(Code::FailedPrecondition, REDRIVE_FAILED, message, facts)
}

/// A row's place in the list, as bytes: the position, then the producer.
fn key(letter: &store::DeadLetter) -> Vec<u8> {
    let mut bytes = letter.event.position.to_be_bytes().to_vec();
    bytes.extend_from_slice(letter.producer.as_bytes());
    bytes
}

fn place(bytes: &[u8]) -> Option<(String, i64)> {
    let (position, producer) = bytes.split_first_chunk()?;
    Some((String::from_utf8(producer.to_vec()).ok()?, i64::from_be_bytes(*position)))
}
