//! InventoryService over the use cases.

mod convert;
mod status;

use madang_api::Violations;
use madang_api::convert as shared;
use madang_api::inventory::v1::inventory_service_server::InventoryService;
use madang_api::inventory::v1::{
    BatchGetStockRequest, BatchGetStockResponse, GetStockRequest, GetStockResponse, ReleaseStockRequest,
    ReleaseStockResponse, ReserveStockRequest, ReserveStockResponse, RestockRequest, RestockResponse,
};
use madang_chassis::trace;
use madang_types::Quantity;
use tonic::{Request, Response, Status};

use crate::app::{App, Reserve, Restock};
use crate::domain::Lines;

/// The server side of `madang.inventory.v1.InventoryService`.
#[derive(Debug)]
pub struct Inventory(pub App);

#[tonic::async_trait]
impl InventoryService for Inventory {
    async fn get_stock(
        &self,
        request: Request<GetStockRequest>,
    ) -> Result<Response<GetStockResponse>, Status> {
        let mut violations = Violations::default();
        let product = violations.parse("product_id", &request.into_inner().product_id);
        let (product,) = violations.all((product,))?;
        let stock = self.0.stock(product).await?;
        Ok(Response::new(GetStockResponse { stock: Some(stock.into()) }))
    }

    async fn batch_get_stock(
        &self,
        request: Request<BatchGetStockRequest>,
    ) -> Result<Response<BatchGetStockResponse>, Status> {
        let mut violations = Violations::default();
        let products = shared::product_ids(&mut violations, "product_ids", &request.into_inner().product_ids);
        let (products,) = violations.all((products,))?;
        let stocks = self.0.stocks(products).await?;
        Ok(Response::new(BatchGetStockResponse { stocks: stocks.into_iter().map(Into::into).collect() }))
    }

    async fn restock(&self, request: Request<RestockRequest>) -> Result<Response<RestockResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let request = violations.parse("request_id", &message.request_id);
        let product = violations.parse("product_id", &message.product_id);
        let pieces = violations.check("quantity", Quantity::try_from(message.quantity));
        let (request, product, pieces) = violations.all((request, product, pieces))?;
        let stock = self.0.restock(Restock { request, product, pieces }).await?;
        Ok(Response::new(RestockResponse { stock: Some(stock.into()) }))
    }

    async fn reserve_stock(
        &self,
        request: Request<ReserveStockRequest>,
    ) -> Result<Response<ReserveStockResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let order = violations.parse("order_id", &message.order_id);
        let lines = shared::lines(&mut violations, "lines", &message.lines);
        let expires = convert::expire_time(&mut violations, message.expire_time);
        let (order, lines, expires) = violations.all((order, lines, expires))?;
        trace::order(order);
        let reservation = self.0.reserve(Reserve { order, lines: Lines::new(lines), expires }).await?;
        Ok(Response::new(ReserveStockResponse { reservation: Some(reservation.into()) }))
    }

    async fn release_stock(
        &self,
        request: Request<ReleaseStockRequest>,
    ) -> Result<Response<ReleaseStockResponse>, Status> {
        let mut violations = Violations::default();
        let order = violations.parse("order_id", &request.into_inner().order_id);
        let (order,) = violations.all((order,))?;
        trace::order(order);
        let reservation = self.0.release(order).await?;
        Ok(Response::new(ReleaseStockResponse { reservation: Some(reservation.into()) }))
    }
}
