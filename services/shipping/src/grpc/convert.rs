//! Messages of proto/ and words of the domain, one into the other.

use madang_api::convert::timestamp;
use madang_api::shipping::v1;

use crate::domain::{Shipment, State, Step, StepKind};

impl From<Step> for v1::TrackingStep {
    fn from(step: Step) -> Self {
        let kind = match step.kind {
            StepKind::Arranged => v1::TrackingStepKind::Arranged,
            StepKind::Departed => v1::TrackingStepKind::Departed,
            StepKind::InTransit => v1::TrackingStepKind::InTransit,
            StepKind::OutForDelivery => v1::TrackingStepKind::OutForDelivery,
            StepKind::Delivered => v1::TrackingStepKind::Delivered,
            StepKind::Cancelled => v1::TrackingStepKind::Cancelled,
        };
        Self { kind: kind.into(), time: Some(timestamp(step.at)) }
    }
}

/// A shipment with its steps so far. A refused one is told as cancelled: nothing of it will leave.
pub(super) fn shipment(shipment: &Shipment, steps: Vec<Step>) -> v1::Shipment {
    let state = match &shipment.state {
        State::Arranged { .. } => v1::ShipmentState::Arranged,
        State::Departed { .. } => v1::ShipmentState::Departed,
        State::Cancelled { .. } | State::Refused { .. } => v1::ShipmentState::Cancelled,
    };
    let tracking_number = shipment.parcel().map(|parcel| parcel.tracking_number.to_string());
    let booking = shipment.booking();
    v1::Shipment {
        order_id: shipment.order.to_string(),
        tracking_number: tracking_number.unwrap_or_default(),
        address: booking.map(|booking| (&booking.address).into()),
        weight_grams: booking.map(|booking| booking.weight.get()).unwrap_or_default(),
        state: state.into(),
        steps: steps.into_iter().map(Into::into).collect(),
    }
}
