use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use crate::process::Process;

/// The five processes of the skeleton with data of their own, until this is dropped.
#[derive(Debug)]
pub struct Skeleton {
    gateway: Process,
    orders: Process,
    inventory: Process,
    payments: Process,
    shipping: Process,
    data: TempDir,
}

impl Skeleton {
    /// Starts them, of this `madang-bench`.
    ///
    /// # Errors
    /// Where one of them does not start.
    pub async fn open(program: &Path) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let start = |name: &'static str| {
            let file = data.path().join(format!("{name}.db"));
            async move { Process::start(program, name, Some(file), &[]).await }
        };
        let (inventory, payments, shipping) =
            tokio::try_join!(start("inventory"), start("payments"), start("shipping"))?;
        let others = flags(&inventory, &payments, &shipping);
        let file = Some(data.path().join("orders.db"));
        let orders = Process::start(program, "orders", file, &others).await?;
        let gateway = Process::start(program, "gateway", None, &[("--orders", &orders.url)]).await?;
        Ok(Self { gateway, orders, inventory, payments, shipping, data })
    }

    /// Where its gateway serves.
    pub fn url(&self) -> &str {
        &self.gateway.url
    }

    /// The ids of all five.
    pub fn pids(&self) -> Vec<i32> {
        let all = [&self.gateway, &self.orders, &self.inventory, &self.payments, &self.shipping];
        all.map(Process::pid).to_vec()
    }

    /// Where the three are that orders asks, each with the flag that names it.
    pub(crate) fn participants(&self) -> [(&'static str, &str); 3] {
        flags(&self.inventory, &self.payments, &self.shipping)
    }

    /// The id of payments.
    pub fn payments(&self) -> i32 {
        self.payments.pid()
    }

    /// Where the databases are, each named as its service.
    pub fn data(&self) -> &Path {
        self.data.path()
    }
}

fn flags<'a>(
    inventory: &'a Process,
    payments: &'a Process,
    shipping: &'a Process,
) -> [(&'static str, &'a str); 3] {
    [("--inventory", &inventory.url), ("--payments", &payments.url), ("--shipping", &shipping.url)]
}
