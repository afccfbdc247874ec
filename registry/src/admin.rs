//! Administration: instruments and POS. It works while a Registry serves from the directory.

use wom_sdk::{
    Error, Kind, Result,
    protocol::{Aim, PosId, PrivateKey, PublicKey, SourceId},
};

use crate::{
    Registry,
    db::{Sql, Write},
    ids,
    registry::blocking,
};

/// The longest name of an instrument, a merchant or a POS, in characters.
const NAME_LIMIT: usize = 128;

/// A new instrument: what it needs in order to award.
#[derive(Debug)]
pub struct NewInstrument {
    /// Its id.
    pub id: SourceId,
    /// Its key. The Registry keeps the public half only: this is the one copy.
    pub key: PrivateKey,
}

/// A new POS: what it needs in order to accept.
#[derive(Debug)]
pub struct NewPos {
    /// Its id.
    pub id: PosId,
    /// Its key. The Registry keeps the public half only: this is the one copy.
    pub key: PrivateKey,
}

impl Registry {
    /// Admits an instrument, which may award these aims and their children.
    ///
    /// # Errors
    ///
    /// [`Kind::InputInvalid`] for an empty or overlong name, no aim, or an aim that is not in the
    /// table.
    pub async fn add_instrument(&self, name: &str, aims: &[Aim]) -> Result<NewInstrument> {
        let name = name_of("instrument", name)?;
        if aims.is_empty() {
            return Err(Error::new(Kind::InputInvalid, "an instrument needs an aim")
                .hint("name at least one, such as H; 0 is for trying out"));
        }
        if let Some(aim) = aims.iter().find(|aim| aim.known().is_none()) {
            return Err(Error::new(Kind::InputInvalid, "there is no such aim").with("aim", aim));
        }
        let key = self.new_key().await?;
        let id = SourceId::random();
        let codes: Vec<_> = aims.iter().map(Aim::code).collect();
        let (bytes, codes) = (id_bytes(id.as_str())?, codes.join(" "));
        let (public, now) = (key.public().to_pem(), self.now().as_millis());
        let admitted = move |write: &mut Write<'_>| {
            write.execute(
                "INSERT INTO source (id, name, aims, public_key, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                (bytes, name, codes, public, now),
            )?;
            write.keep();
            Ok::<_, Error>(())
        };
        self.db().write(admitted).await?;
        Ok(NewInstrument { id, key })
    }

    /// Adds a POS of a merchant.
    ///
    /// # Errors
    ///
    /// [`Kind::InputInvalid`] for an empty or overlong name.
    pub async fn add_pos(&self, merchant: &str, name: &str) -> Result<NewPos> {
        let merchant = name_of("merchant", merchant)?;
        let name = name_of("POS", name)?;
        let key = self.new_key().await?;
        let id = PosId::random();
        let bytes = id_bytes(id.as_str())?;
        let (public, now) = (key.public().to_pem(), self.now().as_millis());
        let added = move |write: &mut Write<'_>| {
            write.execute(
                "INSERT INTO pos (id, merchant, name, public_key, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                (bytes, merchant, name, public, now),
            )?;
            write.keep();
            Ok::<_, Error>(())
        };
        self.db().write(added).await?;
        Ok(NewPos { id, key })
    }

    async fn new_key(&self) -> Result<PrivateKey> {
        let bits = self.options().key_bits;
        blocking(move || PrivateKey::generate(bits)).await
    }
}

/// An instrument as the data base has it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) bytes: [u8; 12],
    pub(crate) name: String,
    pub(crate) aims: Vec<Aim>,
    pub(crate) key: PublicKey,
    pub(crate) created_at: wom_sdk::Timestamp,
}

impl Source {
    /// The aim, if it is in the table and this instrument may award it.
    pub(crate) fn may_award(&self, aim: Aim) -> bool {
        self.aims.iter().any(|enabled| enabled.covers(aim))
    }
}

/// A POS as the data base has it.
#[derive(Debug)]
pub(crate) struct Pos {
    pub(crate) bytes: [u8; 12],
    pub(crate) key: PublicKey,
}

/// Reads an instrument anew each time, as another process may have added it.
pub(crate) async fn source(registry: &Registry, id: &SourceId) -> Result<Option<Source>> {
    let Some(bytes) = ids::bytes(id.as_str()) else {
        return Ok(None);
    };
    let found = move |sql: &Sql<'_>| {
        sql.row(
            "SELECT name, aims, public_key, created_at FROM source WHERE id = ?1",
            [bytes],
            |row| {
                let (aims, pem): (String, String) = (row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, aims, pem, row.get(3)?))
            },
        )
    };
    let Some((name, aims, pem, created_at)) = registry.db().read(found).await? else {
        return Ok(None);
    };
    Ok(Some(Source {
        bytes,
        name,
        aims: aims
            .split(' ')
            .filter_map(|code| code.parse().ok())
            .collect(),
        key: PublicKey::from_pem(&pem)?,
        created_at: wom_sdk::Timestamp::from_millis(created_at),
    }))
}

/// Reads a POS anew each time, as another process may have added it.
pub(crate) async fn pos(registry: &Registry, id: &PosId) -> Result<Option<Pos>> {
    let Some(bytes) = ids::bytes(id.as_str()) else {
        return Ok(None);
    };
    let found = move |sql: &Sql<'_>| {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        sql.row("SELECT public_key FROM pos WHERE id = ?1", [bytes], read)
    };
    let Some(pem) = registry.db().read(found).await? else {
        return Ok(None);
    };
    Ok(Some(Pos {
        bytes,
        key: PublicKey::from_pem(&pem)?,
    }))
}

fn name_of(what: &'static str, name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control) {
        return Err(Error::new(
            Kind::InputInvalid,
            "a name has 1 to 128 printable characters",
        )
        .with("name of", what));
    }
    Ok(name.to_owned())
}

fn id_bytes(id: &str) -> Result<[u8; 12]> {
    ids::bytes(id).ok_or_else(ids::corrupt)
}
