//! What an order costs: the catalogue's prices and shipping's quote, asked before anything is written.

use madang_api::Violations;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::catalog::v1::{BatchGetProductsRequest, Product};
use madang_api::convert::money;
use madang_api::shipping::v1::QuoteShippingRequest;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_chassis::Client;
use madang_types::{Grams, Money, RegionCode};
use tonic::Status;

use super::Error;
use crate::domain::{Cart, Offer, Priced};

/// Asks catalogue and shipping for prices.
#[derive(Debug, Clone)]
pub struct Pricing {
    catalog: CatalogServiceClient<Client>,
    shipping: ShippingServiceClient<Client>,
}

impl Pricing {
    /// Over channels to catalog and shipping.
    pub fn new(catalog: Client, shipping: Client) -> Self {
        Self { catalog: CatalogServiceClient::new(catalog), shipping: ShippingServiceClient::new(shipping) }
    }

    /// Prices a cart by the catalogue.
    ///
    /// # Errors
    /// [`Error::Upstream`] as the catalogue said it, [`Error::Cart`].
    pub async fn goods(&self, cart: &Cart) -> Result<Priced, Error> {
        let product_ids = cart.iter().map(|(product, _)| product.to_string()).collect();
        let answer = self.catalog.clone().batch_get_products(BatchGetProductsRequest { product_ids }).await;
        let products = answer.map_err(upstream)?.into_inner().products;
        let as_asked = products.iter().map(|product| product.product_id.as_str());
        let as_asked = as_asked.eq(cart.iter().map(|(product, _)| product.as_str()));
        let offers: Option<Vec<Offer>> = products.iter().map(offer).collect();
        match offers {
            Some(offers) if as_asked => Ok(Priced::new(cart, &offers)?),
            Some(_) | None => Err(upstream(Status::unavailable(
                "the catalogue's answer has no price and weight for every product",
            ))),
        }
    }

    /// What the parcel costs.
    ///
    /// # Errors
    /// [`Error::Upstream`] as shipping said it.
    pub async fn parcel(&self, region: RegionCode, weight_grams: i64) -> Result<Money, Error> {
        // More than any parcel weighs is as much too heavy.
        let weight_grams = weight_grams.min(Grams::MAX.into());
        let request = QuoteShippingRequest { region_code: region.to_string(), weight_grams };
        let answer = self.shipping.clone().quote_shipping(request).await.map_err(upstream)?.into_inner();
        let mut violations = Violations::default();
        money(&mut violations, "price", answer.price.as_ref())
            .ok_or_else(|| upstream(Status::unavailable("shipping's quote has no price")))
    }
}

fn offer(product: &Product) -> Option<Offer> {
    let mut violations = Violations::default();
    let price = money(&mut violations, "price", product.price.as_ref())?;
    Some(Offer { price, weight: Grams::try_from(product.weight_grams).ok()? })
}

fn upstream(status: Status) -> Error {
    Error::Upstream(Box::new(status))
}
