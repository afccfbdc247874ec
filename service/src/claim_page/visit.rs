//! Who visits the page: sealed, in the address at first and in a cookie after.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use wom_sdk::{Error, Kind, Result, Subject, Timestamp, privacy::Sealer, protocol::Otc};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Programme, page::Language};

/// What is sealed for an address opens as no cookie, and the other way round.
pub(super) const ADDRESS: &str = "claim-page/address";
pub(super) const VISIT: &str = "claim-page/visit";

/// The longest that anybody may ask us to open.
const LONGEST: usize = 4_096;

/// A person's visit of the page.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Visit {
    namespace: String,
    id: String,
    #[zeroize(skip)]
    pub(super) language: Option<Language>,
    /// Milliseconds since 1970.
    until: i64,
    /// Tells one address from another.
    pub(super) nonce: String,
}

impl Visit {
    pub(super) fn new(person: &Subject, language: Option<Language>, until: Timestamp) -> Self {
        Self {
            namespace: person.namespace().to_owned(),
            id: person.reveal().to_owned(),
            language,
            until: until.as_millis(),
            nonce: Otc::random().reveal(),
        }
    }

    pub(super) fn person(&self) -> Result<Subject> {
        Subject::new(self.namespace.clone(), self.id.clone())
    }

    /// Milliseconds that it still lasts; none where it is over.
    pub(super) fn left_ms(&self, now: Timestamp) -> i64 {
        self.until.saturating_sub(now.as_millis()).max(0)
    }

    pub(super) fn lasts_until(&mut self, until: Timestamp) {
        self.until = until.as_millis();
    }

    pub(super) fn seal(&self, programme: &Programme, what: &str, now: Timestamp) -> Result<String> {
        let plain = serde_json::to_vec(self)
            .map(Zeroizing::new)
            .map_err(|_| Error::new(Kind::Internal, "a visit cannot be written"))?;
        let sealed = sealer(programme).seal(what.as_bytes(), &plain, now)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The visit, if it was sealed here.
    pub(super) fn open(programme: &Programme, what: &str, text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = sealer(programme).open(what.as_bytes(), &sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

pub(super) fn sealer(programme: &Programme) -> Sealer {
    Sealer::new(Arc::clone(&programme.keys), "claim-page")
}
