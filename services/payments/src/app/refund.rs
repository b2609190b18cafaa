use jiff::Timestamp;
use madang_db::Tx;
use madang_events::requests::{self, Fingerprint, Request};
use madang_types::{Money, OrderId, RequestId};

use super::{Error, write_change};
use crate::domain::{Payment, Refusal};
use crate::store;

/// Asks to give money back.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Names this write.
    pub request: RequestId,
    /// Of which order.
    pub order: OrderId,
    /// How much; all that is left where none is given.
    pub amount: Option<Money>,
}

impl Refund {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let order = self.order.uuid();
        match self.amount {
            None => Fingerprint::new(1, &[order.as_bytes()]),
            Some(amount) => {
                let (units, currency) = (amount.minor_units().to_be_bytes(), amount.currency());
                Fingerprint::new(1, &[order.as_bytes(), &units, currency.as_str().as_bytes()])
            }
        }
    }
}

/// Gives money back, or the refusal, which is recorded: else a delayed copy of a refused request could move money that its
/// sender believes untouched.
pub(super) fn refund(
    tx: &mut Tx<'_>,
    command: &Refund,
    fingerprint: &Fingerprint,
    now: Timestamp,
) -> Result<Result<Payment, Refusal>, Error> {
    let request = Request { rpc: "RefundPayment", id: command.request, fingerprint };
    let repeated = requests::check(tx, &request)?;
    let found = store::payment_to_change(tx, command.order)?;
    if let Some(outcome) = repeated {
        let payment = found.map(|found| found.value);
        return Ok(Refusal::named(&outcome).map_or_else(|| payment.ok_or(Refusal::NotFound), Err));
    }
    let Some(found) = found else {
        requests::keep(tx, &request, Refusal::NotFound.reason().as_bytes(), now)?;
        return Ok(Err(Refusal::NotFound));
    };
    match found.value.clone().refund(command.amount, now) {
        Ok(changed) => {
            let (payment, _) = write_change(tx, &found, changed)?;
            requests::keep(tx, &request, command.order.uuid().as_bytes(), now)?;
            Ok(Ok(payment))
        }
        // A mistake in the request, not a refusal: nothing is written.
        Err(refusal @ Refusal::OtherCurrency) => Err(refusal.into()),
        Err(refusal) => {
            requests::keep(tx, &request, refusal.reason().as_bytes(), now)?;
            Ok(Err(refusal))
        }
    }
}
