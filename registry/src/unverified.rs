//! What requests for vouchers and for payment share before they are verified: the nonce that makes
//! a repeated request the same request, the limit on open ones, and verification itself.

use wom_sdk::{Result, Timestamp};

use crate::{RegistryOptions, db::Sql, refusal::Refusal};

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
pub(crate) struct Sameness {
    /// The source or the POS.
    pub(crate) party: [u8; 12],
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
    pub(crate) fn recall(
        self,
        sql: &Sql<'_>,
        same: &Sameness,
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<Option<[u8; 16]>, Refusal> {
        if options.faithful {
            return Ok(None);
        }
        let known: Option<([u8; 32], [u8; 16])> = sql.row(
            "SELECT content, otc FROM nonce WHERE party = ?1 AND nonce = ?2 AND at >= ?3",
            (same.party, same.nonce, before(now, options.nonce_window)),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let Some((content, otc)) = known else {
            return Ok(None);
        };
        let there: i64 = sql.value(self.exists, [otc])?;
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
        Ok(Some(otc))
    }

    /// Remembers a request's nonce with the code it got, and now and then forgets old ones.
    pub(crate) fn remember(
        self,
        sql: &Sql<'_>,
        same: &Sameness,
        otc: &[u8; 16],
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<()> {
        if options.faithful {
            return Ok(());
        }
        // The code is random: about one request in 64 does it.
        if otc[0] < 4 {
            let old = before(now, options.nonce_window);
            sql.execute("DELETE FROM nonce WHERE at < ?1", [old])?;
        }
        sql.execute(
            "INSERT OR REPLACE INTO nonce (party, nonce, content, otc, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            (same.party, same.nonce, same.content, otc, now.as_millis()),
        )?;
        Ok(())
    }

    /// Makes sure that this party may have one more unverified request. Anybody can ask in its name
    /// without being able to read the answer, so strangers' requests are pushed out by age instead
    /// of keeping the party out until they expire.
    pub(crate) fn make_room(
        self,
        sql: &Sql<'_>,
        party: &[u8; 12],
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<(), Refusal> {
        let (mut open, mut oldest) = self.open(sql, party)?;
        let expired = before(now, options.unverified_expiry);
        if oldest.is_some_and(|oldest| oldest < expired) {
            sql.execute(self.expire, (party, expired))?;
            (open, oldest) = self.open(sql, party)?;
        }
        if open < i64::from(options.unverified_limit) {
            return Ok(());
        }
        let wait = oldest.unwrap_or(i64::MAX) - before(now, options.unverified_grace);
        if wait >= 0 {
            return Err(Refusal::too_many_open(wait / 1000 + 1));
        }
        sql.execute(self.evict, [party])?;
        Ok(())
    }

    /// How many unverified requests a party has, and since when.
    fn open(self, sql: &Sql<'_>, party: &[u8; 12]) -> Result<(i64, Option<i64>)> {
        let found = sql.row(self.oldest, [party], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.unwrap_or_default())
    }

    /// Verifies a request, again as often as asked, or only once in a faithful Registry; `false` if
    /// there is none with this code.
    pub(crate) fn verify(
        self,
        sql: &Sql<'_>,
        otc: &[u8; 16],
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<bool> {
        let statement = match options.faithful {
            true => self.verify_once,
            false => self.verify,
        };
        let fresh = before(now, options.unverified_expiry);
        Ok(sql.execute(statement, (otc, now.as_millis(), fresh))? == 1)
    }
}

/// The instant so long ago, in milliseconds.
pub(crate) fn before(now: Timestamp, age: std::time::Duration) -> i64 {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    now.as_millis().saturating_sub(age)
}
