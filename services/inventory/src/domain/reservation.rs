use jiff::Timestamp;
use madang_types::{OrderId, ProductId, Quantity};

use super::{Change, Stock, StockError};

/// What an order wants, by product, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines(Vec<(ProductId, Quantity)>);

impl Lines {
    /// Sorts lines by product: rows are locked in this order, so that two orders never wait for each other.
    pub fn new(mut lines: Vec<(ProductId, Quantity)>) -> Self {
        lines.sort();
        Self(lines)
    }

    /// The lines, by product.
    pub fn as_slice(&self) -> &[(ProductId, Quantity)] {
        &self.0
    }
}

/// Where a reservation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The pieces are set aside, until a moment where one is given.
    Reserved {
        /// What is set aside.
        lines: Lines,
        /// When it ends by itself; an order's own never does.
        expires: Option<Timestamp>,
    },
    /// The order was confirmed.
    Sold {
        /// What was sold.
        lines: Lines,
    },
    /// The pieces went back. Without lines it is a tombstone: the undo came before the step.
    Released {
        /// What was set aside before.
        lines: Option<Lines>,
    },
    /// There was not enough. Kept, so that a repeat gets the same answer.
    Refused {
        /// What was wanted.
        lines: Lines,
        /// The products that were short.
        short: Vec<ProductId>,
    },
}

/// Pieces set aside for one order. All arcs:
///
/// ```text
/// (none) -reserve-> Reserved | Refused        Reserved -release, cancel, expiry-> Released
/// (none) -release-> Released (a tombstone)    Reserved -sell-> Sold -cancel-> Released
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The order.
    pub order: OrderId,
    /// Where it stands.
    pub state: State,
}

/// Which pieces a change moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moves {
    /// None.
    Nothing,
    /// Reserved pieces become available.
    Release(Lines),
    /// Reserved pieces become sold.
    Sell(Lines),
    /// Sold pieces become available.
    TakeBack(Lines),
}

impl Moves {
    /// The pieces moved, by product.
    pub fn lines(&self) -> &[(ProductId, Quantity)] {
        match self {
            Self::Nothing => &[],
            Self::Release(lines) | Self::Sell(lines) | Self::TakeBack(lines) => lines.as_slice(),
        }
    }

    /// Moves pieces of one product.
    ///
    /// # Errors
    /// [`StockError::Short`]: a defect, since only what was reserved or sold before moves.
    pub fn apply(&self, stock: &mut Stock, pieces: Quantity) -> Result<(), StockError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Release(_) => stock.release(pieces),
            Self::Sell(_) => stock.sell(pieces),
            Self::TakeBack(_) => stock.take_back(pieces),
        }
    }
}

impl Reservation {
    /// What is left where the undo comes before the step.
    pub fn tombstone(order: OrderId) -> Self {
        Self { order, state: State::Released { lines: None } }
    }

    /// The lines it was made for; a tombstone has none.
    pub fn lines(&self) -> Option<&Lines> {
        match &self.state {
            State::Reserved { lines, .. } | State::Sold { lines } | State::Refused { lines, .. } => {
                Some(lines)
            }
            State::Released { lines } => lines.as_ref(),
        }
    }

    /// Undoes the step. A sold reservation stays as it is and gives none.
    pub fn release(self) -> Option<(Self, Moves, Change)> {
        match self.state {
            State::Reserved { lines, .. } => Some(Self::released(self.order, lines, Moves::Release)),
            State::Released { .. } | State::Refused { .. } => {
                Some((self, Moves::Nothing, Change::AlreadyApplied))
            }
            State::Sold { .. } => None,
        }
    }

    /// The order was confirmed. One that was undone meanwhile stays so; a refused one gives none: nothing was set aside.
    pub fn sell(self) -> Option<(Self, Moves, Change)> {
        match self.state {
            State::Reserved { lines, .. } => {
                let sold = Self { state: State::Sold { lines: lines.clone() }, ..self };
                Some((sold, Moves::Sell(lines), Change::Applied))
            }
            State::Sold { .. } | State::Released { .. } => {
                Some((self, Moves::Nothing, Change::AlreadyApplied))
            }
            State::Refused { .. } => None,
        }
    }

    /// The order was cancelled, before or after it was confirmed.
    pub fn cancel(self) -> (Self, Moves, Change) {
        match self.state {
            State::Reserved { lines, .. } => Self::released(self.order, lines, Moves::Release),
            State::Sold { lines } => Self::released(self.order, lines, Moves::TakeBack),
            State::Released { .. } | State::Refused { .. } => (self, Moves::Nothing, Change::AlreadyApplied),
        }
    }

    fn released(order: OrderId, lines: Lines, moves: fn(Lines) -> Moves) -> (Self, Moves, Change) {
        let state = State::Released { lines: Some(lines.clone()) };
        (Self { order, state }, moves(lines), Change::Applied)
    }
}
