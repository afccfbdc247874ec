//! The instrument's side: create and verify.

use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{
    RegistryClient, SourceInfo,
    operation::{Operation, Read, read_nothing, read_rsa},
    pocket::redeem,
    tries::Repeat,
};
use crate::{
    Error, Kind, Result,
    award::{Content, Identity, Issuer, Ticket},
    protocol::{
        LinkText, Otc, Pin, PrivateKey, SessionKey, SourceId,
        message::{
            CreateAnswer, CreateBody, CreateRequest, MAX_BLOCKS_CREATE, MAX_BLOCKS_VERIFY,
            RedeemRequest, SealedBody, VerifyRequest, VoucherSpecification,
        },
    },
};

/// An instrument at a Registry: its source id and private key. Cheap to clone.
///
/// The [`Dispatcher`](crate::dispatcher::Dispatcher) calls it, and calls again where no answer came;
/// by itself it neither remembers nor persists nor repeats anything.
#[derive(Clone, Debug)]
pub struct InstrumentClient {
    client: RegistryClient,
    source: SourceId,
    key: PrivateKey,
    identity: Identity,
    wrong_pin: bool,
}

impl InstrumentClient {
    /// The instrument with this source id and private key.
    ///
    /// Whether they belong together shows with the first create, whose answer only the right key
    /// opens ([`Kind::PayloadInvalid`] otherwise).
    pub fn new(client: RegistryClient, source: SourceId, key: PrivateKey) -> Result<Self> {
        if !source.is_object_id() {
            return Err(old_form("source"));
        }
        Ok(Self {
            identity: Identity {
                registry: client.address().to_string(),
                source: source.as_str().to_ascii_lowercase(),
            },
            client,
            source,
            key,
            wrong_pin: false,
        })
    }

    /// Asks a Registry that keeps failing on the verify of one code whether an earlier try of it was
    /// carried out: by a redeem with a wrong PIN, which is refused in one way before the verify and
    /// in another after it.
    ///
    /// The question costs **one of the three attempts** that the person has at the PIN. It is asked
    /// at most once for each code, which is written down before; and it is logged. Off unless set:
    /// without it the code is verified again [a few times](crate::award::VERIFY_TRIES), and handed
    /// out all the same.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] towards wom.social: attempts there are the persons' alone.
    pub fn probe_with_wrong_pin(self) -> Result<Self> {
        if self.client.address().is_wom_social() {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "wom.social is not asked with wrong PINs",
            )
            .hint(
                "leave probe_with_wrong_pin out: unclear codes are verified again, and offered",
            ));
        }
        Ok(Self {
            wrong_pin: true,
            ..self
        })
    }

    /// What the Registry tells about this source; [`Kind::SourceUnknown`] if it does not know it.
    pub async fn info(&self) -> Result<SourceInfo> {
        self.client.source(&self.source).await
    }

    /// The Registry.
    pub fn registry(&self) -> &RegistryClient {
        &self.client
    }
}

#[async_trait]
impl Issuer for InstrumentClient {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn create(&self, content: &Content, nonce: &str) -> Result<Ticket> {
        let vouchers: Result<Vec<_>> = content
            .sorts()
            .iter()
            .map(|sort| {
                VoucherSpecification::new(sort.aim, Some(sort.place), sort.at, sort.minutes)
            })
            .collect();
        let request = CreateRequest::new(self.source.clone(), nonce, None, vouchers?)?;
        let base = self.client.address().to_string();
        let (sent, minutes) = (nonce.to_owned(), content.minutes());
        let read = move |text: &[u8]| {
            let answer = CreateAnswer::from_inner(text)?;
            check_nonce(&sent, &answer.nonce)?;
            if answer.count.is_some_and(|count| count != minutes) {
                return Err(misbehaved("the Registry made another number of vouchers")
                    .with("asked", minutes));
            }
            Ok(Ticket {
                link: link(answer.link, &base, "vouchers", &answer.otc),
                otc: answer.otc,
                pin: answer.password,
                minutes,
            })
        };
        let (source_id, nonce) = (self.source.clone(), nonce.to_owned());
        let operation = Operation {
            path: "voucher/create",
            repeat: Repeat::ByCaller,
            max_blocks: MAX_BLOCKS_CREATE,
            text: request.to_json(),
            body: Box::new(move |payload| {
                let (source_id, nonce) = (source_id.clone(), nonce.clone());
                CreateBody {
                    source_id,
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
        self.client.perform(verify("voucher/verify", otc)).await
    }

    fn can_ask(&self) -> bool {
        self.wrong_pin
    }

    async fn verified(&self, ticket: &Ticket) -> Result<Option<bool>> {
        if !self.wrong_pin {
            return Ok(None);
        }
        tracing::warn!("a Registry keeps failing: it is asked about one code with a wrong PIN");
        let pin = std::iter::repeat_with(Pin::random).find(|pin| *pin != ticket.pin);
        let request = RedeemRequest {
            otc: ticket.otc.clone(),
            password: pin.unwrap_or_else(Pin::random),
            session_key: SessionKey::random(),
            location: None,
        };
        let Err(error) = self.client.perform(redeem(&request)).await else {
            return Err(misbehaved("the Registry took a wrong PIN"));
        };
        match error.kind() {
            Kind::PinWrong | Kind::AlreadyPerformed | Kind::RequestVoid => Ok(Some(true)),
            Kind::OtcUnknown => Ok(Some(false)),
            _ => Err(error),
        }
    }
}

/// Verify is the same for vouchers and payments.
pub(super) fn verify(path: &'static str, otc: &Otc) -> Operation<()> {
    Operation {
        path,
        repeat: Repeat::ByCaller,
        max_blocks: MAX_BLOCKS_VERIFY,
        text: VerifyRequest { otc: otc.clone() }.to_json(),
        body: Box::new(|payload| SealedBody { payload }.to_json()),
        read: Read::Here(read_nothing),
    }
}

/// Whoever has our public key can write an answer; only who could read the request knows its nonce.
pub(super) fn check_nonce(sent: &str, echoed: &str) -> Result<()> {
    verify_slices_are_equal(sent.as_bytes(), echoed.as_bytes())
        .map_err(|_| misbehaved("the answer does not repeat the request's nonce"))
}

/// The link to hand out: the Registry's own, or the form that every wallet of it opens.
pub(super) fn link(given: Option<LinkText>, base: &str, path: &str, otc: &Otc) -> LinkText {
    match given {
        Some(link) => link,
        None => format!("{base}/{path}/{}", otc.reveal()).into(),
    }
}

pub(super) fn misbehaved(message: &'static str) -> Error {
    Error::new(Kind::RegistryMisbehaved, message)
}

pub(super) fn old_form(what: &'static str) -> Error {
    Error::new(Kind::InputInvalid, "this id is of an older system")
        .with("id_of", what)
        .hint("use the id of 24 hexadecimal digits")
}
