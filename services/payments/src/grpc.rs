//! PaymentsService over the use cases.

mod convert;
mod status;

use madang_api::Violations;
use madang_api::page::List;
use madang_api::payments::v1::payments_service_server::PaymentsService;
use madang_api::payments::v1::{
    AuditLedgerRequest, AuditLedgerResponse, AuthorizePaymentRequest, AuthorizePaymentResponse,
    CapturePaymentRequest, CapturePaymentResponse, GetPaymentRequest, GetPaymentResponse,
    RefundPaymentRequest, RefundPaymentResponse, VoidPaymentRequest, VoidPaymentResponse,
};
use madang_chassis::trace;
use madang_types::OrderId;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::app::{App, Authorize, Refund};

/// The server side of `madang.payments.v1.PaymentsService`.
#[derive(Debug)]
pub struct Payments(pub App);

#[tonic::async_trait]
impl PaymentsService for Payments {
    async fn authorize_payment(
        &self,
        request: Request<AuthorizePaymentRequest>,
    ) -> Result<Response<AuthorizePaymentResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let order = violations.parse("order_id", &message.order_id);
        let amount = convert::amount(&mut violations, message.amount.as_ref());
        let card = violations.parse("card_token", &message.card_token);
        let customer = violations.parse("customer_id", &message.customer_id);
        let (order, amount, card, customer) = violations.all((order, amount, card, customer))?;
        trace::order(order);
        let payment = self.0.authorize(Authorize { order, amount, card, customer }).await?;
        Ok(Response::new(AuthorizePaymentResponse { payment: Some(payment.into()) }))
    }

    async fn void_payment(
        &self,
        request: Request<VoidPaymentRequest>,
    ) -> Result<Response<VoidPaymentResponse>, Status> {
        let payment = self.0.void(order(&request.into_inner().order_id)?).await?;
        Ok(Response::new(VoidPaymentResponse { payment: Some(payment.into()) }))
    }

    async fn capture_payment(
        &self,
        request: Request<CapturePaymentRequest>,
    ) -> Result<Response<CapturePaymentResponse>, Status> {
        let payment = self.0.capture(order(&request.into_inner().order_id)?).await?;
        Ok(Response::new(CapturePaymentResponse { payment: Some(payment.into()) }))
    }

    async fn refund_payment(
        &self,
        request: Request<RefundPaymentRequest>,
    ) -> Result<Response<RefundPaymentResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let request = violations.parse("request_id", &message.request_id);
        let order = violations.parse("order_id", &message.order_id);
        let amount = convert::optional_amount(&mut violations, message.amount.as_ref());
        let (request, order, amount) = violations.all((request, order, amount))?;
        trace::order(order);
        let payment = self.0.refund(Refund { request, order, amount }).await?;
        Ok(Response::new(RefundPaymentResponse { payment: Some(payment.into()) }))
    }

    async fn get_payment(
        &self,
        request: Request<GetPaymentRequest>,
    ) -> Result<Response<GetPaymentResponse>, Status> {
        let payment = self.0.payment(order(&request.into_inner().order_id)?).await?;
        Ok(Response::new(GetPaymentResponse { payment: Some(payment.into()) }))
    }

    async fn audit_ledger(
        &self,
        request: Request<AuditLedgerRequest>,
    ) -> Result<Response<AuditLedgerResponse>, Status> {
        let message = request.into_inner();
        let list = List::new("AuditLedger", &[]);
        let page = list.page(message.page_size, &message.page_token)?;
        let after = page.after(|bytes| Uuid::from_slice(bytes).ok().map(OrderId::new))?;
        let audit = self.0.audit(after, page.limit()).await?;
        let key = |(payment, _): &(_, _)| convert::key(payment);
        let (payments, next_page_token) = page.cut(&list, audit.payments, key);
        let inconsistent = payments.iter().filter(|(_, agrees)| !agrees);
        Ok(Response::new(AuditLedgerResponse {
            balances: audit.balances.into_iter().map(Into::into).collect(),
            inconsistent_order_ids: inconsistent.map(|(payment, _)| payment.order.to_string()).collect(),
            payments: payments.into_iter().map(|(payment, _)| payment.into()).collect(),
            next_page_token,
        }))
    }
}

/// Reads the id of a request that has nothing else.
fn order(id: &str) -> Result<OrderId, Status> {
    let mut violations = Violations::default();
    let order = violations.parse("order_id", id);
    let (order,) = violations.all((order,))?;
    trace::order(order);
    Ok(order)
}
