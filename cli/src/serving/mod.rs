//! What `wom serve` and `wom till` serve: reading it from `wom.toml`, and opening it.

mod pos;
mod programme;
mod tables;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use wom_catalog::Catalog;
use wom_sdk::{Error, Kind, Result, privacy::FileKeyStore, store::Store};
use wom_service::{Service, TillPage, Tokens};
use zeroize::Zeroizing;

use self::{pos::Desks, programme::programme};
pub use self::{
    pos::{ONE, OnePos, Pos},
    tables::{PosTable, ServiceTable, SourceTable, WebhookTable},
};
use crate::{
    config::{Config, File, invalid},
    keys::KeyPlace,
    shops::Shop,
};

/// What `wom serve` serves, read and checked.
#[derive(Debug)]
pub struct Serving {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address as people and programs reach it, where that is another one.
    pub public_url: Option<String>,
    /// The file of tokens.
    pub tokens: PathBuf,
    programmes: Vec<Config>,
    pos: Option<PosTable>,
    desks: Desks,
    shops: Vec<Shop>,
    /// Whether a code is made that lets cashiers in.
    by_code: bool,
    keys: KeyPlace,
    dir: PathBuf,
}

impl Serving {
    /// Reads the file, and the files of further instruments that it names.
    pub fn read(path: &Path, catalog: &Catalog) -> Result<Self> {
        let (file, dir) = File::read(path)?;
        let at = |error: Error| error.with("file", path.display());
        let service = file.service.clone().ok_or_else(|| {
            at(invalid("the file says nothing about a service")
                .hint("add a table [service]; an empty one listens on 127.0.0.1:8480"))
        })?;
        if !service.listen.ip().is_loopback() && !service.danger_listen_beyond_loopback {
            return Err(at(Error::new(
                Kind::InsecureTransport,
                "this address can be reached by others, in plain http",
            )
            .with("listen", service.listen)
            .hint("listen on 127.0.0.1 and put a proxy with TLS before it, or set danger_listen_beyond_loopback")));
        }
        let (pos, keys) = (file.pos.clone(), file.keys(&dir).map_err(at)?);
        let shops = shops_of(&file, &dir, catalog).map_err(at)?;
        let mut programmes = Vec::new();
        if file.has_campaign() {
            programmes.push(file.config(&dir).map_err(at)?);
        }
        for other in &service.programmes {
            programmes.push(Config::read(&dir.join(other))?);
        }
        for (index, one) in programmes.iter().enumerate() {
            for other in &programmes[index + 1..] {
                own_keys(one, other).map_err(at)?;
            }
        }
        if programmes.is_empty() && pos.is_none() {
            return Err(at(invalid("there is nothing to serve").hint(
                "write a [campaign] for an instrument, a [pos] for tills, or both",
            )));
        }
        Ok(Self {
            listen: service.listen,
            public_url: service.public_url,
            tokens: dir.join(service.tokens),
            programmes,
            desks: Desks::listed(pos.as_ref(), &dir),
            pos,
            shops,
            by_code: false,
            keys,
            dir,
        })
    }

    /// Reads the POS and shops of a file, and nothing else of it: what a till needs.
    pub fn read_tills(path: &Path, catalog: &Catalog) -> Result<Self> {
        let (file, dir) = File::read(path)?;
        let at = |error: Error| error.with("file", path.display());
        let shops = shops_of(&file, &dir, catalog).map_err(at)?;
        if shops.is_empty() {
            return Err(at(invalid("the file tells of no shop")
                .with("table", "shops")
                .hint("write [pos] and [shops.NAME] as docs/till.md shows, or give --registry, --pos and --key-file")));
        }
        let keys = file.keys(&dir).map_err(at)?;
        if let KeyPlace::File(file) = &keys {
            FileKeyStore::open_or_create(file)?;
        }
        Ok(Self {
            desks: Desks::listed(file.pos.as_ref(), &dir),
            by_code: true,
            ..Self::of_pos(file.pos, shops, keys, dir)
        })
    }

    /// One POS and its shop, which no file tells of.
    pub fn one_till(one: OnePos, shop: Shop) -> Self {
        let table = PosTable::one(one.registry, one.store);
        let (pos, key_file) = (one.pos, one.key_file);
        Self {
            desks: Desks::One { pos, key_file },
            by_code: true,
            ..Self::of_pos(
                Some(table),
                vec![shop],
                KeyPlace::File(one.keys),
                PathBuf::new(),
            )
        }
    }

