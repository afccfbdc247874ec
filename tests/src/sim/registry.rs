//! A Registry at the level of [`Issuer`] and [`Payee`]: its rules without its cryptography, over a
//! network that loses, delays and repeats.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::oneshot;
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    award::{Content, Identity, Issuer, Ticket},
    checkout::{Charge, Payee},
    protocol::{Otc, Pin},
};

use super::{
    process::Process,
    weather::Fault,
    world::{World, lock},
};
use crate::fuzz::Rng;

/// How long a caller waits for an answer.
const DEADLINE: Duration = Duration::from_secs(15);

/// The Registry. Its books survive everything but a backup that is put back.
#[derive(Debug)]
pub(super) struct Registry {
    world: Arc<World>,
    /// Repeats a verify with a failure, and does not say that it knows no such code.
    faithful: bool,
    /// Gives the same code for the same nonce.
    remembers: bool,
    books: Mutex<Books>,
    backups: Mutex<Vec<Books>>,
    lost: Mutex<BTreeSet<[u8; 16]>>,
    made: Mutex<u64>,
    /// Codes come in one call, good at once.
    one_call: bool,
    early: Mutex<BTreeMap<String, Ticket>>,
}

#[derive(Clone, Debug, Default)]
struct Books {
    codes: BTreeMap<[u8; 16], Code>,
    bills: BTreeMap<[u8; 16], Bill>,
}

#[derive(Clone, Debug)]
struct Code {
    nonce: String,
    minutes: u32,
    pin: String,
    good: bool,
    redeemed: bool,
}

#[derive(Clone, Debug)]
struct Bill {
    nonce: String,
    pin: String,
    good: bool,
    paid: Vec<Timestamp>,
}

impl Registry {
    pub(super) fn new(world: &Arc<World>) -> Arc<Self> {
        let mut rng = Rng::new(world.seed, "registry", 0);
        Arc::new(Self {
            world: Arc::clone(world),
            faithful: rng.one_in(2),
            remembers: rng.one_in(3),
            books: Mutex::default(),
            backups: Mutex::default(),
            lost: Mutex::default(),
            made: Mutex::default(),
            one_call: rng.one_in(4),
            early: Mutex::default(),
        })
    }

    /// A wallet redeems a code; gives how many vouchers it brought.
    pub(super) fn redeem(&self, otc: &Otc, pin: &Pin) -> Result<u32> {
        let mut books = lock(&self.books);
        let code = books.codes.get_mut(&otc.reveal_bytes());
        let Some(code) = code.filter(|code| code.good) else {
            return Err(unknown());
        };
        if code.pin != pin.reveal() {
            return Err(Error::new(Kind::PinWrong, "another PIN"));
        }
        if code.redeemed {
            return Err(Error::new(Kind::AlreadyPerformed, "redeemed before"));
        }
        code.redeemed = true;
        self.world
            .log(format_args!("registry redeemed {} min", code.minutes));
        Ok(code.minutes)
    }

    /// A wallet pays.
    pub(super) fn pay(&self, otc: &Otc, pin: &Pin) -> Result<()> {
        let mut books = lock(&self.books);
        let bill = books.bills.get_mut(&otc.reveal_bytes());
        let Some(bill) = bill.filter(|bill| bill.good) else {
            return Err(unknown());
        };
        if bill.pin != pin.reveal() {
            return Err(Error::new(Kind::PinWrong, "another PIN"));
        }
        if !bill.paid.is_empty() {
            return Err(Error::new(Kind::AlreadyPerformed, "paid before"));
        }
        bill.paid.push(self.world.now());
        self.world
            .log(format_args!("registry paid {}", &bill.nonce[..8]));
        Ok(())
    }

    /// When the bill with this nonce was paid, where it was.
    pub(super) fn paid(&self, nonce: &str) -> Option<Timestamp> {
        let books = lock(&self.books);
        let bills = books.bills.values().filter(|bill| bill.nonce == nonce);
        bills.filter_map(|bill| bill.paid.first().copied()).min()
    }

    /// Whether a backup that was put back did not have this code as good any more.
    pub(super) fn lost(&self, otc: &Otc) -> bool {
        lock(&self.lost).contains(&otc.reveal_bytes())
    }

    /// Keeps a backup.
    pub(super) fn back_up(&self) {
        let books = lock(&self.books).clone();
        lock(&self.backups).push(books);
    }

    /// Puts the last backup back: what came after it never was.
    pub(super) fn restore(&self) {
        let Some(backup) = lock(&self.backups).pop() else {
            return;
        };
        let mut books = lock(&self.books);
        let mut lost = lock(&self.lost);
        for (otc, code) in &books.codes {
            let held = backup.codes.get(otc);
            if held.is_none_or(|held| code.good && !held.good) {
                lost.insert(*otc);
            }
        }
        for (otc, bill) in &books.bills {
            let held = backup.bills.get(otc);
            if held.is_none_or(|held| (bill.good, bill.paid.len()) != (held.good, held.paid.len()))
            {
                lost.insert(*otc);
            }
        }
        self.world.log(format_args!(
            "registry put an older backup back, {} codes lost",
            lost.len()
        ));
        *books = backup;
    }

