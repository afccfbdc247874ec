//! A wallet towards one Registry.

use std::{collections::BTreeMap, path::Path};

use wom_sdk::{
    Error, Kind, Result,
    pocket::{self, Redeemed},
    protocol::{Pin, Position, parse_link_or_otc},
    registry::{PocketClient, RegistryClient},
};

pub use wom_sdk::pocket::Paid;

/// A wallet in a file, towards one Registry.
#[derive(Debug)]
pub struct Pocket {
    client: PocketClient,
    wallet: std::sync::RwLock<Option<pocket::Pocket>>,
}

impl Pocket {
    /// Opens the wallet in this file; one that is not there yet is empty.
    pub fn open(registry: &str, path: &Path) -> Result<Self> {
        Ok(Self {
            client: PocketClient::new(RegistryClient::new(registry)?),
            wallet: std::sync::RwLock::new(Some(pocket::Pocket::open(path)?)),
        })
    }

    /// Takes the vouchers of a code; see [`pocket::Pocket::redeem`]. `place` is latitude and
    /// longitude, where the code asks for it.
    pub async fn redeem(
        &self,
        link: &str,
        pin: &str,
        place: Option<(f64, f64)>,
    ) -> Result<Redeemed> {
        let (link, pin) = (parse_link_or_otc(link)?, Pin::parse(pin)?);
        let place = place
            .map(|(lat, lon)| Position::new(lat, lon))
            .transpose()?;
        self.wallet()?
            .redeem(&self.client, &link, &pin, place)
            .await
    }

    /// Pays; see [`pocket::Pocket::pay`].
    pub async fn pay(&self, link: &str, pin: &str) -> Result<Paid> {
        let (link, pin) = (parse_link_or_otc(link)?, Pin::parse(pin)?);
        self.wallet()?.pay(&self.client, &link, &pin).await
    }

    /// How many vouchers can be spent, by the code of their aim.
    pub fn balance(&self) -> Result<BTreeMap<String, u32>> {
        self.wallet()?.balance()
    }

    /// Closes the wallet, so that others can open it.
    pub fn close(&self) {
        let mut wallet = self
            .wallet
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *wallet = None;
    }

    fn wallet(&self) -> Result<pocket::Pocket> {
        let wallet = self
            .wallet
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        wallet.clone().ok_or_else(|| {
            Error::new(Kind::InputInvalid, "the Pocket is closed").hint("open it again")
        })
    }
}
