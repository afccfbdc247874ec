//! Paying.

use serde::{Deserialize, Serialize};

use super::{
    Gateway, Pocket,
    book::{Begun, Payment},
    choose, name_of,
};
use crate::{
    Error, Kind, Result, Retry,
    protocol::{Link, Otc, Pin, SessionKey, message::ConfirmAnswer},
};

/// A payment that was made.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Paid {
    /// How many vouchers.
    pub amount: u32,
    /// The name of the POS; empty if it has none.
    pub pos_name: String,
    /// Where the shop wants the person to go now. It proves nothing to anybody.
    pub ack_url: Option<String>,
}

impl Pocket {
    /// Pays: what is asked for is looked up, fitting vouchers are set aside in the file, sent, and
    /// spent when this returns.
    ///
    /// A code that this wallet paid before gives the same answer, and pays nothing. If a call ends
    /// unclear ([`Retry::SameKey`]), the vouchers stay set aside: call again with the same code,
    /// and the same vouchers are sent. Only for a code that may be paid many times (a poster's) the
    /// wallet cannot find out by itself; see [`settle`](Self::settle).
    pub async fn pay(&self, gateway: &dyn Gateway, code: &Link, pin: &Pin) -> Result<Paid> {
        let otc = payment(code)?;
        let name = name_of(otc);
        let _turn = self.turn(&name).await?;
        let known = self.book()?.payments.get(&name).cloned();
        let (begun, again) = match known {
            Some(Payment::Done(paid)) => return Ok(paid),
            Some(Payment::Begun(begun)) if begun.persistent => return Err(undecided()),
            Some(Payment::Begun(begun)) => {
                self.be_home(gateway).await?;
                (begun, true)
            }
            None => {
                self.be_home(gateway).await?;
                (self.begin(gateway, otc, pin, &name).await?, false)
            }
        };
        let vouchers = self.book()?.reserved(&name);
        let answer = gateway.confirm(otc, pin, &begun.key, vouchers).await;
        self.conclude(name, begun, again, answer).await
    }

    /// Says how a payment ended that was left unclear: the shop can tell. What was set aside for it
    /// is then spent, or free again.
    pub async fn settle(&self, code: &Link, paid: bool) -> Result<()> {
        let name = name_of(payment(code)?);
        let _turn = self.turn(&name).await?;
        self.change(move |book| {
            let Some(Payment::Begun(begun)) = book.payments.remove(&name) else {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "the wallet has no unclear payment with this code",
                ));
            };
            if !paid {
                book.free(&name, false);
                return Ok(());
            }
            book.spend(&name);
            if !begun.persistent {
                let paid = Paid {
                    amount: begun.amount,
                    pos_name: begun.pos_name,
                    ack_url: None,
                };
                book.payments.insert(name, Payment::Done(paid));
            }
            Ok(())
        })
        .await
    }

    /// Looks up what is asked for, and sets vouchers aside for it.
    async fn begin(
        &self,
        gateway: &dyn Gateway,
        otc: &Otc,
        pin: &Pin,
        name: &str,
    ) -> Result<Begun> {
        let info = gateway.info(otc, pin).await?;
        let (name, now) = (name.to_owned(), self.now());
        self.change(move |book| {
            let filter = info.filter.unwrap_or_default();
            let chosen = choose::choose(book, &filter, info.amount, now)?;
            book.reserve(&name, &chosen);
            let begun = Begun {
                key: SessionKey::random(),
                amount: info.amount,
                pos_name: info.pos_name,
                persistent: info.persistent,
            };
            book.payments.insert(name, Payment::Begun(begun.clone()));
            Ok(begun)
        })
        .await
    }

    async fn conclude(
        &self,
        name: String,
        begun: Begun,
        again: bool,
        answer: Result<ConfirmAnswer>,
    ) -> Result<Paid> {
        let (ack_url, error) = match answer {
            Ok(answer) => (answer.ack_url, None),
            // An earlier call was carried out after all.
            Err(error) if again && error.kind() == Kind::AlreadyPerformed => (None, None),
            Err(error) => (None, Some(error)),
        };
        let Some(error) = error else {
            let paid = Paid {
                amount: begun.amount,
                pos_name: begun.pos_name,
                ack_url,
            };
            return self
                .change(move |book| {
                    book.spend(&name);
                    if begun.persistent {
                        // The next payment with this code is another one.
                        book.payments.remove(&name);
                    } else {
                        book.payments.insert(name, Payment::Done(paid.clone()));
                    }
                    Ok(paid)
                })
                .await;
        };
        if !frees(&error, again) {
            return Err(if error.retry() == Retry::SameKey {
                error.hint("pay the same code again with this wallet: the same vouchers are sent")
            } else {
                error
            });
        }
        let refused = error.kind() == Kind::VouchersRefused;
        self.change(move |book| {
            book.free(&name, refused);
            book.payments.remove(&name);
            Ok(())
        })
        .await?;
        Err(error)
    }
}

/// Whether an error means that the payment was not made, neither now nor by an earlier call that
/// ended unclear.
fn frees(error: &Error, again: bool) -> bool {
    if !again {
        return error.retry() != Retry::SameKey;
    }
    // Answers that a Registry gives only after it has looked whether the payment was made.
    matches!(
        error.kind(),
        Kind::OtcUnknown | Kind::RequestVoid | Kind::VouchersInsufficient | Kind::VouchersRefused
    )
}

fn payment(code: &Link) -> Result<&Otc> {
    match code {
        Link::Payment(otc) | Link::Bare(otc) => Ok(otc),
        Link::Vouchers(_) => Err(Error::new(
            Kind::InputInvalid,
            "this is a link to redeem vouchers",
        )
        .hint("pay with the code of a payment, or redeem this one")),
    }
}

fn undecided() -> Error {
    Error::new(
        Kind::OutcomeUnknown,
        "an earlier payment with this code, which may be paid many times, ended unclear",
    )
    .hint("ask the shop whether it arrived, and settle it; then pay anew")
    .with_retry(Retry::Never)
}
