//! What is served, and to whom.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore, watch},
};
use wom_catalog::Catalog;
use wom_sdk::{Clock, Error, Kind, Result, SystemClock};

use crate::{Programme, Shops, TillPage, Tills, Tokens, api, listen, metrics::Metrics, work};

/// How many files are brought in at a time.
const READING: usize = 16;
/// How many orders are looked at a time because shops told of them, and how many may be told of: what is
/// told beyond that is found by asking the shop.
const LOOKING: usize = 16;
const TOLD: usize = 1_024;

/// Everything that one process serves. Cheap to clone.
#[derive(Clone)]
pub struct Service(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) programmes: BTreeMap<String, Programme>,
    /// Which programme a source belongs to.
    pub(crate) sources: BTreeMap<String, String>,
    pub(crate) tills: RwLock<Option<Arc<Tills>>>,
    pub(crate) shops: RwLock<Option<Arc<Shops>>>,
    pub(crate) till_page: Option<TillPage>,
    pub(crate) tokens: RwLock<Arc<Tokens>>,
    pub(crate) catalog: Catalog,
    pub(crate) public_url: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    /// Places for bodies that are being read.
    pub(crate) reading: Semaphore,
    /// Places for orders that webhooks told of.
    pub(crate) told: Arc<Semaphore>,
    /// Places for those of them that are being looked at.
    pub(crate) looking: Semaphore,
    /// Says that a webhook came in.
    pub(crate) wake: Notify,
    /// True once it is to end.
    pub(crate) stopping: watch::Sender<bool>,
}

/// What a [`Service`] is made of.
#[derive(Debug)]
pub struct ServiceBuilder {
    programmes: Vec<Programme>,
    tills: Option<Tills>,
    shops: Option<Shops>,
    till_page: Option<TillPage>,
    tokens: Tokens,
    catalog: Catalog,
    public_url: String,
    clock: Arc<dyn Clock>,
}

impl Service {
    /// A service that people reach at this address: `https://`, or `http://` on this machine.
    pub fn builder(public_url: impl Into<String>) -> ServiceBuilder {
        ServiceBuilder {
            programmes: Vec::new(),
            tills: None,
            shops: None,
            till_page: None,
            tokens: Tokens::default(),
            catalog: Catalog::standard(),
            public_url: public_url.into(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Serves, and does the work that nobody asks for, until `stop` is ready; then it takes no more,
    /// ends what is under way within 20 seconds, and returns.
    ///
    /// It speaks plain HTTP: put a proxy with TLS before it.
    ///
    /// # Errors
    ///
    /// [`Kind::NetworkUnreachable`] if the listener fails. A store that fails ends nothing: it is
    /// tried again, and `/health` tells.
    pub async fn run(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<()> {
        let working = work::begin(self);
        let serving = listen::serve(listener, api::router(self), self.stopped());
        let told = async {
            stop.await;
            self.0.stopping.send_replace(true);
        };
        let (served, ()) = tokio::join!(
            async {
                let served = serving.await;
                self.0.stopping.send_replace(true);
                served
            },
            async {
                // Whichever comes first: told to stop, or the listener failed.
                tokio::select! { () = told => {}, () = self.stopped() => {} }
            },
        );
        working.ended().await;
        served
    }

    /// Takes other tokens, POS and shops from now on; what is under way goes on as it began.
    pub fn replace(&self, tokens: Tokens, tills: Option<Tills>, shops: Option<Shops>) {
        *self
            .0
            .tokens
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens);
        *self.0.tills.write().unwrap_or_else(PoisonError::into_inner) = tills.map(Arc::new);
        *self.0.shops.write().unwrap_or_else(PoisonError::into_inner) = shops.map(Arc::new);
    }

    pub(crate) fn tokens(&self) -> Arc<Tokens> {
        let held = self.0.tokens.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&held)
    }

    pub(crate) fn tills(&self) -> Option<Arc<Tills>> {
        let held = self.0.tills.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    pub(crate) fn shops(&self) -> Option<Arc<Shops>> {
        let held = self.0.shops.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    /// Ready once the service is to end.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.0.stopping.subscribe();
        async move {
            // Without a sender it has ended too.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("public_url", &self.0.public_url)
            .field("programmes", &self.0.programmes.keys())
            .finish_non_exhaustive()
    }
}

impl ServiceBuilder {
    /// Adds an instrument.
    #[must_use]
    pub fn programme(mut self, programme: Programme) -> Self {
        self.programmes.push(programme);
        self
    }

    /// Serves these POS.
    #[must_use]
    pub fn tills(self, tills: Tills) -> Self {
        Self {
            tills: Some(tills),
            ..self
        }
    }

    /// Serves these shops. Their POS are among the [`tills`](Self::tills).
    #[must_use]
    pub fn shops(self, shops: Shops) -> Self {
        Self {
            shops: Some(shops),
            ..self
        }
    }

    /// Serves the page for cashiers of the [`shops`](Self::shops), at `/till`.
    #[must_use]
    pub fn till_page(self, page: TillPage) -> Self {
        Self {
            till_page: Some(page),
            ..self
        }
    }

    /// Lets the bearers of these tokens in.
    #[must_use]
    pub fn tokens(self, tokens: Tokens) -> Self {
        Self { tokens, ..self }
    }

    /// Reads files by the adapters of this catalogue, not of the standard one.
    #[must_use]
    pub fn catalog(self, catalog: Catalog) -> Self {
        Self { catalog, ..self }
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The service.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] where two instruments or two sources have one name, a shop's POS
    /// is not there, or the public address is none; [`Kind::InsecureTransport`] where it is plain http
    /// on another machine.
    pub fn build(self) -> Result<Service> {
        let address: wom_sdk::registry::Address = self.public_url.parse()?;
        for shop in self.shops.iter().flat_map(Shops::iter) {
            let tills = self.tills.as_ref();
            if tills.and_then(|tills| tills.desk(shop.pos())).is_none() {
                return Err(
                    Error::new(Kind::ConfigurationInvalid, "a shop's POS is not there")
                        .with("shop", shop.name().escape_default())
                        .with("pos", shop.pos().escape_default())
                        .hint("name one of the POS that are served"),
                );
            }
        }
        let (mut programmes, mut sources) = (BTreeMap::new(), BTreeMap::new());
        for programme in self.programmes {
            for source in &programme.sources {
                let name = source.name.clone();
                if sources.insert(name, programme.name.clone()).is_some() {
                    return Err(twice("source", &source.name));
                }
            }
            let name = programme.name.clone();
            if programmes.insert(name.clone(), programme).is_some() {
                return Err(twice("instrument", &name));
            }
        }
        Ok(Service(Arc::new(Inner {
            programmes,
            sources,
            tills: RwLock::new(self.tills.map(Arc::new)),
            shops: RwLock::new(self.shops.map(Arc::new)),
            till_page: self.till_page,
            tokens: RwLock::new(Arc::new(self.tokens)),
            catalog: self.catalog,
            public_url: address.as_str().trim_end_matches('/').to_owned(),
            clock: self.clock,
            metrics: Metrics::default(),
            reading: Semaphore::new(READING),
            told: Arc::new(Semaphore::new(TOLD)),
            looking: Semaphore::new(LOOKING),
            wake: Notify::new(),
            stopping: watch::Sender::new(false),
        })))
    }
}

fn twice(what: &'static str, name: &str) -> Error {
    Error::new(Kind::ConfigurationInvalid, "a name stands for two")
        .with(what, name)
        .hint("give each a name of its own")
}
