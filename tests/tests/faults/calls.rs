//! What is done in a cell, and what has to hold afterwards.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;
use wom_registry::{RequestState, Sums};
use wom_sdk::{
    Error, Kind, Result, Retry,
    award::{Content, Issuer, Request, Ticket, Vouchers},
    cash_desk::CashDesk,
    checkout::{Charge, Payee as _, State},
    dispatcher::Dispatcher,
    pocket::{Pocket, VoucherState},
    protocol::{Link, Position as Place},
    registry::{ApiKeyClient, InstrumentClient, PocketClient, PosClient, RegistryClient},
};

use crate::{
    cell::{Call, Cell, Position},
    ground::{desk, dispatcher, start},
    wire::Wire,
};

/// Vouchers of an award, and what a payment takes of them.
const MINUTES: u32 = 7;
const AMOUNT: u32 = 3;
/// The most requests of one call, and of the award or payment that it belongs to.
const REQUESTS: u32 = 8;
/// How much later than its deadline a call may end.
const TOLERANCE: Duration = Duration::from_millis(250);
/// How long a person waits who looks at a till.
const LOOK: Duration = Duration::from_secs(20);

/// How a cell ended.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What the call in trouble gave: `ok`, or the error's code and its advice.
    pub(crate) gave: String,
    /// How long it took, of the cell's time.
    pub(crate) took: Duration,
    /// How many requests it sent.
    pub(crate) sent: u32,
    /// What should not be.
    pub(crate) wrong: Vec<String>,
}

impl Seen {
    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(what());
        }
    }
}

/// Makes one cell's mischief, and looks at what came of it.
pub(crate) async fn run(cell: &Cell) -> Seen {
    let world = World::new(cell);
    match cell.call {
        Call::Create | Call::Verify | Call::Issue | Call::Key => world.award().await,
        Call::Redeem => world.redeem().await,
        Call::Register => world.register().await,
        Call::Status => world.status().await,
        Call::Confirm => world.confirm().await,
    }
}

struct World<'a> {
    cell: &'a Cell,
    wire: Wire,
    client: RegistryClient,
}

impl<'a> World<'a> {
    fn new(cell: &'a Cell) -> Self {
        let wire = cell.ground.wire();
        Self {
            client: cell.ground.client(&wire),
            wire,
            cell,
        }
    }

    /// Create, verify, the one call and the key: exactly one code that can be redeemed.
    async fn award(&self) -> Seen {
        let (issuer, api_key) = self.issuer();
        // What somebody else got.
        let mut other = None;
        if self.cell.needs_decoy() {
            match self.cell.call {
                Call::Key => drop(self.cell.ground.client(&self.wire).key().await.unwrap()),
                _ => {
                    let nonce = self.name("decoy");
                    let decoy = issuer.create(&content(), &nonce).await.unwrap();
                    issuer.verify(&decoy.otc).await.unwrap();
                    other = Some(decoy.otc);
                }
            }
        }
        let before = self.sums().await;
        let awards = dispatcher(issuer).await;
        let key = self.name("run");
        let ask = async || awards.award(&key, &walk()).await;
        let (mut seen, first) = self.in_trouble(Dispatcher::PATIENCE, &ask).await;
        let Some(ticket) = self.settle(&mut seen, &ask).await else {
            return seen;
        };
        seen.must(first.is_none_or(|first| first == ticket), || {
            "a second code was given".to_owned()
        });
        seen.must(other != Some(ticket.otc.clone()), || {
            "somebody else's code was given".to_owned()
        });
        let otc = ticket.otc.clone();
        let book = self
            .cell
            .ground
            .ask(self.wire.is_old(), |registry| async move {
                registry.request_book(&otc).await
            });
        let book = book.await;
        seen.must(
            book.is_some_and(|book| {
                (book.state, book.count) == (RequestState::Verified, u64::from(MINUTES))
            }),
            || format!("the code is not good: {book:?}"),
        );
        self.collect(&mut seen, &ticket).await;
        let after = self.sums().await;
        let orphans = (after.issued - before.issued).saturating_sub(u64::from(MINUTES));
        let counted = api_key.map_or(0, |client| client.orphans());
        let allowed = match self.cell.ground.faithful {
            true => counted * u64::from(MINUTES),
            false => 0,
        };
        seen.must(orphans <= allowed, || {
            format!("{orphans} vouchers that nobody has, and {counted} calls counted")
        });
        seen.must(
            after.redeemed - before.redeemed == u64::from(MINUTES),
            || format!("{} vouchers redeemed", after.redeemed - before.redeemed),
        );
        seen
    }

