//! The shop and the skeleton beside each other.

use anyhow::Result;
use std::time::Duration;

use super::measure::{Plan, Seen, Target};
use crate::shop::Shop;
use crate::skeleton::Skeleton;

/// Both, open at once, so that they can be measured in turn.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) shop: Shop,
    pub(crate) skeleton: Skeleton,
    pub(crate) ours: Target,
    pub(crate) yard: Target,
}

/// So that neither opens its first connections or grows its first pages while it is measured.
pub(super) const WARM: Plan = Plan::orders(64, Duration::from_secs(1));

impl Pair {
    pub(crate) async fn open() -> Result<Self> {
        let (shop, skeleton) = (open().await?, Skeleton::open(&std::env::current_exe()?).await?);
        let (ours, yard) = (Target::shop(&shop)?, Target::skeleton(&skeleton));
        ours.load(WARM).await?;
        yard.load(WARM).await?;
        Ok(Self { shop, skeleton, ours, yard })
    }

    /// Loads both [`in_turn`].
    pub(crate) async fn load(&self, plan: Plan, round: usize) -> Result<(Seen, Seen)> {
        in_turn(round, self.ours.load(plan), self.yard.load(plan)).await
    }

    /// Ends both; an error where the audit of the shop finds something.
    pub(crate) async fn close(self) -> Result<()> {
        self.shop.audit().await?;
        self.shop.close().await
    }
}

/// Has one measured after the other; which is first changes with the round.
pub(super) async fn in_turn<T>(
    round: usize,
    ours: impl Future<Output = Result<T>>,
    yard: impl Future<Output = Result<T>>,
) -> Result<(T, T)> {
    if round.is_multiple_of(2) {
        let ours = ours.await?;
        return Ok((ours, yard.await?));
    }
    let yard = yard.await?;
    Ok((ours.await?, yard))
}

/// The shop as a goal has it: its data is its own, and no collector takes traces.
pub(crate) async fn open() -> Result<Shop> {
    Shop::open(&[], &["--no-traces"]).await
}
