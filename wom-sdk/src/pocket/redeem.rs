//! Taking the vouchers of a code.

use serde::{Deserialize, Serialize};

use super::{Gateway, Pocket, book::Redeem, name_of};
use crate::{
    Error, Kind, Result, Retry,
    protocol::{Link, Pin, Position, SessionKey, SourceId, message::RedeemAnswer},
};

/// What a code brought.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Redeemed {
    /// The source of the vouchers.
    pub source: SourceId,
    /// Its name; empty if it has none.
    pub source_name: String,
    /// How many vouchers.
    pub vouchers: u32,
}

impl Pocket {
    /// Redeems a code: its vouchers are in the file when this returns. `location` is needed only
    /// where [`Kind::LocationRequired`] says so.
    ///
    /// A code that this wallet redeemed before gives the same answer. If a call ends unclear
    /// ([`Retry::SameKey`]), call again with the same code: a Registry of this SDK gives the
    /// vouchers under the session key of the first call, for a day.
    pub async fn redeem(
        &self,
        gateway: &dyn Gateway,
        code: &Link,
        pin: &Pin,
        location: Option<Position>,
    ) -> Result<Redeemed> {
        let (Link::Vouchers(otc) | Link::Bare(otc)) = code else {
            return Err(Error::new(Kind::InputInvalid, "this is a link to pay")
                .hint("redeem the code of vouchers, or pay with this one"));
        };
        let name = name_of(otc);
        let _turn = self.turn(&name).await?;
        let known = self.book()?.redeems.get(&name).cloned();
        let (key, again) = match known {
            Some(Redeem::Done(redeemed)) => return Ok(redeemed),
            Some(Redeem::Begun(key)) => (key, true),
            None => (SessionKey::random(), false),
        };
        self.be_home(gateway).await?;
        if !again {
            let (name, begun) = (name.clone(), Redeem::Begun(key.clone()));
            self.change(|book| {
                book.redeems.insert(name, begun);
                Ok(())
            })
            .await?;
        }
        match gateway.redeem(otc, pin, &key, location).await {
            Ok(answer) => self.take_in(name, answer).await,
            Err(error) if again || error.retry() == Retry::SameKey => Err(unfinished(error)),
            // It surely did not happen: nothing has to be remembered.
            Err(error) => {
                self.change(move |book| Ok(book.redeems.remove(&name)))
                    .await?;
                Err(error)
            }
        }
    }

    async fn take_in(&self, name: String, answer: RedeemAnswer) -> Result<Redeemed> {
        let redeemed = Redeemed {
            source: answer.source_id,
            source_name: answer.source_name,
            vouchers: u32::try_from(answer.vouchers.len()).unwrap_or(u32::MAX),
        };
        self.change(move |book| {
            book.take_in(&name, answer.vouchers);
            book.redeems.insert(name, Redeem::Done(redeemed.clone()));
            Ok(redeemed)
        })
        .await
    }
}

fn unfinished(error: Error) -> Error {
    match error.kind() {
        Kind::AlreadyPerformed => error.hint(
            "if it was this wallet, the answer was lost on the way, \
             and this Registry does not give it again",
        ),
        _ if error.retry() == Retry::SameKey => {
            error.hint("redeem the same code again with this wallet")
        }
        _ => error,
    }
}
