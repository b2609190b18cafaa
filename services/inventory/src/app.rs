//! One function for each use case: looks up the repeat, applies the rules, writes, all in one transaction.

use std::sync::Arc;

use jiff::Timestamp;
use madang_chassis::Platform;
use madang_db::{Db, Kind, Tx};
use madang_events::requests::{self, Fingerprint, Request};
use madang_types::{Clock, OrderId, ProductId, Quantity, RequestId};

use crate::domain::{Change, Lines, Moves, Reservation, State, Stock, StockError};
use crate::store::{self, Versioned};

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The product was never stocked.
    #[error("the product {0} is not stocked")]
    UnknownProduct(ProductId),
    /// Some products are short.
    #[error("some products are out of stock")]
    OutOfStock(Vec<ProductId>),
    /// The reservation was released before it was made, or since.
    #[error("the reservation was released")]
    StepUndone,
    /// An event came for an order that never reserved anything: a defect.
    #[error("the order reserved nothing")]
    Unreserved,
    /// The order's pieces are sold and cannot be released.
    #[error("the pieces are sold")]
    Sold,
    /// The same key came with other content.
    #[error("the key was used for another request")]
    Reused,
    /// The product would hold more than it may.
    #[error("too many pieces")]
    TooMany(#[source] StockError),
    /// Stock and reservations disagree: a defect.
    #[error("stock and reservations disagree")]
    Inconsistent(#[source] StockError),
    /// The database failed.
    #[error("the database failed")]
    Db(#[from] madang_db::Error),
}

impl From<requests::Error> for Error {
    fn from(error: requests::Error) -> Self {
        match error {
            requests::Error::Reused => Self::Reused,
            requests::Error::Db(error) => Self::Db(error),
        }
    }
}

/// Asks to set pieces aside.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// For which order; the key.
    pub order: OrderId,
    /// What.
    pub lines: Lines,
    /// Until when; an order's own reservation never ends by itself.
    pub expires: Option<Timestamp>,
}

/// Says that pieces came in.
#[derive(Debug, Clone)]
pub struct Restock {
    /// Names this write.
    pub request: RequestId,
    /// Of what.
    pub product: ProductId,
    /// How many.
    pub pieces: Quantity,
}

/// The use cases of inventory.
#[derive(Debug, Clone)]
pub struct App {
    db: Db,
    clock: Arc<dyn Clock>,
}

impl App {
    /// Over a database, with the platform's clock.
    pub fn new(db: Db, platform: &Platform) -> Self {
        Self { db, clock: Arc::clone(&platform.clock) }
    }

    /// Stocks an empty database; one that holds anything stays as it is.
    ///
    /// # Errors
    /// [`Error::Db`], [`Error::TooMany`].
    pub async fn seed(&self, stock: Vec<(ProductId, Quantity)>) -> Result<Change, Error> {
        let work = move |tx: &mut Tx<'_>| {
            if !store::is_empty(tx)? {
                return Ok(Change::AlreadyApplied);
            }
            for (product, pieces) in &stock {
                let mut stock = Stock::empty(product.clone());
                stock.receive(*pieces).map_err(Error::TooMany)?;
                store::insert_stock(tx, &stock)?;
            }
            Ok(Change::Applied)
        };
        self.db.write(Kind::Request, work).await
    }

    /// Reads the stock of one product.
    ///
    /// # Errors
    /// [`Error::UnknownProduct`], [`Error::Db`].
    pub async fn stock(&self, product: ProductId) -> Result<Stock, Error> {
        let work = move |tx: &mut Tx<'_>| {
            store::stock(tx, &product)?.ok_or_else(|| Error::UnknownProduct(product.clone()))
        };
        self.db.read(work).await
    }

    /// Reads the stock of several products in one snapshot; those never stocked are left out.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn stocks(&self, products: Vec<ProductId>) -> Result<Vec<Stock>, Error> {
        let work = move |tx: &mut Tx<'_>| {
            let stocks: Result<Vec<_>, _> =
                products.iter().map(|product| store::stock(tx, product)).collect();
            Ok(stocks?.into_iter().flatten().collect())
        };
        self.db.read(work).await
    }

    /// Adds received pieces.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Reused`], [`Error::Db`].
    pub async fn restock(&self, command: Restock) -> Result<Stock, Error> {
        let now = self.clock.now();
        let fields: [&[u8]; 2] = [command.product.as_str().as_bytes(), &command.pieces.get().to_be_bytes()];
        let fingerprint = Fingerprint::new(1, &fields);
        self.db.write(Kind::Request, move |tx| restock(tx, &command, &fingerprint, now)).await
    }

    /// Sets all lines aside, or none.
    ///
    /// # Errors
    /// [`Error::OutOfStock`], [`Error::StepUndone`], [`Error::Reused`], [`Error::Db`].
    pub async fn reserve(&self, command: Reserve) -> Result<Reservation, Error> {
        // A refusal is committed like a reservation, so that a repeat meets it; only then is it told.
        let reservation = self.db.write(Kind::OrderPath, move |tx| reserve(tx, &command)).await?;
        match reservation.state {
            State::Reserved { .. } | State::Sold { .. } => Ok(reservation),
            State::Released { .. } => Err(Error::StepUndone),
            State::Refused { short, .. } => Err(Error::OutOfStock(short)),
        }
    }

    /// Gives reserved pieces back, or leaves a tombstone.
    ///
    /// # Errors
    /// [`Error::Sold`], [`Error::Db`].
    pub async fn release(&self, order: OrderId) -> Result<Reservation, Error> {
        self.db.write(Kind::FollowUp, move |tx| release(tx, order)).await
    }

    /// Releases reservations whose time is over, at most 100; tells how many.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn release_expired(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        let expired = self.db.read(move |tx| store::expired(tx, now, 100)).await?;
        let mut released = 0;
        for order in expired {
            // One that cannot be released must not hold up the others.
            match self.release(order).await {
                Ok(_) => released += 1,
                Err(error) => {
                    tracing::error!(madang.order.id = %order, %error, "an expired reservation cannot be released")
                }
            }
        }
        Ok(released)
    }
}

