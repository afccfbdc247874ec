//! API keys: who may award without a key pair. Only their digests are kept.

use axum::http::StatusCode;
use wom_sdk::{
    Error, Kind, Result,
    protocol::{Aim, ApiKey, SourceId},
};

use crate::{
    Registry, admin,
    db::{Sql, Write},
    ids,
    refusal::Refusal,
};

/// The longest selector, in characters.
const SELECTOR_LIMIT: usize = 64;

impl Registry {
    /// Makes an API key for an instrument (WOM protocol, keys and credentials). The selector is a
    /// name of the caller's choice that tells the instrument's keys apart: a new key under the same
    /// selector takes the place of the former. The Registry keeps a digest only: this is the one
    /// copy of the key.
    ///
    /// # Errors
    ///
    /// [`Kind::SourceUnknown`] if there is no such instrument, [`Kind::InputInvalid`] for a
    /// selector that is not of 1 to 64 letters, digits and `-._`.
    pub async fn add_api_key(&self, source: &SourceId, selector: &str) -> Result<ApiKey> {
        let (source, selector) = (known(self, source).await?, checked(selector)?);
        let key = ApiKey::random();
        let (selector, digest, now) = (selector.to_owned(), key.digest(), self.now().as_millis());
        let added = move |write: &mut Write<'_>| {
            write.execute(
                "INSERT OR REPLACE INTO api_key (source, selector, digest, created_at)
                 VALUES (?1, ?2, ?3, ?4)",
                (source, selector, digest, now),
            )?;
            write.keep();
            Ok::<_, Error>(())
        };
        self.db().write(added).await?;
        Ok(key)
    }

    /// Takes an instrument's API key away, from now on; `false` if there was none under this
    /// selector.
    ///
    /// # Errors
    ///
    /// As [`add_api_key`](Self::add_api_key).
    pub async fn remove_api_key(&self, source: &SourceId, selector: &str) -> Result<bool> {
        let (source, selector) = (known(self, source).await?, checked(selector)?);
        let selector = selector.to_owned();
        let removed = move |write: &mut Write<'_>| {
            let done = write.execute(
                "DELETE FROM api_key WHERE source = ?1 AND selector = ?2",
                (source, selector),
            )?;
            write.keep();
            Ok(done == 1)
        };
        self.db().write(removed).await
    }
}

/// The source that a key is of, if it is one of ours. Asked anew each time, as another process may
/// have added or taken it.
pub(crate) async fn holder(registry: &Registry, key: &str) -> Result<Option<[u8; 12]>> {
    let Ok(key) = ApiKey::parse(key) else {
        return Ok(None);
    };
    let digest = key.digest();
    let found = move |sql: &Sql<'_>| {
        let read = |row: &rusqlite::Row<'_>| row.get(0);
        sql.row(
            "SELECT source FROM api_key WHERE digest = ?1",
            [digest],
            read,
        )
    };
    registry.db().read(found).await
}

/// WOM protocol, POST v2/auth/apikey: what a key stands for. There is no private key to give away:
/// this Registry has none of its sources.
pub(crate) async fn about(registry: &Registry, key: Option<&str>) -> Result<String, Refusal> {
    let Some(key) = key else {
        return Err(Refusal::plain(
            StatusCode::BAD_REQUEST,
            "The header X-WOM-ApiKey is missing",
        ));
    };
    let Some(holder) = holder(registry, key).await? else {
        return Err(Refusal::plain(
            StatusCode::FORBIDDEN,
            "This is no API key of this Registry",
        ));
    };
    let id = ids::source(&holder)?;
    let source = admin::source(registry, &id)
        .await?
        .ok_or_else(ids::corrupt)?;
    let aims: Vec<_> = source.aims.iter().map(Aim::code).collect();
    let about = serde_json::json!({
        "entityKind": "Source",
        "entityId": id,
        "privateKey": null,
        "publicKey": source.key.to_pem(),
        "details": {
            "name": source.name,
            "url": null,
            "enabledAims": aims,
            "defaultLocation": null,
            "locationIsFixed": false,
        },
    });
    Ok(about.to_string())
}

async fn known(registry: &Registry, source: &SourceId) -> Result<[u8; 12]> {
    let found = admin::source(registry, source).await?;
    let found = found.ok_or_else(|| {
        Error::new(Kind::SourceUnknown, "there is no such instrument").with("source", source)
    })?;
    Ok(found.bytes)
}

fn checked(selector: &str) -> Result<&str> {
    let fits = (1..=SELECTOR_LIMIT).contains(&selector.len());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if fits && selector.bytes().all(plain) {
        return Ok(selector);
    }
    Err(Error::new(
        Kind::InputInvalid,
        "a selector has 1 to 64 letters, digits and signs out of -._",
    ))
}
