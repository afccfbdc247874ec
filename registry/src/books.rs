//! The books: what was issued, redeemed and spent, without persons and codes.

use std::collections::BTreeMap;

use rusqlite::Row;
use serde::Serialize;
use wom_sdk::{
    Result,
    protocol::{Otc, SourceId},
};

use crate::{Registry, admin, db::Sql, ids};

/// Sums over vouchers; each is worth one minute.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Sums {
    /// In every request that was ever made and not forgotten, verified or not.
    pub generated: u64,
    /// In verified requests: what somebody can redeem or has redeemed.
    pub issued: u64,
    /// Handed to a wallet.
    pub redeemed: u64,
    /// Used in a payment.
    pub spent: u64,
}

impl Sums {
    /// Issued and not yet redeemed.
    pub fn unredeemed(&self) -> u64 {
        self.issued.saturating_sub(self.redeemed)
    }

    /// Redeemed and not yet spent: in wallets.
    pub fn left(&self) -> u64 {
        self.redeemed.saturating_sub(self.spent)
    }

    fn add(&mut self, other: &Self) {
        self.generated += other.generated;
        self.issued += other.issued;
        self.redeemed += other.redeemed;
        self.spent += other.spent;
    }
}

/// The books of a Registry.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Books {
    /// Over everything.
    pub total: Sums,
    /// By the vouchers' aim.
    pub by_aim: BTreeMap<String, Sums>,
    /// By the instrument that awarded them.
    pub by_source: BTreeMap<SourceId, Sums>,
    /// What confirmed payments took, as counted by the payments: equal to `total.spent`.
    pub paid: u64,
    /// Confirmed payments.
    pub payments: u64,
}

/// Where a request for vouchers stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// Made, not yet confirmed by its source.
    Created,
    /// Can be redeemed.
    Verified,
    /// Redeemed.
    Performed,
    /// Voided by wrong PINs.
    Void,
}

/// One request for vouchers, as the books show it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct RequestBook {
    /// Where it stands.
    pub state: RequestState,
    /// How many vouchers it has.
    pub count: u64,
    /// How many of them were spent.
    pub spent: u64,
}

/// One request for payment, as the books show it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct PaymentBook {
    /// Whether its POS confirmed it.
    pub verified: bool,
    /// How many vouchers it asks for.
    pub amount: u64,
    /// How many times it was paid.
    pub confirmations: u64,
}

impl Registry {
    /// The books at this moment: one consistent view, whatever else goes on.
    pub async fn books(&self) -> Result<Books> {
        self.db()
            .read(|sql| {
                let mut books = Books::default();
                for (source, aim, sums) in by_source_and_aim(sql)? {
                    books.total.add(&sums);
                    books.by_source.entry(source).or_default().add(&sums);
                    books.by_aim.entry(aim).or_default().add(&sums);
                }
                let paid = sql.row(
                    "SELECT coalesce(sum(amount * confirmations), 0), coalesce(sum(confirmations), 0)
                     FROM payment",
                    [],
                    |row| Ok((count(row, 0)?, count(row, 1)?)),
                )?;
                (books.paid, books.payments) = paid.unwrap_or_default();
                Ok(books)
            })
            .await
    }

    /// What one source awarded, by the vouchers' aim; `None` if there is no such source.
    pub async fn books_of(&self, source: &SourceId) -> Result<Option<BTreeMap<String, Sums>>> {
        if admin::source(self, source).await?.is_none() {
            return Ok(None);
        }
        let lines = self.db().read(by_source_and_aim).await?;
        let own = lines.into_iter().filter(|(other, ..)| other == source);
        Ok(Some(own.map(|(_, aim, sums)| (aim, sums)).collect()))
    }

    /// The book of one request for vouchers; `None` if there is none with this code.
    pub async fn request_book(&self, otc: &Otc) -> Result<Option<RequestBook>> {
        let otc = otc.reveal_bytes();
        let found = move |sql: &Sql<'_>| {
            sql.row(
                "SELECT r.attempts_left = 0, r.verified_at IS NOT NULL, r.performed_at IS NOT NULL,
                        coalesce(sum(v.count), 0),
                        (SELECT count(*) FROM spent s JOIN voucher w ON w.id = s.voucher
                         WHERE w.request = r.otc)
                 FROM request r LEFT JOIN voucher v ON v.request = r.otc
                 WHERE r.otc = ?1 GROUP BY r.otc",
                [otc],
                |row| {
                    let (void, verified, performed) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    Ok(RequestBook {
                        state: match (performed, void, verified) {
                            (true, ..) => RequestState::Performed,
                            (_, true, _) => RequestState::Void,
                            (.., true) => RequestState::Verified,
                            _ => RequestState::Created,
                        },
                        count: count(row, 3)?,
                        spent: count(row, 4)?,
                    })
                },
            )
        };
        self.db().read(found).await
    }

    /// The book of one request for payment; `None` if there is none with this code.
    pub async fn payment_book(&self, otc: &Otc) -> Result<Option<PaymentBook>> {
        let otc = otc.reveal_bytes();
        let found = move |sql: &Sql<'_>| {
            sql.row(
                "SELECT verified_at IS NOT NULL, amount, confirmations FROM payment WHERE otc = ?1",
                [otc],
                |row| {
                    Ok(PaymentBook {
                        verified: row.get(0)?,
                        amount: count(row, 1)?,
                        confirmations: count(row, 2)?,
                    })
                },
            )
        };
        self.db().read(found).await
    }
}

const BY_SOURCE_AND_AIM: &str = "
    SELECT r.source, v.aim,
           sum(v.count) AS generated,
           sum(CASE WHEN r.verified_at IS NOT NULL THEN v.count ELSE 0 END) AS issued,
           sum(CASE WHEN r.performed_at IS NOT NULL THEN v.count ELSE 0 END) AS redeemed,
           sum((SELECT count(*) FROM spent s WHERE s.voucher = v.id)) AS spent
    FROM voucher v JOIN request r ON r.otc = v.request
    GROUP BY r.source, v.aim";

fn by_source_and_aim(sql: &Sql<'_>) -> Result<Vec<(SourceId, String, Sums)>> {
    let lines = sql.rows(BY_SOURCE_AND_AIM, [], |row| {
        let sums = Sums {
            generated: count(row, 2)?,
            issued: count(row, 3)?,
            redeemed: count(row, 4)?,
            spent: count(row, 5)?,
        };
        Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, sums))
    })?;
    let lines = lines.into_iter();
    lines
        .map(|(source, aim, sums)| Ok((ids::source(&source)?, aim, sums)))
        .collect()
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::unsigned_abs)
}