/// The order was confirmed: its pieces are sold.
///
/// # Errors
/// [`Error::Unreserved`], [`Error::Inconsistent`], [`Error::Db`].
pub fn sell(tx: &mut Tx<'_>, order: OrderId) -> Result<Change, Error> {
    let found = store::reservation(tx, order)?.ok_or(Error::Unreserved)?;
    let changed = found.value.clone().sell().ok_or(Error::Unreserved)?;
    write_change(tx, &found, changed).map(|(_, change)| change)
}

/// The order was cancelled: what it still holds goes back.
///
/// # Errors
/// [`Error::Inconsistent`], [`Error::Db`].
pub fn cancel(tx: &mut Tx<'_>, order: OrderId) -> Result<Change, Error> {
    let Some(found) = store::reservation(tx, order)? else {
        // A step that is still on its way must find that it was undone.
        store::insert_reservation(tx, &Reservation::tombstone(order))?;
        return Ok(Change::AlreadyApplied);
    };
    let changed = found.value.clone().cancel();
    write_change(tx, &found, changed).map(|(_, change)| change)
}

fn restock(tx: &mut Tx<'_>, command: &Restock, print: &Fingerprint, now: Timestamp) -> Result<Stock, Error> {
    let product = &command.product;
    let request = Request { rpc: "Restock", id: command.request, fingerprint: print };
    let repeated = requests::check(tx, &request)?.is_some();
    let found = store::stock_to_change(tx, product)?;
    if let (true, Some(found)) = (repeated, &found) {
        return Ok(found.value.clone());
    }
    let mut stock = found.as_ref().map_or_else(|| Stock::empty(product.clone()), |found| found.value.clone());
    stock.receive(command.pieces).map_err(Error::TooMany)?;
    match &found {
        Some(found) => store::update_stock(tx, &found.with(stock.clone()))?,
        None => store::insert_stock(tx, &stock)?,
    }
    requests::keep(tx, &request, product.as_str().as_bytes(), now)?;
    Ok(stock)
}

fn reserve(tx: &mut Tx<'_>, command: &Reserve) -> Result<Reservation, Error> {
    if let Some(found) = store::reservation(tx, command.order)? {
        return match found.value.lines() {
            Some(lines) if *lines != command.lines => Err(Error::Reused),
            Some(_) | None => Ok(found.value),
        };
    }
    let (mut reserved, mut short) = (Vec::new(), Vec::new());
    for (product, pieces) in command.lines.as_slice() {
        let mut stock = store::stock_to_change(tx, product)?;
        let enough = stock.as_mut().is_some_and(|stock| stock.value.reserve(*pieces).is_ok());
        if enough {
            reserved.extend(stock);
        } else {
            short.push(product.clone());
        }
    }
    let lines = command.lines.clone();
    let state = if short.is_empty() {
        reserved.iter().try_for_each(|stock| store::update_stock(tx, stock))?;
        State::Reserved { lines, expires: command.expires }
    } else {
        State::Refused { lines, short }
    };
    let reservation = Reservation { order: command.order, state };
    store::insert_reservation(tx, &reservation)?;
    Ok(reservation)
}

fn release(tx: &mut Tx<'_>, order: OrderId) -> Result<Reservation, Error> {
    let Some(found) = store::reservation(tx, order)? else {
        let tombstone = Reservation::tombstone(order);
        store::insert_reservation(tx, &tombstone)?;
        return Ok(tombstone);
    };
    let changed = found.value.clone().release().ok_or(Error::Sold)?;
    write_change(tx, &found, changed).map(|(reservation, _)| reservation)
}

fn write_change(
    tx: &mut Tx<'_>,
    found: &Versioned<Reservation>,
    (next, moves, change): (Reservation, Moves, Change),
) -> Result<(Reservation, Change), Error> {
    if change == Change::Applied {
        for (product, pieces) in moves.lines() {
            let mut stock =
                store::stock_to_change(tx, product)?.ok_or_else(|| Error::UnknownProduct(product.clone()))?;
            moves.apply(&mut stock.value, *pieces).map_err(Error::Inconsistent)?;
            store::update_stock(tx, &stock)?;
        }
        store::update_reservation(tx, &found.with(next.clone()))?;
    }
    Ok((next, change))
}
