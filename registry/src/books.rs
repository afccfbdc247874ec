//! The books: what was issued, redeemed and spent, without persons and codes.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::Row as _;
use wom_sdk::{
    Result,
    protocol::{Otc, SourceId},
};

use crate::{Registry, admin, db::failed, ids};

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
        let mut tx = self.db().read().begin().await.map_err(failed)?;
        let rows = sqlx::query(BY_SOURCE_AND_AIM)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed)?;
        let mut books = Books::default();
        for row in rows {
            let (source, aim, sums) = line(&row)?;
            books.total.add(&sums);
            books.by_source.entry(source).or_default().add(&sums);
            books.by_aim.entry(aim).or_default().add(&sums);
        }
        let row = sqlx::query(
            "SELECT coalesce(sum(amount * confirmations), 0) AS paid,
                    coalesce(sum(confirmations), 0) AS payments FROM payment",
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
        books.paid = count(&row, "paid")?;
        books.payments = count(&row, "payments")?;
        Ok(books)
    }

    /// What one source awarded, by the vouchers' aim; `None` if there is no such source.
    pub async fn books_of(&self, source: &SourceId) -> Result<Option<BTreeMap<String, Sums>>> {
        if admin::source(self, source).await?.is_none() {
            return Ok(None);
        }
        let mut by_aim = BTreeMap::new();
        let rows = sqlx::query(BY_SOURCE_AND_AIM)
            .fetch_all(self.db().read())
            .await
            .map_err(failed)?;
        for row in rows {
            let (other, aim, sums) = line(&row)?;
            if other == *source {
                by_aim.insert(aim, sums);
            }
        }
        Ok(Some(by_aim))
    }

    /// The book of one request for vouchers; `None` if there is none with this code.
    pub async fn request_book(&self, otc: &Otc) -> Result<Option<RequestBook>> {
        let row = sqlx::query(
            "SELECT r.attempts_left, r.verified_at, r.performed_at,
                    coalesce(sum(v.count), 0) AS count,
                    (SELECT count(*) FROM spent s JOIN voucher w ON w.id = s.voucher
                     WHERE w.request = r.otc) AS spent
             FROM request r LEFT JOIN voucher v ON v.request = r.otc
             WHERE r.otc = ?1 GROUP BY r.otc",
        )
        .bind(&otc.reveal_bytes()[..])
        .fetch_optional(self.db().read())
        .await
        .map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let present = |name: &str| {
            row.try_get::<Option<i64>, _>(name)
                .map(|at| at.is_some())
                .map_err(failed)
        };
        let state = if present("performed_at")? {
            RequestState::Performed
        } else if count(&row, "attempts_left")? == 0 {
            RequestState::Void
        } else if present("verified_at")? {
            RequestState::Verified
        } else {
            RequestState::Created
        };
        Ok(Some(RequestBook {
            state,
            count: count(&row, "count")?,
            spent: count(&row, "spent")?,
        }))
    }

    /// The book of one request for payment; `None` if there is none with this code.
    pub async fn payment_book(&self, otc: &Otc) -> Result<Option<PaymentBook>> {
        let row = sqlx::query(
            "SELECT verified_at IS NOT NULL AS verified, amount, confirmations
             FROM payment WHERE otc = ?1",
        )
        .bind(&otc.reveal_bytes()[..])
        .fetch_optional(self.db().read())
        .await
        .map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(PaymentBook {
            verified: count(&row, "verified")? != 0,
            amount: count(&row, "amount")?,
            confirmations: count(&row, "confirmations")?,
        }))
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

fn line(row: &sqlx::sqlite::SqliteRow) -> Result<(SourceId, String, Sums)> {
    let sums = Sums {
        generated: count(row, "generated")?,
        issued: count(row, "issued")?,
        redeemed: count(row, "redeemed")?,
        spent: count(row, "spent")?,
    };
    let source = ids::source(row.try_get("source").map_err(failed)?)?;
    Ok((source, row.try_get("aim").map_err(failed)?, sums))
}

fn count(row: &sqlx::sqlite::SqliteRow, name: &str) -> Result<u64> {
    let number: i64 = row.try_get(name).map_err(failed)?;
    Ok(number.unsigned_abs())
}
