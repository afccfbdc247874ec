//! The POS's side: register, verify and status.

use async_trait::async_trait;

use super::{
    RegistryClient,
    instrument::{check_nonce, link, misbehaved, old_form, verify},
    operation::{Operation, read_rsa, read_status},
    pocket::confirm,
    tries::Repeat,
};
use crate::{
    Kind, Result, Timestamp,
    award::Ticket,
    checkout::{Charge, Payee},
    protocol::{
        Filter, Otc, PosId, PrivateKey, SessionKey,
        message::{
            ConfirmRequest, MAX_BLOCKS_REGISTER, MAX_BLOCKS_VERIFY, RegisterAnswer, RegisterBody,
            RegisterRequest, StatusAnswer, StatusBody, StatusRequest,
        },
    },
};

/// A POS at a Registry: its id and private key. Cheap to clone.
///
/// The [`CashDesk`](crate::cash_desk::CashDesk) calls it, and calls again where no answer came; by
/// itself it neither remembers nor persists nor repeats anything.
#[derive(Clone, Debug)]
pub struct PosClient {
    client: RegistryClient,
    pos: PosId,
    key: PrivateKey,
    probe: Probe,
}

/// How to learn whether a verify was carried out whose answer was lost or was a failure: some
/// Registries answer every repeated verify with a failure.
///
/// A request for payment can be asked about without any effect. Vouchers cannot: the one way that
/// changes nothing needs vouchers whose place is told when they are redeemed, and this SDK always
/// tells the place itself; the other costs one of the three attempts at the PIN, and is made only
/// where [`InstrumentClient::probe_with_wrong_pin`](super::InstrumentClient::probe_with_wrong_pin)
/// says so. Otherwise a [`Dispatcher`](crate::dispatcher::Dispatcher) verifies a code again
/// [a few times](crate::award::VERIFY_TRIES), and then hands out the same code.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Probe {
    /// Not at all: a failure of a repeated verify counts as done before.
    Never,
    /// By what changes nothing and uses up no attempt, whatever the answer: a payment with the right
    /// PIN and no vouchers, which the Registry refuses in one way before the verify and in another
    /// after it.
    #[default]
    Harmless,
}

impl PosClient {
    /// The POS with this id and private key.
    ///
    /// Whether they belong together shows with the first register, whose answer only the right key
    /// opens ([`Kind::PayloadInvalid`](crate::Kind::PayloadInvalid) otherwise).
    pub fn new(client: RegistryClient, pos: PosId, key: PrivateKey) -> Result<Self> {
        if !pos.is_object_id() {
            return Err(old_form("POS"));
        }
        Ok(Self {
            client,
            pos,
            key,
            probe: Probe::default(),
        })
    }

    /// The same with another way to settle an unclear verify; [`Probe::Harmless`] unless set.
    #[must_use]
    pub fn probe(self, probe: Probe) -> Self {
        Self { probe, ..self }
    }
}

#[async_trait]
impl Payee for PosClient {
    fn registry(&self) -> &str {
        self.client.address().as_str()
    }

    fn pos(&self) -> String {
        self.pos.as_str().to_ascii_lowercase()
    }

    async fn register(&self, charge: &Charge, nonce: &str) -> Result<Ticket> {
        let filter = charge.filter.clone().map(Filter::checked).transpose()?;
        let request = RegisterRequest {
            pos_id: self.pos.clone(),
            nonce: nonce.to_owned(),
            password: None,
            amount: charge.amount,
            filter: filter.filter(|filter| !filter.is_empty()),
            pocket_ack_url: None,
            pos_ack_url: None,
            persistent: charge.persistent,
        };
        let base = self.client.address().to_string();
        let (sent, amount) = (nonce.to_owned(), charge.amount);
        let read = move |text: &[u8]| {
            let answer = RegisterAnswer::from_inner(text)?;
            check_nonce(&sent, &answer.nonce)?;
            Ok(Ticket {
                link: link(answer.link, &base, "payment", &answer.otc),
                otc: answer.otc,
                pin: answer.password,
                minutes: amount,
            })
        };
        let (pos_id, nonce) = (self.pos.clone(), nonce.to_owned());
        let operation = Operation {
            path: "payment/register",
            repeat: Repeat::ByCaller,
            max_blocks: MAX_BLOCKS_REGISTER,
            text: request.to_json(),
            body: Box::new(move |payload| {
                let (pos_id, nonce) = (pos_id.clone(), nonce.clone());
                RegisterBody {
                    pos_id,
                    nonce,
                    payload,
                }
                .to_json()
            }),
            read: read_rsa(self.key.clone(), read),
        };
        self.client.perform(operation).await
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        self.client.perform(verify("payment/verify", otc)).await
    }

    async fn verified(&self, ticket: &Ticket) -> Result<Option<bool>> {
        if self.probe == Probe::Never {
            return Ok(None);
        }
        let request = ConfirmRequest {
            otc: ticket.otc.clone(),
            password: ticket.pin.clone(),
            session_key: SessionKey::random(),
            vouchers: Vec::new(),
        };
        let Err(error) = self.client.perform(confirm(&request)).await else {
            return Err(misbehaved("the Registry took no vouchers for a payment"));
        };
        match error.kind() {
            Kind::VouchersInsufficient | Kind::AlreadyPerformed => Ok(Some(true)),
            Kind::OtcUnknown => Ok(Some(false)),
            _ => Err(error),
        }
    }

    async fn status(&self, otc: &Otc) -> Result<Vec<Timestamp>> {
        let request = StatusRequest {
            pos_id: self.pos.clone(),
            otc: otc.clone(),
        };
        let own = self.pos.clone();
        let read = move |body: &StatusBody, text: &[u8]| {
            if body.pos_id != own {
                return Err(misbehaved("the answer is for another POS"));
            }
            StatusAnswer::from_inner(text)
        };
        let pos_id = self.pos.clone();
        let operation = Operation {
            path: "payment/status",
            repeat: Repeat::ByCaller,
            max_blocks: MAX_BLOCKS_VERIFY,
            text: request.to_json(),
            body: Box::new(move |payload| {
                let pos_id = pos_id.clone();
                StatusBody { pos_id, payload }.to_json()
            }),
            read: read_status(self.key.clone(), read),
        };
        let status = self.client.perform(operation).await?;
        if status.has_been_performed && status.confirmations.is_empty() {
            // A Registry that says so without saying when: it was before now.
            return Ok(vec![self.client.clock().now()]);
        }
        Ok(status.confirmations)
    }
}
