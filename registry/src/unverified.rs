//! What requests for vouchers and for payment share before they are verified: the nonce that makes
//! a repeated request the same request, the limit on open ones, and verification itself.

use sqlx::Row as _;
use wom_sdk::{Result, Timestamp};

use crate::{
    RegistryOptions,
    db::{Write, failed},
    refusal::Refusal,
};

/// One of the two tables of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    exists: &'static str,
    expire: &'static str,
    oldest: &'static str,
    evict: &'static str,
    verify: &'static str,
    verify_once: &'static str,
}

macro_rules! table {
    ($table:literal, $party:literal) => {
        Table {
            exists: concat!("SELECT count(*) FROM ", $table, " WHERE otc = ?1"),
            expire: concat!(
                "DELETE FROM ",
                $table,
                " WHERE ",
                $party,
                " = ?1 AND verified_at IS NULL AND created_at < ?2"
            ),
            oldest: concat!(
                "SELECT count(*) AS open, min(created_at) AS oldest FROM ",
                $table,
                " WHERE ",
                $party,
                " = ?1 AND verified_at IS NULL"
            ),
            evict: concat!(
                "DELETE FROM ",
                $table,
                " WHERE otc IN (SELECT otc FROM ",
                $table,
                " WHERE ",
                $party,
                " = ?1 AND verified_at IS NULL ORDER BY created_at LIMIT 1)"
            ),
            verify: concat!(
                "UPDATE ",
                $table,
                " SET verified_at = coalesce(verified_at, ?2)",
                " WHERE otc = ?1 AND (verified_at IS NOT NULL OR created_at >= ?3)"
            ),
            verify_once: concat!(
                "UPDATE ",
                $table,
                " SET verified_at = ?2 WHERE otc = ?1 AND verified_at IS NULL AND created_at >= ?3"
            ),
        }
    };
}

/// Requests for vouchers.
pub(crate) const REQUEST: Table = table!("request", "source");
/// Requests for payment.
pub(crate) const PAYMENT: Table = table!("payment", "pos");

/// What makes two requests of one party the same.
#[derive(Debug)]
pub(crate) struct Sameness<'a> {
    /// The source or the POS.
    pub(crate) party: &'a [u8; 12],
    /// Digest of the nonce.
    pub(crate) nonce: [u8; 32],
    /// Digest of all that was asked for.
    pub(crate) content: [u8; 32],
}

impl Table {
    /// The code that the same request got before; a faithful Registry remembers none.
    ///
    /// # Errors
    ///
    /// Refuses a nonce that came with other contents.
    pub(crate) async fn recall(
        self,
        tx: &mut Write,
        same: &Sameness<'_>,
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<Option<[u8; 16]>, Refusal> {
        if options.faithful {
            return Ok(None);
        }
        let row = sqlx::query(
            "SELECT content, otc FROM nonce WHERE party = ?1 AND nonce = ?2 AND at >= ?3",
        )
        .bind(&same.party[..])
        .bind(&same.nonce[..])
        .bind(before(now, options.nonce_window))
        .fetch_optional(&mut **tx)
        .await
        .map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let content: Vec<u8> = row.try_get("content").map_err(failed)?;
        let otc: Vec<u8> = row.try_get("otc").map_err(failed)?;
        let there: i64 = sqlx::query_scalar(self.exists)
            .bind(&otc)
            .fetch_one(&mut **tx)
            .await
            .map_err(failed)?;
        if there == 0 {
            // It was never verified and made room: nobody can hold this code.
            return Ok(None);
        }
        if content != same.content {
            return Err(Refusal::parameter(
                "nonce",
                "was used before, with other contents: take a fresh one",
            ));
        }
        Ok(Some(otc.try_into().map_err(|_| crate::ids::corrupt())?))
    }

    /// Remembers a request's nonce with the code it got, and now and then forgets old ones.
    pub(crate) async fn remember(
        self,
        tx: &mut Write,
        same: &Sameness<'_>,
        otc: &[u8; 16],
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<()> {
        if options.faithful {
            return Ok(());
        }
        // The code is random: about one request in 64 does it.
        if otc[0] < 4 {
            sqlx::query("DELETE FROM nonce WHERE at < ?1")
                .bind(before(now, options.nonce_window))
                .execute(&mut **tx)
                .await
                .map_err(failed)?;
        }
        sqlx::query("INSERT OR REPLACE INTO nonce (party, nonce, content, otc, at) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(&same.party[..])
            .bind(&same.nonce[..])
            .bind(&same.content[..])
            .bind(&otc[..])
            .bind(now.as_millis())
            .execute(&mut **tx)
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// Makes sure that this party may have one more unverified request. Anybody can ask in its name
    /// without being able to read the answer, so strangers' requests are pushed out by age instead
    /// of keeping the party out until they expire.
    pub(crate) async fn make_room(
        self,
        tx: &mut Write,
        party: &[u8; 12],
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<(), Refusal> {
        let (mut open, mut oldest) = self.open(tx, party).await?;
        let expired = before(now, options.unverified_expiry);
        if oldest.is_some_and(|oldest| oldest < expired) {
            sqlx::query(self.expire)
                .bind(&party[..])
                .bind(expired)
                .execute(&mut **tx)
                .await
                .map_err(failed)?;
            (open, oldest) = self.open(tx, party).await?;
        }
        if open < i64::from(options.unverified_limit) {
            return Ok(());
        }
        let wait = oldest.unwrap_or(i64::MAX) - before(now, options.unverified_grace);
        if wait >= 0 {
            return Err(Refusal::too_many_open(wait / 1000 + 1));
        }
        sqlx::query(self.evict)
            .bind(&party[..])
            .execute(&mut **tx)
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// How many unverified requests a party has, and since when.
    async fn open(self, tx: &mut Write, party: &[u8; 12]) -> Result<(i64, Option<i64>)> {
        let row = sqlx::query(self.oldest)
            .bind(&party[..])
            .fetch_one(&mut **tx)
            .await
            .map_err(failed)?;
        let open = row.try_get("open").map_err(failed)?;
        Ok((open, row.try_get("oldest").map_err(failed)?))
    }

    /// Verifies a request, again as often as asked, or only once in a faithful Registry; `false` if
    /// there is none with this code.
    pub(crate) async fn verify(
        self,
        tx: &mut Write,
        otc: &[u8; 16],
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<bool> {
        let statement = match options.faithful {
            true => self.verify_once,
            false => self.verify,
        };
        let done = sqlx::query(statement)
            .bind(&otc[..])
            .bind(now.as_millis())
            .bind(before(now, options.unverified_expiry))
            .execute(&mut **tx)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() == 1)
    }
}

/// The instant so long ago, in milliseconds.
pub(crate) fn before(now: Timestamp, age: std::time::Duration) -> i64 {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    now.as_millis().saturating_sub(age)
}