    fn create(&self, content: &Content, nonce: &str) -> Result<Ticket> {
        let mut books = lock(&self.books);
        if self.remembers {
            let known = books.codes.iter().find(|(_, code)| code.nonce == nonce);
            if let Some((otc, code)) = known {
                return Ok(ticket(*otc, &code.pin, code.minutes));
            }
        }
        let (otc, pin) = self.fresh();
        let minutes = content.minutes();
        let code = Code {
            nonce: nonce.to_owned(),
            minutes,
            pin: pin.clone(),
            good: self.one_call,
            redeemed: false,
        };
        books.codes.insert(otc, code);
        self.count_good(&books, nonce);
        self.world.log(format_args!(
            "registry made {} of {}",
            hex(&otc),
            &nonce[..8]
        ));
        Ok(ticket(otc, &pin, minutes))
    }

    fn verify(&self, otc: [u8; 16]) -> Result<()> {
        let mut books = lock(&self.books);
        let Some(code) = books.codes.get_mut(&otc) else {
            return Err(if self.faithful { failed() } else { unknown() });
        };
        if code.good {
            return if self.faithful { Err(failed()) } else { Ok(()) };
        }
        code.good = true;
        let nonce = code.nonce.clone();
        self.world
            .log(format_args!("registry verified {}", hex(&otc)));
        self.count_good(&books, &nonce);
        Ok(())
    }

    /// An award has one good code; calls that make a good one at once may leave one for each time
    /// that it was written down that a call is to be made.
    fn count_good(&self, books: &Books, nonce: &str) {
        let codes = books.codes.values();
        let good = codes
            .filter(|code| code.good && code.nonce == nonce)
            .count();
        let most = if self.one_call {
            self.world.intents(nonce)
        } else {
            1
        };
        if good > most {
            let message = "two codes of one award can be redeemed";
            self.world.fail("books balance", message);
        }
    }

    /// What was made in memory of a process, and is written down nowhere yet.
    pub(super) fn early(&self, nonce: &str) -> Option<Ticket> {
        lock(&self.early).get(nonce).cloned()
    }

    fn register(&self, charge: &Charge, nonce: &str) -> Result<Ticket> {
        let (otc, pin) = self.fresh();
        let bill = Bill {
            nonce: nonce.to_owned(),
            pin: pin.clone(),
            good: false,
            paid: Vec::new(),
        };
        lock(&self.books).bills.insert(otc, bill);
        self.world.log(format_args!(
            "registry registered {} of {}",
            hex(&otc),
            &nonce[..8]
        ));
        Ok(ticket(otc, &pin, charge.amount))
    }

    fn verify_bill(&self, otc: [u8; 16]) -> Result<()> {
        let mut books = lock(&self.books);
        let Some(bill) = books.bills.get_mut(&otc) else {
            return Err(if self.faithful { failed() } else { unknown() });
        };
        if bill.good {
            return if self.faithful { Err(failed()) } else { Ok(()) };
        }
        bill.good = true;
        let nonce = bill.nonce.clone();
        self.world
            .log(format_args!("registry verified bill {}", hex(&otc)));
        let good = books
            .bills
            .values()
            .filter(|bill| bill.good && bill.nonce == nonce);
        if good.count() > 1 {
            self.world
                .fail("books balance", "two codes of one checkout can be paid");
        }
        Ok(())
    }

    fn status(&self, otc: [u8; 16]) -> Result<Vec<Timestamp>> {
        let books = lock(&self.books);
        // Good or not: that is not told.
        let bill = books.bills.get(&otc).ok_or_else(unknown)?;
        Ok(bill.paid.clone())
    }

    fn fresh(&self) -> ([u8; 16], String) {
        let mut made = lock(&self.made);
        *made += 1;
        let mut rng = Rng::new(self.world.seed, "codes", *made);
        let mut otc = [0; 16];
        otc[..8].copy_from_slice(&rng.next().to_be_bytes());
        otc[8..].copy_from_slice(&rng.next().to_be_bytes());
        let pin = format!("pin-{:012x}", rng.next() >> 16);
        self.world.keep_secret(Otc::from_bytes(otc).reveal());
        self.world.keep_secret(pin.clone());
        (otc, pin)
    }
}

/// The wire between a process and the Registry.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    registry: Arc<Registry>,
    process: Arc<Process>,
    identity: Identity,
}

impl Wire {
    pub(super) fn new(registry: &Arc<Registry>, process: &Arc<Process>) -> Self {
        Self {
            registry: Arc::clone(registry),
            process: Arc::clone(process),
            identity: identity(),
        }
    }

