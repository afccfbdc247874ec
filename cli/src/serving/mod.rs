//! The parts of `wom.toml` that say what `wom serve` serves, and opening them.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use wom_catalog::{Catalog, Settings as AdapterSettings};
use wom_sdk::{
    Error, Kind, Result, SystemClock, Zone,
    campaign::Collect,
    cash_desk::CashDesk,
    privacy::{FileKeyStore, KeyStore},
    protocol::PosId,
    registry::{PosClient, RegistryClient},
    store::{Rate, Store},
    webhook::Scheme,
};
use wom_service::{
    Connection, Programme as Served, Service, Shops, Source, TillPage, Tills, Tokens,
};
use wom_sinks::WebhookSink;
use zeroize::Zeroizing;

use crate::{
    config::{Config, File, Settings, invalid},
    files,
    keys::KeyPlace,
    profile::StorePlace,
    programme::Programme,
    shops::{self, Shop},
};

/// `[service]`: where to listen, and who may call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTable {
    #[serde(default = "listen")]
    listen: SocketAddr,
    public_url: Option<String>,
    #[serde(default = "tokens")]
    tokens: PathBuf,
    #[serde(default)]
    programmes: Vec<PathBuf>,
    #[serde(default)]
    danger_listen_beyond_loopback: bool,
}

/// `[sources.NAME]`: a system that calls `/in/NAME` or is pulled.
#[derive(Clone, Debug, Deserialize)]
pub struct SourceTable {
    adapter: String,
    pull_minutes: Option<u32>,
    /// The adapter's own.
    #[serde(flatten)]
    settings: Settings,
}

/// A webhook of ours, signed as Standard Webhooks has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTable {
    url: String,
    secret_files: Vec<PathBuf>,
    #[serde(default)]
    danger_allow_private: Vec<String>,
}

/// `[pos]`: the POS of a list, over one store.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PosTable {
    registry: String,
    registry_fingerprint: Option<String>,
    list: PathBuf,
    store: Option<PathBuf>,
    database_url_file: Option<PathBuf>,
    schema: Option<String>,
    #[serde(default = "looks")]
    looks_per_second: u32,
    webhook: Option<WebhookTable>,
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8480))
}

fn tokens() -> PathBuf {
    PathBuf::from("wom-tokens.json")
}

fn looks() -> u32 {
    Tills::RATE.per_second
}

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

/// Where POS are named.
#[derive(Debug)]
enum Desks {
    /// In a CSV file.
    List(PathBuf),
    /// There is this one.
    One { pos: PosId, key_file: PathBuf },
}

