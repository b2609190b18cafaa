//! OrdersOperatorService: for those who run the shop.

use madang_api::Violations;
use madang_api::orders::v1::orders_operator_service_server::OrdersOperatorService;
use madang_api::orders::v1::{
    AuditOrdersRequest, AuditOrdersResponse, ListSagasRequest, ListSagasResponse, OrderState,
    ResumeOrderRequest, ResumeOrderResponse,
};
use madang_api::page::List;
use madang_types::OrderId;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Orders, convert, key, order_id, read_key};
use crate::app::{Filter, SagaPlace};

/// The states that a saga under way has, and the one in which it waits for an operator.
const SAGAS: [OrderState; 4] =
    [OrderState::Pending, OrderState::Cancelling, OrderState::Rejecting, OrderState::Stuck];

#[tonic::async_trait]
impl OrdersOperatorService for Orders {
    async fn audit_orders(
        &self,
        request: Request<AuditOrdersRequest>,
    ) -> Result<Response<AuditOrdersResponse>, Status> {
        let message = request.into_inner();
        let states = states(&message.states, |state| state != OrderState::Unspecified)?;
        let list = List::new("AuditOrders", &[&names(&states)]);
        let page = list.page(message.page_size, &message.page_token)?;
        let after = page.after(read_key)?;
        let rows = self.app.all(after, page.limit()).await?;
        let (mut rows, next_page_token) = page.cut(&list, rows, key);
        // A filtered page may hold fewer orders than its size: the audit reads all pages anyway.
        rows.retain(|order| states.is_empty() || states.contains(&convert::state(&order.state)));
        Ok(Response::new(AuditOrdersResponse {
            orders: rows.iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn resume_order(
        &self,
        request: Request<ResumeOrderRequest>,
    ) -> Result<Response<ResumeOrderResponse>, Status> {
        let order = self.app.resume(order_id(&request.into_inner().order_id)?).await?;
        Ok(Response::new(ResumeOrderResponse { order: Some((&*order).into()) }))
    }

    async fn list_sagas(
        &self,
        request: Request<ListSagasRequest>,
    ) -> Result<Response<ListSagasResponse>, Status> {
        let message = request.into_inner();
        let states = states(&message.states, |state| SAGAS.contains(&state))?;
        let list = List::new("ListSagas", &[&names(&states)]);
        let page = list.page(message.page_size, &message.page_token)?;
        let after = page.after(read_place)?;
        let rows = self.app.sagas(filter(&states), after, page.limit()).await?;
        let (rows, next_page_token) = page.cut(&list, rows, |saga| place_key(saga.place()));
        Ok(Response::new(ListSagasResponse { sagas: rows.iter().map(Into::into).collect(), next_page_token }))
    }
}

fn states(numbers: &[i32], is_wanted: impl Fn(OrderState) -> bool) -> Result<Vec<OrderState>, Status> {
    let mut violations = Violations::default();
    let mut states = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        let known = OrderState::try_from(*number).ok().filter(|state| is_wanted(*state));
        states.extend(violations.check(format!("states[{index}]"), known.ok_or("is no state of this list")));
    }
    violations.all((Some(states),)).map(|(states,)| states)
}

/// The filter of a list, as its page tokens know it.
fn names(states: &[OrderState]) -> String {
    states.iter().map(|state| state.as_str_name()).collect::<Vec<_>>().join(",")
}

fn filter(states: &[OrderState]) -> Filter {
    let wanted = |state| states.is_empty() || states.contains(&state);
    Filter {
        pending: wanted(OrderState::Pending),
        cancelling: wanted(OrderState::Cancelling),
        rejecting: wanted(OrderState::Rejecting),
        stuck: wanted(OrderState::Stuck),
    }
}

/// The place of a saga in a page token.
fn place_key(place: SagaPlace) -> Vec<u8> {
    match place {
        SagaPlace::Stuck(id) => id.uuid().as_bytes().to_vec(),
        SagaPlace::Open(owner, id) => [owner, id.uuid()].map(Uuid::into_bytes).concat(),
    }
}

fn read_place(bytes: &[u8]) -> Option<SagaPlace> {
    let (first, rest) = bytes.split_first_chunk()?;
    let first = Uuid::from_bytes(*first);
    match rest {
        [] => Some(SagaPlace::Stuck(OrderId::new(first))),
        rest => Some(SagaPlace::Open(first, OrderId::new(Uuid::from_slice(rest).ok()?))),
    }
}