    fn of_pos(pos: Option<PosTable>, shops: Vec<Shop>, keys: KeyPlace, dir: PathBuf) -> Self {
        Self {
            listen: tables::listen(),
            public_url: None,
            tokens: dir.join(tables::tokens()),
            programmes: Vec::new(),
            desks: Desks::List(PathBuf::new()),
            pos,
            shops,
            by_code: false,
            keys,
            dir,
        }
    }

    /// The names of the instruments.
    pub fn instruments(&self) -> impl Iterator<Item = &str> {
        self.programmes
            .iter()
            .map(|config| config.campaign.name.as_str())
    }

    /// Opens everything. `url` is where it can be reached on this machine.
    pub async fn open(mut self, url: &str, catalog: &Catalog) -> Result<Opened> {
        let public_url = self.public_url.clone().unwrap_or_else(|| url.to_owned());
        let mut builder = Service::builder(public_url)
            .tokens(Tokens::read(&self.tokens)?)
            .catalog(catalog.clone());
        let mut stores = Vec::new();
        for config in std::mem::take(&mut self.programmes) {
            let programme = programme(config, catalog).await?;
            stores.push(programme.store());
            builder = builder.programme(programme);
        }
        let pos = match self.pos.take() {
            Some(pos) => Some(Pos::open(pos, &mut self).await?),
            None => None,
        };
        if let Some(pos) = &pos {
            stores.push(Arc::clone(&pos.store));
            let (tills, shops) = pos.tills()?;
            builder = builder.tills(tills).shops(shops);
        }
        let mut code = None;
        if let Some(pos) = pos.as_ref().filter(|pos| !pos.shops.is_empty()) {
            let keys = Arc::clone(&pos.keys);
            builder = builder.till_page(match self.by_code {
                true => {
                    let (page, made) = TillPage::with_code(keys);
                    code = Some(made);
                    page
                }
                false => TillPage::new(keys),
            });
        }
        Ok(Opened {
            service: builder.build()?,
            tokens: self.tokens,
            pos,
            code,
            stores,
        })
    }
}

/// A service that is ready to run, and what of it may change meanwhile.
pub struct Opened {
    /// The service.
    pub service: Service,
    /// The file of tokens.
    pub tokens: PathBuf,
    /// The POS.
    pub pos: Option<Pos>,
    /// What lets cashiers in, where there is a code for that.
    pub code: Option<Zeroizing<String>>,
    stores: Vec<Arc<dyn Store>>,
}

impl Opened {
    /// Reads tokens and POS again, and serves those from now on.
    pub fn reload(&self) -> Result<()> {
        let tokens = Tokens::read(&self.tokens)?;
        let pos = self.pos.as_ref().map(Pos::tills).transpose()?;
        let (tills, shops) = pos.unzip();
        self.service.replace(tokens, tills, shops);
        Ok(())
    }

    /// Closes the stores.
    pub async fn close(self) -> Result<()> {
        for store in self.stores {
            store.close().await?;
        }
        Ok(())
    }
}

/// What the file says of shops.
fn shops_of(file: &File, dir: &Path, catalog: &Catalog) -> Result<Vec<Shop>> {
    let shop = |(name, table): (&String, _)| Shop::read(name, table, dir, catalog);
    let shops: Result<Vec<_>> = file.shops.iter().map(shop).collect();
    let shops = shops?;
    if !shops.is_empty() && file.pos.is_none() {
        return Err(invalid("a shop needs a POS, and there are none")
            .with("table", "pos")
            .hint("write a table [pos] with the POS, as docs/operations.md shows"));
    }
    Ok(shops)
}

/// Codes are sealed by the day, under keys that go when no award of the store needs them: another
/// store that shares the keys would lose its codes by that.
fn own_keys(one: &Config, other: &Config) -> Result<()> {
    let shared = one.keys.is_same(&other.keys)?;
    if !shared || one.profile.store.is_same(&other.profile.store)? {
        return Ok(());
    }
    Err(
        invalid("two instruments with stores of their own share one key store")
            .with("instrument", one.campaign.name.escape_default())
            .with("other", other.campaign.name.escape_default())
            .hint("give each keys of its own: another key_store, or another key_schema"),
    )
}
