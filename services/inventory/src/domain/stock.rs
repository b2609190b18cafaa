use madang_types::{ProductId, Quantity};

/// Why pieces cannot move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StockError {
    /// Fewer pieces are there than should move.
    #[error("only {there} of {wanted} pieces are there")]
    Short {
        /// Pieces there.
        there: i64,
        /// Pieces that should move.
        wanted: i64,
    },
    /// The total would pass [`Stock::MAX_RECEIVED`].
    #[error("a product holds at most {} pieces", Stock::MAX_RECEIVED)]
    TooMany,
}

/// The pieces of one product. Invariant: received = available + reserved + sold, none below zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    product: ProductId,
    available: i64,
    reserved: i64,
    sold: i64,
}

impl Stock {
    /// Pieces that one product ever receives at most.
    pub const MAX_RECEIVED: i64 = 1_000_000_000_000;

    /// No pieces yet.
    pub fn empty(product: ProductId) -> Self {
        Self { product, available: 0, reserved: 0, sold: 0 }
    }

    /// Pieces as stored; none where one number is below zero.
    pub fn restore(product: ProductId, [available, reserved, sold]: [i64; 3]) -> Option<Self> {
        [available, reserved, sold].iter().all(|n| *n >= 0).then_some(Self {
            product,
            available,
            reserved,
            sold,
        })
    }

    /// The product.
    pub fn product(&self) -> &ProductId {
        &self.product
    }

    /// All pieces that ever came in.
    pub fn received(&self) -> i64 {
        self.available + self.reserved + self.sold
    }

    /// Pieces that can be reserved.
    pub fn available(&self) -> i64 {
        self.available
    }

    /// Pieces set aside.
    pub fn reserved(&self) -> i64 {
        self.reserved
    }

    /// Pieces sold.
    pub fn sold(&self) -> i64 {
        self.sold
    }

    /// Pieces came in.
    ///
    /// # Errors
    /// [`StockError::TooMany`].
    pub fn receive(&mut self, pieces: Quantity) -> Result<(), StockError> {
        if self.received() > Self::MAX_RECEIVED - pieces.get() {
            return Err(StockError::TooMany);
        }
        self.available += pieces.get();
        Ok(())
    }

    /// Sets available pieces aside.
    ///
    /// # Errors
    /// [`StockError::Short`].
    pub fn reserve(&mut self, pieces: Quantity) -> Result<(), StockError> {
        shift(&mut self.available, &mut self.reserved, pieces)
    }

    /// Gives reserved pieces back.
    ///
    /// # Errors
    /// [`StockError::Short`]: a defect, since only what was reserved is released.
    pub fn release(&mut self, pieces: Quantity) -> Result<(), StockError> {
        shift(&mut self.reserved, &mut self.available, pieces)
    }

    /// Sells reserved pieces.
    ///
    /// # Errors
    /// [`StockError::Short`]: a defect.
    pub fn sell(&mut self, pieces: Quantity) -> Result<(), StockError> {
        shift(&mut self.reserved, &mut self.sold, pieces)
    }

    /// Takes sold pieces back, unsent: the order was cancelled.
    ///
    /// # Errors
    /// [`StockError::Short`]: a defect.
    pub fn take_back(&mut self, pieces: Quantity) -> Result<(), StockError> {
        shift(&mut self.sold, &mut self.available, pieces)
    }
}

fn shift(from: &mut i64, to: &mut i64, pieces: Quantity) -> Result<(), StockError> {
    let wanted = pieces.get();
    if *from < wanted {
        return Err(StockError::Short { there: *from, wanted });
    }
    *from -= wanted;
    *to += wanted;
    Ok(())
}
