//! What orders look like: spans below those that caused them.

/// An order to its end: the parcel on its way, the customer told.
pub const CONFIRMED: &str = "\
gateway: OrdersService/PlaceOrder
  gateway: OrdersService/PlaceOrder
    orders: OrdersService/PlaceOrder
      inventory: apply OrderPlaced
      notifications: apply OrderPlaced
      orders: CatalogService/BatchGetProducts
        catalog: CatalogService/BatchGetProducts
      orders: ShippingService/QuoteShipping
        shipping: ShippingService/QuoteShipping
      orders: read
      orders: saga place-order forward
        inventory: apply OrderConfirmed
        notifications: apply OrderConfirmed
        orders: InventoryService/ReserveStock
          inventory: InventoryService/ReserveStock
            inventory: write order-path
        orders: PaymentsService/AuthorizePayment
          payments: PaymentsService/AuthorizePayment
            payments: write order-path
        orders: ShippingService/ArrangeShipment
          shipping: ShippingService/ArrangeShipment
            shipping: write order-path
        orders: write order-path
        payments: apply OrderConfirmed
          notifications: apply PaymentCaptured
          shipping: apply PaymentCaptured
            notifications: apply ShipmentDeparted
      orders: write order-path
      payments: apply OrderPlaced";

/// An order whose card is declined, as `tok_declined` is.
pub const REJECTED: &str = "\
gateway: OrdersService/PlaceOrder
  gateway: OrdersService/PlaceOrder
    orders: OrdersService/PlaceOrder
      inventory: apply OrderPlaced
      notifications: apply OrderPlaced
      orders: CatalogService/BatchGetProducts
        catalog: CatalogService/BatchGetProducts
      orders: ShippingService/QuoteShipping
        shipping: ShippingService/QuoteShipping
      orders: read
      orders: saga place-order backward
        inventory: apply OrderRejected
        notifications: apply OrderRejected
        orders: InventoryService/ReleaseStock
          inventory: InventoryService/ReleaseStock
            inventory: write follow-up
        orders: PaymentsService/VoidPayment
          payments: PaymentsService/VoidPayment
            payments: write follow-up
        orders: write follow-up
        payments: apply OrderRejected
      orders: saga place-order forward
        orders: InventoryService/ReserveStock
          inventory: InventoryService/ReserveStock
            inventory: write order-path
        orders: PaymentsService/AuthorizePayment CARD_DECLINED !
          payments: PaymentsService/AuthorizePayment CARD_DECLINED
            payments: write order-path
        orders: write follow-up
      orders: write order-path
      payments: apply OrderPlaced";

/// A confirmed order whose parcel waits, since shipping does not hear that the payment is captured.
pub const CONFIRMED_WAITING: &str = "\
gateway: OrdersService/PlaceOrder
  gateway: OrdersService/PlaceOrder
    orders: OrdersService/PlaceOrder
      inventory: apply OrderPlaced
      notifications: apply OrderPlaced
      orders: CatalogService/BatchGetProducts
        catalog: CatalogService/BatchGetProducts
      orders: ShippingService/QuoteShipping
        shipping: ShippingService/QuoteShipping
      orders: read
      orders: saga place-order forward
        inventory: apply OrderConfirmed
        notifications: apply OrderConfirmed
        orders: InventoryService/ReserveStock
          inventory: InventoryService/ReserveStock
            inventory: write order-path
        orders: PaymentsService/AuthorizePayment
          payments: PaymentsService/AuthorizePayment
            payments: write order-path
        orders: ShippingService/ArrangeShipment
          shipping: ShippingService/ArrangeShipment
            shipping: write order-path
        orders: write order-path
        payments: apply OrderConfirmed
          notifications: apply PaymentCaptured
      orders: write order-path
      payments: apply OrderPlaced";

/// The cancellation of that order.
pub const CANCELLED: &str = "\
gateway: OrdersService/CancelOrder
  gateway: OrdersService/CancelOrder
    orders: OrdersService/CancelOrder
      orders: read
      orders: saga place-order backward
        inventory: apply OrderCancelled
        notifications: apply OrderCancelled
        orders: ShippingService/CancelShipment
          shipping: ShippingService/CancelShipment
            shipping: write follow-up
        orders: write follow-up
        payments: apply OrderCancelled
      orders: write request";

/// What takes an order up again after orders died.
pub const RESUMED: &str = "\
orders: saga place-order forward
  inventory: apply OrderConfirmed
  notifications: apply OrderConfirmed
  orders: InventoryService/ReserveStock
    inventory: InventoryService/ReserveStock
      inventory: write order-path
  orders: PaymentsService/AuthorizePayment
    payments: PaymentsService/AuthorizePayment
      payments: write order-path
  orders: ShippingService/ArrangeShipment
    shipping: ShippingService/ArrangeShipment
      shipping: write order-path
  orders: write order-path
  payments: apply OrderConfirmed
    notifications: apply PaymentCaptured
    shipping: apply PaymentCaptured
      notifications: apply ShipmentDeparted";
