//! The store's own schema within the data base, and how it is brought to the present version.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use wom_sdk::{Error, Kind, Result};

use super::error::{storage, unreachable};

/// The steps from nothing to the present version: each leads to the version that is its place
/// here, counted from 1, and says which workers the schema serves after it, by the oldest version.
const STEPS: [Step; 4] = [
    Step {
        sql: include_str!("schema_1.sql"),
        serves: 1,
    },
    Step {
        sql: include_str!("schema_2.sql"),
        serves: 1,
    },
    Step {
        sql: include_str!("schema_3.sql"),
        serves: 1,
    },
    Step {
        sql: include_str!("schema_4.sql"),
        serves: 1,
    },
];

#[derive(Clone, Copy, Debug)]
struct Step {
    sql: &'static str,
    serves: i32,
}

/// The version that this program writes.
const VERSION: i32 = STEPS.len() as i32;

/// The name of a schema, in quotes as it stands in statements.
#[derive(Clone, Debug)]
pub(super) struct Schema(String);

impl Schema {
    pub(super) fn new(name: &str) -> Result<Self> {
        let letter = |c: char| c.is_ascii_lowercase() || c == '_';
        if name.is_empty()
            || name.len() > 63
            || !name.starts_with(letter)
            || !name.chars().all(|c| letter(c) || c.is_ascii_digit())
            || name.starts_with("pg_")
        {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "not a name for a schema of the data base",
            )
            .hint("use 1 to 63 of a-z, 0-9 and _, beginning with a letter, not with pg_"));
        }
        Ok(Self(format!("\"{name}\"")))
    }

    /// As it stands in statements.
    pub(super) fn quoted(&self) -> &str {
        &self.0
    }

    fn name(&self) -> &str {
        self.0.trim_matches('"')
    }

    /// Makes the store where there is none, and brings an older one to the present version. Many
    /// may try at the same time.
    pub(super) async fn prepare(&self, conn: &mut PgConnection) -> Result<()> {
        loop {
            match self.version(conn).await? {
                Some(held) if held.version >= VERSION => return held.check(),
                _ => self.step(conn).await?,
            }
        }
    }

    /// The store that is there, of whatever version.
    pub(super) async fn find(&self, conn: &mut PgConnection) -> Result<()> {
        self.held(conn).await.map(drop)
    }

    /// The store that is there, if it can be read as it is.
    pub(super) async fn find_present(&self, conn: &mut PgConnection) -> Result<()> {
        let held = self.held(conn).await?;
        if held.version >= VERSION {
            return held.check();
        }
        Err(Error::new(
            Kind::StoreMismatch,
            format!(
                "the store is of an older version: it has version {}, known {VERSION}",
                held.version
            ),
        )
        .hint("open it once with what awards, which brings it to the present version; it was left as it is"))
    }

    async fn held(&self, conn: &mut PgConnection) -> Result<Held> {
        if let Some(held) = self.version(conn).await? {
            return Ok(held);
        }
        match self.is_used(conn).await? {
            true => Err(no_store()),
            false => Err(Error::new(
                Kind::InputInvalid,
                "there is no store in this schema of the data base",
            )
            .with("schema", self.name())
            .hint("check the profile, or submit something first; nothing was changed")),
        }
    }

    /// Whether there is such a table in it.
    pub(super) async fn has(&self, conn: &mut PgConnection, table: &str) -> Result<bool> {
        // From the catalogue itself: what a name was looked up as is remembered by the session.
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                 WHERE nspname = $1 AND relname = $2)",
        )
        .bind(self.name())
        .bind(table)
        .fetch_one(conn)
        .await
        .map_err(unreachable)
    }

    /// Whether there is anything in it.
    pub(super) async fn is_used(&self, conn: &mut PgConnection) -> Result<bool> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                 WHERE nspname = $1)",
        )
        .bind(self.name())
        .fetch_one(conn)
        .await
        .map_err(storage)
    }

    async fn version(&self, conn: &mut PgConnection) -> Result<Option<Held>> {
        if !self.has(conn, "schema_version").await? {
            return Ok(None);
        }
        let table = format!("{}.schema_version", self.0);
        let sql = format!("SELECT version, serves FROM {table}");
        let row = sqlx::query(AssertSqlSafe(sql))
            .fetch_optional(conn)
            .await
            .map_err(storage)?;
        let held = row.map(|row| {
            Some(Held {
                version: row.try_get(0).ok()?,
                serves: row.try_get(1).ok()?,
            })
        });
        match held {
            None => Ok(None),
            Some(Some(held)) if held.version > 0 => Ok(Some(held)),
            Some(_) => Err(no_store()),
        }
    }

    /// One step towards the present version, wholly or not at all.
    async fn step(&self, conn: &mut PgConnection) -> Result<()> {
        let mut tx = conn.begin().await.map_err(storage)?;
        // One at a time; the others see what was done, and go on from there.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(format!("wom-store {}", self.0))
            .execute(&mut *tx)
            .await
            .map_err(storage)?;
        let held = self.version(&mut tx).await?;
        let from = held.map_or(0, |held| held.version);
        let Some(step) = usize::try_from(from).ok().and_then(|from| STEPS.get(from)) else {
            return Ok(());
        };
        if held.is_none() {
            self.begin(&mut tx).await?;
        }
        let sql = format!("SET LOCAL search_path = {}; {}", self.0, step.sql);
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *tx)
            .await
            .map_err(storage)?;
        sqlx::query("UPDATE schema_version SET version = $1, serves = $2")
            .bind(from + 1)
            .bind(step.serves)
            .execute(&mut *tx)
            .await
            .map_err(storage)?;
        tx.commit().await.map_err(storage)
    }

    /// Makes the schema with nothing but the version in it. One with other people's tables is left
    /// alone.
    async fn begin(&self, conn: &mut PgConnection) -> Result<()> {
        if self.is_used(conn).await? {
            return Err(no_store());
        }
        let sql = format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};
             CREATE TABLE {schema}.schema_version (
                 one boolean PRIMARY KEY DEFAULT true CHECK (one),
                 version integer NOT NULL,
                 serves integer NOT NULL
             );
             COMMENT ON COLUMN {schema}.schema_version.serves IS
                 'the oldest version of wom-store''s schema whose programs may work with this one';
             INSERT INTO {schema}.schema_version (version, serves) VALUES (0, 0)",
            schema = self.0
        );
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(conn)
            .await
            .map(drop)
            .map_err(storage)
    }
}

/// What a data base says about the schema in it.
#[derive(Clone, Copy, Debug)]
struct Held {
    version: i32,
    serves: i32,
}

impl Held {
    fn check(self) -> Result<()> {
        if self.serves <= VERSION {
            return Ok(());
        }
        let Self { version, .. } = self;
        Err(Error::new(
            Kind::StoreMismatch,
            format!("the store is of a newer version: it has version {version}, known {VERSION}"),
        )
        .hint("use the newer wom-sdk; the store was left as it is"))
    }
}

pub(super) fn no_store() -> Error {
    Error::new(
        Kind::StoreMismatch,
        "the schema of the data base holds something else, not a store",
    )
    .hint("name another schema, or another data base; nothing was changed")
}
