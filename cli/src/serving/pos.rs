//! The POS that are served: those of a list, or one that no list names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use wom_sdk::{
    Error, Result, SystemClock, Zone,
    cash_desk::CashDesk,
    privacy::KeyStore,
    protocol::PosId,
    registry::{PosClient, RegistryClient},
    store::{Rate, Store},
};
use wom_service::{Connection, Shops, Tills};
use wom_sinks::WebhookSink;

use super::{PosTable, Serving};
use crate::{
    config::invalid,
    files,
    profile::StorePlace,
    shops::{self, Shop},
};

/// What the POS is called that no list names.
pub const ONE: &str = "till";

/// A POS without a list, and where its sales are kept.
#[derive(Debug)]
pub struct OnePos {
    /// The Registry's base address, before /api.
    pub registry: String,
    /// Its id there.
    pub pos: PosId,
    /// Its private key.
    pub key_file: PathBuf,
    /// The data base.
    pub store: PathBuf,
    /// The keys that seal codes in it.
    pub keys: PathBuf,
}

/// The POS of a list.
pub struct Pos {
    desks: Desks,
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Arc<dyn KeyStore>,
    registry: RegistryClient,
    listener: Option<Arc<WebhookSink>>,
    rate: Rate,
    pub(super) shops: Vec<Shop>,
    connection: Connection,
}

impl Pos {
    /// The file that names them, where there is one.
    pub fn list(&self) -> Option<&Path> {
        match &self.desks {
            Desks::List(list) => Some(list),
            Desks::One { .. } => None,
        }
    }

    /// Opens them, and takes what is served with them.
    pub(super) async fn open(table: PosTable, serving: &mut Serving) -> Result<Self> {
        let dir = &serving.dir;
        let at = |error: Error| error.with("table", "pos");
        let store = StorePlace::written(
            dir,
            table.store.as_deref(),
            table.database_url_file.as_deref(),
            table.schema.as_deref(),
        )
        .and_then(|place| {
            place.ok_or_else(|| {
                invalid("no store is named").hint("write store or database_url_file")
            })
        })
        .map_err(at)?;
        let mut registry = RegistryClient::builder(&table.registry);
        if let Some(fingerprint) = &table.registry_fingerprint {
            registry = registry.pin(fingerprint);
        }
        let listener = table
            .webhook
            .as_ref()
            .map(|webhook| webhook.sink(dir, &Zone::UTC).map_err(at))
            .transpose()?;
        // First the store: a data base that holds awards takes no keys.
        let store = store.open().await?;
        Ok(Self {
            desks: std::mem::replace(&mut serving.desks, Desks::List(PathBuf::new())),
            store,
            keys: serving.keys.open()?,
            registry: registry.build().map_err(at)?,
            listener,
            rate: Rate {
                per_second: table.looks_per_second.max(1),
                burst: table.looks_per_second.max(1).saturating_mul(2),
            },
            shops: std::mem::take(&mut serving.shops),
            connection: Connection::new(),
        })
    }

    /// The POS that are named now, and the shops over them.
    pub(super) fn tills(&self) -> Result<(Tills, Shops)> {
        let (desks, file) = match &self.desks {
            Desks::List(list) => (self.listed(list)?, list),
            Desks::One { pos, key_file } => {
                let desk = self.desk(pos.clone(), key_file)?;
                ([(ONE.to_owned(), desk)].into(), key_file)
            }
        };
        let at = |error: Error| error.with("file", file.display());
        let tills = Tills::new(Arc::clone(&self.store), desks, self.rate).map_err(at)?;
        let shops = shops::serve(&self.shops, &self.store, &tills, &self.connection).map_err(at)?;
        Ok((tills, shops))
    }

    fn listed(&self, list: &Path) -> Result<BTreeMap<String, CashDesk>> {
        #[derive(Deserialize)]
        struct Row {
            name: String,
            pos: String,
            key_file: PathBuf,
        }
        let at = |error: Error| error.with("file", list.display());
        let unreadable = |error: csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            at(invalid("the list of POS cannot be read")
                .with("line", line)
                .hint("it is a CSV file with the columns name, pos and key_file"))
        };
        let dir = list.parent().unwrap_or(Path::new("."));
        let mut reader = csv::Reader::from_path(list).map_err(unreadable)?;
        let mut desks = BTreeMap::new();
        for (index, row) in reader.deserialize().enumerate() {
            let row: Row = row.map_err(unreadable)?;
            let at = |error: Error| at(error).with("line", index + 2);
            let id: PosId = row.pos.parse().map_err(at)?;
            let desk = self.desk(id, &dir.join(&row.key_file)).map_err(at)?;
            if row.name.is_empty() || desks.insert(row.name, desk).is_some() {
                return Err(at(invalid("a POS has no name, or the name of another")));
            }
        }
        Ok(desks)
    }

    fn desk(&self, id: PosId, key_file: &Path) -> Result<CashDesk> {
        let key = files::private_key(key_file)?;
        let payee = PosClient::new(self.registry.clone(), id, key)?;
        let desk = CashDesk::new(
            Arc::clone(&self.store),
            self.connection.listen_to(Arc::new(payee)),
            Arc::clone(&self.keys),
            Arc::new(SystemClock),
        );
        Ok(match &self.listener {
            Some(listener) => desk.with_listener(Arc::clone(listener) as _),
            None => desk,
        })
    }
}

/// Where POS are named.
#[derive(Debug)]
pub(super) enum Desks {
    /// In a CSV file.
    List(PathBuf),
    /// There is this one.
    One { pos: PosId, key_file: PathBuf },
}

impl Desks {
    /// Those of the list that the table names.
    pub(super) fn listed(pos: Option<&PosTable>, dir: &Path) -> Self {
        Self::List(pos.map_or_else(PathBuf::new, |pos| dir.join(&pos.list)))
    }
}