    /// Redeem: the vouchers are in the wallet, once; only a Registry that has forgotten them may
    /// say so.
    async fn redeem(&self) -> Seen {
        let ticket = self.good_code("code").await;
        if self.cell.needs_decoy() {
            let decoy = self.good_code("decoy").await;
            let taken = self.redeem_with(&self.pocket("decoy"), &decoy).await;
            taken.unwrap();
        }
        let (pocket, before) = (self.pocket("wallet"), self.sums().await);
        let ask = async || self.redeem_with(&pocket, &ticket).await;
        let (mut seen, _) = self.in_trouble(RegistryClient::DEADLINE, &ask).await;
        let got = self.settle(&mut seen, &ask).await;
        let held = pocket.vouchers().unwrap().len() as u64;
        let redeemed = self.sums().await.redeemed - before.redeemed;
        let due = match self.forgotten(&mut seen, got.is_some()) {
            true => 0,
            false => u64::from(MINUTES),
        };
        seen.must((held, redeemed) == (due, due), || {
            format!("{held} vouchers in the wallet, {redeemed} in the books")
        });
        seen
    }

    /// Register: one code is shown, it can be paid, and it is paid once.
    async fn register(&self) -> Seen {
        let payee = self.payee();
        let mut other = None;
        if self.cell.needs_decoy() {
            let decoy = payee.register(&charge(), &self.name("decoy")).await;
            other = Some(decoy.unwrap().otc);
        }
        let wallet = self.rich("wallet").await;
        let before = self.sums().await;
        let desk = desk(payee);
        let order = self.name("order");
        let ask = async || desk.charge(&order, &charge()).await;
        let (mut seen, first) = self.in_trouble(CashDesk::PATIENCE, &ask).await;
        let Some(ticket) = self.settle(&mut seen, &ask).await else {
            return seen;
        };
        seen.must(first.is_none_or(|first| first == ticket), || {
            "a second code was shown".to_owned()
        });
        seen.must(other != Some(ticket.otc.clone()), || {
            "another payment's code was shown".to_owned()
        });
        if self.wire.is_old() {
            // The wallet's vouchers are not known there.
            let book = self.payment(&ticket).await;
            seen.must(book == Some((true, 0)), || {
                format!("it cannot be paid: {book:?}")
            });
            return seen;
        }
        let pay = async || self.pay_with(&wallet, &ticket).await;
        self.settle(&mut seen, &pay).await;
        self.paid_once(&mut seen, &ticket, before).await;
        seen
    }

    /// Status: a payment is heard of once it was made, and not before.
    async fn status(&self) -> Seen {
        let payee = self.payee();
        let wallet = self.rich("wallet").await;
        let desk = desk(payee.clone());
        let order = self.name("order");
        let ticket = desk.charge(&order, &charge()).await.unwrap();
        if self.cell.needs_decoy() {
            // An answer from before it was paid.
            assert_eq!(payee.status(&ticket.otc).await.unwrap(), []);
        }
        self.pay_with(&wallet, &ticket).await.unwrap();
        let ask = async || match desk.wait(&order, LOOK).await? {
            State::Paid { at } => Ok(at),
            state => Err(Error::new(Kind::DeadlineExceeded, "not yet").with("state", state.name())),
        };
        let (mut seen, first) = self.in_trouble(LOOK, &ask).await;
        let heard = self.settle(&mut seen, &ask).await;
        if self.wire.is_old() {
            seen.wrong.clear();
            seen.must(heard.is_none(), || {
                "a payment that nobody knows was heard of".to_owned()
            });
            return seen;
        }
        seen.must(
            heard.is_some() && (first.is_none() || first == heard),
            || format!("heard {first:?}, then {heard:?}"),
        );
        seen
    }