    /// A mutant keeps a code that it must not know yet.
    pub(super) fn known_early(&self, nonce: &str, ticket: &Ticket) {
        lock(&self.registry.early).insert(nonce.to_owned(), ticket.clone());
    }

    /// Carries a call to the Registry and its answer back, or not. What was sent arrives even if
    /// the caller dies meanwhile.
    async fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        act: impl FnOnce(&Registry) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let world = &self.registry.world;
        self.process.may_die(name).await;
        world.sleep_ms(0, 50).await;
        if world.strikes(Fault::Unreachable) {
            return Err(Error::new(Kind::NetworkUnreachable, "the network is down"));
        }
        let slow = world.strikes(Fault::Slow);
        let lost = world.strikes(Fault::RequestLost);
        let answer_lost = world.strikes(Fault::AnswerLost);
        let (answer, heard) = oneshot::channel();
        if !lost {
            let registry = Arc::clone(&self.registry);
            tokio::spawn(async move {
                let world = &registry.world;
                let most = if slow { 90_000 } else { 400 };
                world.sleep_ms(1, most).await;
                let done = registry.answer(name, act);
                world.sleep_ms(1, most).await;
                if !answer_lost {
                    let _ = answer.send(done);
                }
            });
        }
        self.process.may_die(name).await;
        let heard = async {
            match heard.await {
                Ok(answer) => answer,
                Err(_) => std::future::pending().await,
            }
        };
        let result = tokio::time::timeout(DEADLINE, heard)
            .await
            .unwrap_or_else(|_| Err(Error::new(Kind::OutcomeUnknown, "no answer in time")));
        if slow && world.chance(200) {
            // The caller itself stands still, and others take its work over.
            world.sleep_ms(1, 120_000).await;
        }
        self.process.may_die(name).await;
        world.log(format_args!("{} {name} {}", self.process, outcome(&result)));
        result
    }
}

impl Registry {
    fn answer<T>(&self, name: &str, act: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let world = &self.world;
        if world.strikes(Fault::RateLimited) {
            return Err(Error::new(Kind::RateLimited, "too many requests"));
        }
        if world.strikes(Fault::Refused) {
            return Err(Error::new(Kind::AccessDenied, "not allowed"));
        }
        if world.strikes(Fault::FailedBefore) {
            world.log(format_args!("registry failed before {name}"));
            return Err(failed());
        }
        let done = act(self);
        if world.strikes(Fault::FailedAfter) {
            world.log(format_args!("registry failed after {name}"));
            return Err(failed());
        }
        done
    }
}

#[async_trait]
impl Issuer for Wire {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn create(&self, content: &Content, nonce: &str) -> Result<Ticket> {
        let (content, sent) = (content.clone(), nonce.to_owned());
        self.call("create", move |registry| registry.create(&content, &sent))
            .await
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        if self.registry.one_call {
            return Ok(());
        }
        let otc = otc.reveal_bytes();
        self.call("verify", move |registry| registry.verify(otc))
            .await
    }
}

#[async_trait]
impl Payee for Wire {
    fn registry(&self) -> &str {
        &self.identity.registry
    }

    fn pos(&self) -> String {
        "till".to_owned()
    }

    async fn register(&self, charge: &Charge, nonce: &str) -> Result<Ticket> {
        let (charge, nonce) = (charge.clone(), nonce.to_owned());
        self.call("register", move |registry| {
            registry.register(&charge, &nonce)
        })
        .await
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        let otc = otc.reveal_bytes();
        self.call("verify bill", move |registry| registry.verify_bill(otc))
            .await
    }

    async fn status(&self, otc: &Otc) -> Result<Vec<Timestamp>> {
        let otc = otc.reveal_bytes();
        self.call("status", move |registry| registry.status(otc))
            .await
    }
}

/// The one instrument of a run.
pub(super) fn identity() -> Identity {
    Identity {
        registry: "https://registry.example".to_owned(),
        source: "instrument".to_owned(),
    }
}

fn ticket(otc: [u8; 16], pin: &str, minutes: u32) -> Ticket {
    let otc = Otc::from_bytes(otc);
    Ticket {
        link: format!("https://registry.example/vouchers/{}", otc.reveal()).into(),
        otc,
        pin: Pin::from_registry(pin).unwrap_or_else(|_| Pin::random()),
        minutes,
    }
}

/// The beginning of a code, for the trace.
pub(super) fn hex(otc: &[u8; 16]) -> String {
    otc[..3].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn outcome<T>(result: &Result<T>) -> &'static str {
    result.as_ref().err().map_or("ok", Error::code)
}

fn failed() -> Error {
    Error::new(Kind::RegistryFailed, "the Registry failed inside")
}

fn unknown() -> Error {
    Error::new(Kind::OtcUnknown, "no such code")
}
