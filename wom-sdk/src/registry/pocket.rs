//! The wallet's side: redeem, info and confirm.

use async_trait::async_trait;

use super::{
    RegistryClient,
    operation::{Operation, read_aes},
    tries::Repeat,
};
use crate::{
    Result,
    pocket::Gateway,
    protocol::{
        Otc, Pin, Position, SessionKey,
        message::{
            ConfirmAnswer, ConfirmRequest, InfoAnswer, InfoRequest, MAX_BLOCKS_CONFIRM,
            MAX_BLOCKS_VERIFY, RedeemAnswer, RedeemRequest, SealedBody, SpentVoucher,
        },
    },
};

/// A wallet's access to a Registry. Cheap to clone.
///
/// The [`Pocket`](crate::pocket::Pocket) calls it; by itself it neither remembers nor persists
/// anything, so that an answer lost on the way is lost.
#[derive(Clone, Debug)]
pub struct PocketClient {
    client: RegistryClient,
}

impl PocketClient {
    /// A wallet's access to this Registry.
    pub fn new(client: RegistryClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Gateway for PocketClient {
    fn registry(&self) -> &str {
        self.client.address().as_str()
    }

    async fn fingerprint(&self) -> Result<String> {
        Ok(self.client.key().await?.fingerprint())
    }

    async fn redeem(
        &self,
        otc: &Otc,
        pin: &Pin,
        key: &SessionKey,
        location: Option<Position>,
    ) -> Result<RedeemAnswer> {
        let request = RedeemRequest {
            otc: otc.clone(),
            password: pin.clone(),
            session_key: key.clone(),
            location,
        };
        self.client.perform(redeem(&request)).await
    }

    async fn info(&self, otc: &Otc, pin: &Pin) -> Result<InfoAnswer> {
        let session_key = SessionKey::random();
        let request = InfoRequest {
            otc: otc.clone(),
            password: pin.clone(),
            session_key: session_key.clone(),
        };
        let operation = Operation {
            path: "payment/info",
            repeat: Repeat::Freely,
            max_blocks: MAX_BLOCKS_VERIFY,
            text: request.to_json(),
            body: Box::new(|payload| SealedBody { payload }.to_json()),
            read: read_aes(session_key, InfoAnswer::from_inner),
        };
        self.client.perform(operation).await
    }

    async fn confirm(
        &self,
        otc: &Otc,
        pin: &Pin,
        key: &SessionKey,
        vouchers: Vec<SpentVoucher>,
    ) -> Result<ConfirmAnswer> {
        let request = ConfirmRequest {
            otc: otc.clone(),
            password: pin.clone(),
            session_key: key.clone(),
            vouchers,
        };
        self.client.perform(confirm(&request)).await
    }
}

/// Redeem is sent by wallets, and by an instrument to learn whether its code is good.
pub(super) fn redeem(request: &RedeemRequest) -> Operation<RedeemAnswer> {
    Operation {
        path: "voucher/redeem",
        repeat: Repeat::Unsent,
        max_blocks: MAX_BLOCKS_VERIFY,
        text: request.to_json(),
        body: Box::new(|payload| SealedBody { payload }.to_json()),
        read: read_aes(request.session_key.clone(), RedeemAnswer::from_inner),
    }
}

/// Confirm is sent by wallets to pay, and by a POS to learn whether its code can be paid.
pub(super) fn confirm(request: &ConfirmRequest) -> Operation<ConfirmAnswer> {
    Operation {
        path: "payment/confirm",
        repeat: Repeat::Unsent,
        max_blocks: MAX_BLOCKS_CONFIRM,
        text: request.to_json(),
        body: Box::new(|payload| SealedBody { payload }.to_json()),
        read: read_aes(request.session_key.clone(), ConfirmAnswer::from_inner),
    }
}
