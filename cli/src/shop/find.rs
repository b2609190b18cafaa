use std::path::PathBuf;

use anyhow::Result;

use super::{Folder, Ports, Service, Shop};

/// Which shop is meant. Without these: the one that `madang up` runs on its usual data folder, or else the usual ports.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which shop")]
pub struct FindArgs {
    /// The shop.json of the shop, in the data folder of its `madang up`
    #[arg(long, global = true, env = "MADANG_SHOP", value_name = "FILE")]
    pub shop: Option<PathBuf>,

    /// Where the gateway is, such as http://127.0.0.1:8080
    #[arg(long, global = true, env = "MADANG_GATEWAY", value_name = "URL")]
    pub gateway: Option<String>,
}

impl FindArgs {
    /// Finds the shop.
    ///
    /// # Errors
    /// Where the file of --shop cannot be read.
    pub fn find(&self) -> Result<Shop> {
        let mut shop = match &self.shop {
            Some(file) => Shop::read(file)?,
            None => running().unwrap_or_else(|| Shop::on(&Ports::usual())),
        };
        if let (Some(url), Some(place)) = (&self.gateway, shop.services.get_mut(&Service::Gateway)) {
            place.url.clone_from(url);
        }
        Ok(shop)
    }
}

fn running() -> Option<Shop> {
    let folder = Folder::usual();
    folder.is_in_use().then(|| Shop::read(&folder.shop_file()).ok()).flatten()
}
