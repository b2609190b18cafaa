//! OrdersOperatorService: for those who run the shop.

use madang_api::Violations;
use madang_api::orders::v1::orders_operator_service_server::OrdersOperatorService;
use madang_api::orders::v1::{
    AuditOrdersRequest, AuditOrdersResponse, OrderState, ResumeOrderRequest, ResumeOrderResponse,
};
use madang_api::page::List;
use tonic::{Request, Response, Status};

use super::{Orders, convert, key, order_id, read_key};

#[tonic::async_trait]
impl OrdersOperatorService for Orders {
    async fn audit_orders(
        &self,
        request: Request<AuditOrdersRequest>,
    ) -> Result<Response<AuditOrdersResponse>, Status> {
        let message = request.into_inner();
        let states = states(&message.states)?;
        let filter = states.iter().map(|state| state.as_str_name()).collect::<Vec<_>>().join(",");
        let list = List::new("AuditOrders", &[&filter]);
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
        Ok(Response::new(ResumeOrderResponse { order: Some((&order).into()) }))
    }
}

fn states(numbers: &[i32]) -> Result<Vec<OrderState>, Status> {
    let mut violations = Violations::default();
    let mut states = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        let known = OrderState::try_from(*number).ok().filter(|state| *state != OrderState::Unspecified);
        states.extend(violations.check(format!("states[{index}]"), known.ok_or("is no state of an order")));
    }
    violations.all((Some(states),)).map(|(states,)| states)
}