impl Serving {
    /// Reads the file, and the files of further instruments that it names.
    pub fn read(path: &Path) -> Result<Self> {
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
        let shop = |(name, table): (&String, _)| Shop::read(name, table, &dir);
        let shops: Result<Vec<_>> = file.shops.iter().map(shop).collect();
        let shops = shops.map_err(at)?;
        if !shops.is_empty() && pos.is_none() {
            return Err(at(invalid("a shop needs a POS, and there are none")
                .with("table", "pos")
                .hint(
                    "write a table [pos] with the POS, as docs/operations.md shows",
                )));
        }
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
            desks: desks_of(pos.as_ref(), &dir),
            pos,
            shops,
            by_code: false,
            keys,
            dir,
        })
    }

    /// Reads the POS and shops of a file, and nothing else of it: what a till needs.
    pub fn read_tills(path: &Path) -> Result<Self> {
        let (file, dir) = File::read(path)?;
        let at = |error: Error| error.with("file", path.display());
        let shops = shops_of(&file, &dir).map_err(at)?;
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
            desks: desks_of(file.pos.as_ref(), &dir),
            by_code: true,
            ..Self::of_pos(file.pos, shops, keys, dir)
        })
    }

    /// One POS and its shop, which no file tells of.
    pub fn one_till(one: OnePos, shop: Shop) -> Self {
        let table = PosTable {
            registry: one.registry,
            registry_fingerprint: None,
            list: PathBuf::new(),
            store: Some(one.store),
            database_url_file: None,
            schema: None,
            looks_per_second: looks(),
            webhook: None,
        };
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
            listen: listen(),
            public_url: None,
            tokens: dir.join(tokens()),
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
    pub async fn open(mut self, url: &str) -> Result<Opened> {
        let public_url = self.public_url.clone().unwrap_or_else(|| url.to_owned());
        let mut builder = Service::builder(public_url).tokens(Tokens::read(&self.tokens)?);
        let mut stores = Vec::new();
        for config in std::mem::take(&mut self.programmes) {
            let programme = programme(config).await?;
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

/// The POS of a list.
pub struct Pos {
    desks: Desks,
    store: Arc<dyn Store>,
    keys: Arc<dyn KeyStore>,
    registry: RegistryClient,
    listener: Option<Arc<WebhookSink>>,
    rate: Rate,
    shops: Vec<Shop>,
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

    async fn open(table: PosTable, serving: &mut Serving) -> Result<Self> {
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
    fn tills(&self) -> Result<(Tills, Shops)> {
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

/// What the file says of shops.
fn shops_of(file: &File, dir: &Path) -> Result<Vec<Shop>> {
    let shop = |(name, table): (&String, _)| Shop::read(name, table, dir);
    let shops: Result<Vec<_>> = file.shops.iter().map(shop).collect();
    let shops = shops?;
    if !shops.is_empty() && file.pos.is_none() {
        return Err(invalid("a shop needs a POS, and there are none")
            .with("table", "pos")
            .hint("write a table [pos] with the POS, as docs/operations.md shows"));
    }
    Ok(shops)
}

fn desks_of(pos: Option<&PosTable>, dir: &Path) -> Desks {
    let list = pos.map_or_else(PathBuf::new, |pos| dir.join(&pos.list));
    Desks::List(list)
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

async fn programme(mut config: Config) -> Result<Served> {
    // Without a word about it: people tap, unless a webhook takes the claims away.
    if !config.collect_is_said && config.webhook.is_none() {
        config.campaign.collect = Collect::OnTap;
    }
    let (name, zone) = (config.campaign.name.clone(), config.campaign.zone.clone());
    let at = |error: Error| error.with("instrument", &name);
    let catalog = Catalog::standard();
    let mut sources = Vec::new();
    for (source, table) in std::mem::take(&mut config.sources) {
        let at = |error: Error| at(error).with("source", &source);
        let settings = AdapterSettings::from_table(&table.settings)
            .map_err(at)?
            .in_dir(&config.dir);
        let adapter = catalog.instrument(&table.adapter, &settings).map_err(at)?;
        let offers = adapter.capabilities();
        let called = offers.webhook && table.pull_minutes.is_none();
        if !offers.pull && !called {
            return Err(at(invalid(
                "the adapter neither takes webhooks nor can be pulled",
            )
            .with("adapter", &table.adapter)
            .hint("files are brought in through /activities")));
        }
        sources.push(Source {
            name: source.clone(),
            adapter,
            pull: table
                .pull_minutes
                .map(|minutes| Duration::from_secs(u64::from(minutes.max(1)) * 60)),
        });
    }
    let sink = config
        .webhook
        .as_ref()
        .map(|webhook| webhook.sink(&config.dir, &zone).map_err(at))
        .transpose()?;
    let adapters = std::mem::take(&mut config.adapters);
    let title = config.title.take();
    let Programme {
        store,
        collector,
        dispatcher,
        keys,
    } = Programme::open(config).await.map_err(at)?;
    for source in &sources {
        collector
            .suits(&*source.adapter)
            .map_err(|error| at(error).with("source", &source.name))?;
    }
    let mut served = Served::new(&name, store, keys, collector, dispatcher, zone);
    if let Some(title) = title {
        served = served.with_title(title);
    }
    for source in sources {
        served = served.with_source(source);
    }
    for (adapter, settings) in adapters {
        served = served.with_adapter(adapter, AdapterSettings::from_table(&settings)?);
    }
    Ok(match sink {
        Some(sink) => served.with_sink(sink),
        None => served,
    })
}

impl WebhookTable {
    fn sink(&self, dir: &Path, zone: &Zone) -> Result<Arc<WebhookSink>> {
        let mut options = WebhookSink::options(&self.url).in_zone(zone.clone());
        for file in &self.secret_files {
            options = options.secret(Scheme::StandardWebhooks.secret_from_file(dir.join(file))?);
        }
        for host in &self.danger_allow_private {
            options = options.danger_allow_private(host);
        }
        options.build().map(Arc::new)
    }
}
