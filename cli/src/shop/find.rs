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
}

/// Where a customer finds the shop: the gateway is all that they need.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which shop")]
pub struct GatewayArgs {
    #[command(flatten)]
    find: FindArgs,

    /// Where the gateway is, such as http://127.0.0.1:8080
    #[arg(long, global = true, env = "MADANG_GATEWAY", value_name = "URL", value_parser = address)]
    gateway: Option<String>,
}

impl FindArgs {
    /// Finds the shop.
    ///
    /// # Errors
    /// Where the file of --shop cannot be read.
    pub fn find(&self) -> Result<Shop> {
        match &self.shop {
            Some(file) => Shop::read(file),
            None => Ok(running().unwrap_or_else(|| Shop::on(&Ports::usual()))),
        }
    }
}

impl GatewayArgs {
    /// Finds the gateway's URL.
    ///
    /// # Errors
    /// Where the file of --shop cannot be read.
    pub fn find(&self) -> Result<String> {
        match &self.gateway {
            Some(url) => Ok(url.clone()),
            None => Ok(self.find.find()?.url(Service::Gateway).to_owned()),
        }
    }
}

fn address(text: &str) -> Result<String, &'static str> {
    let is_address = |url: reqwest::Url| url.scheme() == "http" && url.has_host();
    match reqwest::Url::parse(text).is_ok_and(is_address) {
        true => Ok(text.to_owned()),
        false => Err("write a URL such as http://127.0.0.1:8080"),
    }
}

fn running() -> Option<Shop> {
    let folder = Folder::usual();
    folder.is_in_use().then(|| Shop::read(&folder.shop_file()).ok()).flatten()
}