    /// Confirm: the payment is made once, by as many vouchers as it asks for; or not at all, and
    /// the wallet has all of them.
    async fn confirm(&self) -> Seen {
        let pocket = self.rich("wallet").await;
        let payee = self.payee();
        if self.cell.needs_decoy() {
            let decoy = self.payable(&payee, "decoy").await;
            self.pay_with(&pocket, &decoy).await.unwrap();
        }
        let ticket = self.payable(&payee, "order").await;
        let before = self.sums().await;
        let ask = async || self.pay_with(&pocket, &ticket).await;
        let (mut seen, _) = self.in_trouble(RegistryClient::DEADLINE, &ask).await;
        let paid = self.settle(&mut seen, &ask).await;
        let states: Vec<_> = pocket
            .vouchers()
            .unwrap()
            .iter()
            .map(|held| held.state)
            .collect();
        let count = |state| states.iter().filter(|held| **held == state).count() as u64;
        seen.must(count(VoucherState::Reserved) == 0, || {
            "vouchers are set aside for ever".to_owned()
        });
        if self.forgotten(&mut seen, paid.is_some()) {
            seen.must(count(VoucherState::Free) == u64::from(MINUTES), || {
                "vouchers are lost to the wallet".to_owned()
            });
            seen.must(self.sums().await.spent == before.spent, || {
                "vouchers were spent".to_owned()
            });
            return seen;
        }
        seen.must(
            count(VoucherState::Spent)
                == self.sums().await.spent - before.spent
                    + if self.cell.needs_decoy() {
                        u64::from(AMOUNT)
                    } else {
                        0
                    },
            || "wallet and Registry differ in what is spent".to_owned(),
        );
        self.paid_once(&mut seen, &ticket, before).await;
        seen
    }

    /// Makes the call in its trouble, and judges how it ended.
    async fn in_trouble<T>(
        &self,
        deadline: Duration,
        ask: &impl AsyncFn() -> Result<T>,
    ) -> (Seen, Option<T>) {
        self.cell.arm(&self.wire);
        let started = Instant::now();
        let answer = ask().await;
        let mut seen = Seen {
            took: started.elapsed(),
            sent: self.wire.sent(),
            ..Seen::default()
        };
        let arrived = self.wire.arrived();
        self.wire.heal();
        let took = seen.took;
        seen.must(took <= deadline + TOLERANCE, || {
            format!("took {took:?} of {deadline:?}")
        });
        let sent = seen.sent;
        seen.must(sent <= REQUESTS, || format!("sent {sent} requests"));
        let answer = match answer {
            Ok(answer) => {
                "ok".clone_into(&mut seen.gave);
                Some(answer)
            }
            Err(error) => {
                seen.gave = format!("{} ({})", error.code(), error.retry().code());
                seen.must(error.retry() != Retry::Safe || arrived == 0, || {
                    format!("{arrived} requests arrived, and the error says that nothing happened")
                });
                None
            }
        };
        let gave = seen.gave.clone();
        seen.must(self.cell.may_give(&gave), || format!("gave {gave}"));
        // What may not be sent twice ends with the first reply that is lost, and who is told to come
        // back in an hour does so; nothing else ends with one fault.
        let once = matches!(self.cell.call, Call::Redeem | Call::Confirm);
        seen.must(!once || arrived <= 1, || {
            format!("{arrived} arrived of what may not be sent twice")
        });
        let told = self.cell.fault == 8 || gave.ends_with("(never)");
        let enough = self.cell.position == Position::All || once || told;
        seen.must(enough || gave == "ok", || {
            format!("one fault was enough for {gave}")
        });
        (seen, answer)
    }

    /// All is well again: asks until there is an answer.
    async fn settle<T>(&self, seen: &mut Seen, ask: &impl AsyncFn() -> Result<T>) -> Option<T> {
        let mut last = String::new();
        for _ in 0..4 {
            match ask().await {
                Ok(answer) => return Some(answer),
                Err(error) => last = format!("{error:?}"),
            }
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        seen.wrong.push(format!("never settled: {last}"));
        None
    }

    /// Whether the Registry has truly forgotten what this is about; then the caller was told.
    fn forgotten(&self, seen: &mut Seen, settled: bool) -> bool {
        if !self.wire.is_old() || settled {
            return false;
        }
        let told = seen
            .wrong
            .iter()
            .any(|wrong| wrong.contains("[otc_unknown]"));
        if told {
            seen.wrong.clear();
        }
        true
    }

    async fn sums(&self) -> Sums {
        self.cell.ground.sums(&self.cell.worker).await
    }

    fn issuer(&self) -> (Arc<dyn Issuer>, Option<ApiKeyClient>) {
        let (worker, client) = (&self.cell.worker, self.client.clone());
        if self.cell.call == Call::Issue {
            let key = worker.api_key.clone();
            let issuer = ApiKeyClient::new(client, worker.instrument.id.clone(), key).unwrap();
            return (Arc::new(issuer.clone()), Some(issuer));
        }
        let key = worker.instrument.key.clone();
        let issuer = InstrumentClient::new(client, worker.instrument.id.clone(), key).unwrap();
        (Arc::new(issuer), None)
    }

    fn payee(&self) -> PosClient {
        let pos = &self.cell.worker.pos;
        PosClient::new(self.client.clone(), pos.id.clone(), pos.key.clone()).unwrap()
    }

    /// A code that can be redeemed.
    async fn good_code(&self, nonce: &str) -> Ticket {
        let (issuer, _) = self.issuer();
        let nonce = self.name(nonce);
        let ticket = issuer.create(&content(), &nonce).await.unwrap();
        issuer.verify(&ticket.otc).await.unwrap();
        ticket
    }

    /// A payment that can be made.
    async fn payable(&self, payee: &PosClient, nonce: &str) -> Ticket {
        let nonce = self.name(nonce);
        let ticket = payee.register(&charge(), &nonce).await.unwrap();
        payee.verify(&ticket.otc).await.unwrap();
        ticket
    }

    /// A name that no other cell has.
    fn name(&self, name: &str) -> String {
        format!("{name} {}", self.cell)
    }

    fn pocket(&self, name: &str) -> Pocket {
        Pocket::open(self.path(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.cell
            .ground
            .dir()
            .join(format!("{name} {}.json", self.cell))
    }

    /// A wallet with vouchers.
    async fn rich(&self, name: &str) -> Pocket {
        let (pocket, ticket) = (self.pocket(name), self.good_code(name).await);
        self.redeem_with(&pocket, &ticket).await.unwrap();
        pocket
    }

    async fn redeem_with(&self, pocket: &Pocket, ticket: &Ticket) -> Result<u32> {
        let (gateway, code) = (self.gateway(), Link::Vouchers(ticket.otc.clone()));
        let redeemed = pocket.redeem(&gateway, &code, &ticket.pin, None).await?;
        Ok(redeemed.vouchers)
    }

    async fn pay_with(&self, pocket: &Pocket, ticket: &Ticket) -> Result<u32> {
        let (gateway, code) = (self.gateway(), Link::Payment(ticket.otc.clone()));
        Ok(pocket.pay(&gateway, &code, &ticket.pin).await?.amount)
    }

    fn gateway(&self) -> PocketClient {
        PocketClient::new(self.client.clone())
    }

    /// A person takes what was handed over.
    async fn collect(&self, seen: &mut Seen, ticket: &Ticket) {
        let pocket = self.pocket("person");
        let take = async || self.redeem_with(&pocket, ticket).await;
        let taken = self.settle(seen, &take).await;
        seen.must(taken == Some(MINUTES), || format!("collected {taken:?}"));
    }

    /// Whether a payment is verified, and how often it was made.
    async fn payment(&self, ticket: &Ticket) -> Option<(bool, u64)> {
        let otc = ticket.otc.clone();
        let book = self
            .cell
            .ground
            .ask(self.wire.is_old(), |registry| async move {
                registry.payment_book(&otc).await
            });
        book.await.map(|book| (book.verified, book.confirmations))
    }

    async fn paid_once(&self, seen: &mut Seen, ticket: &Ticket, before: Sums) {
        let book = self.payment(ticket).await;
        seen.must(book == Some((true, 1)), || {
            format!("not paid once: {book:?}")
        });
        let spent = self.sums().await.spent - before.spent;
        seen.must(spent == u64::from(AMOUNT), || {
            format!("{spent} vouchers spent")
        });
    }
}

fn walk() -> Request {
    Request::new("H".parse().unwrap(), MINUTES, urbino()).at(start())
}

fn content() -> Content {
    let vouchers = Vouchers {
        aim: "H".parse().unwrap(),
        minutes: MINUTES,
        place: urbino(),
        at: start(),
    };
    Content::new(vec![vouchers]).unwrap()
}

fn urbino() -> Place {
    "43.7263,12.6366".parse().unwrap()
}

fn charge() -> Charge {
    Charge::new(AMOUNT).unwrap()
}
