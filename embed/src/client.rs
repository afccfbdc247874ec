//! An instrument: awards, activity, claims.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Digest, Error, Kind, Result, Subject, SystemClock, Timestamp, Zone,
    award::{self, AwardKey, Handle, Issuer},
    claim::Claims,
    collector::{Collector, Directory, FirstRefusals, Inbox},
    dispatcher::Dispatcher,
    instrument::{Input, Instrument, Reply, Request},
    protocol::{Aim, Position},
    registry::{ApiKeyClient, InstrumentClient, RegistryClient},
    store::{DeliveryId, Store},
};
use wom_store::{EnqueueSql, PostgresStore};

use crate::{
    CampaignTable, Claim, Code, Credential, Given, KeyPlace, Minutes, StorePlace, Taken, Worked,
    answers::award_key,
    cash_desk::seconds,
    options::{Opened, invalid, open_keys, open_store},
};

/// The adapter that plain minutes come through.
const PLAIN: &str = "activity.json";

/// A source or a POS at its Registry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The Registry's base address, before `/api`.
    pub registry: String,
    /// The id that the Registry gave.
    pub id: String,
    /// What lets us in.
    pub key: Credential,
    /// SHA-256 of the Registry's public key, to refuse any other.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// Whether plain http to another machine is accepted, over which anybody can read codes.
    #[serde(default)]
    pub danger_accept_plain_http: bool,
}

impl Source {
    pub(crate) fn client(&self) -> Result<RegistryClient> {
        let builder = RegistryClient::builder(&self.registry);
        let builder = match &self.fingerprint {
            Some(fingerprint) => builder.pin(fingerprint),
            None => builder,
        };
        match self.danger_accept_plain_http {
            true => builder.danger_accept_plain_http().build(),
            false => builder.build(),
        }
    }
}

/// What a [`Client`] is opened with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientOptions {
    /// The instrument at its Registry.
    pub source: Source,
    /// Where awards are remembered; in memory towards a Registry of this machine.
    #[serde(default)]
    pub store: Option<StorePlace>,
    /// Where the keys are that hide who is who.
    #[serde(default)]
    pub keys: Option<KeyPlace>,
    /// The campaign; without one only awards under keys of the caller's own can be made.
    #[serde(default)]
    pub campaign: Option<CampaignTable>,
    /// Settings of the campaign's rule set.
    #[serde(default)]
    pub rules: Map<String, Value>,
    /// How many seconds to wait for a code.
    #[serde(default)]
    pub patience: Option<f64>,
    /// Systems that call webhooks or are pulled, by names that never change, with adapters of the
    /// catalogue.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceAdapter>,
}

/// An adapter of the catalogue, with its settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceAdapter {
    /// Its name, such as `elearning.moodle`.
    pub adapter: String,
    /// Its settings.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

/// What the other language adds to the options.
#[derive(Debug, Default)]
pub struct Own {
    /// More systems that call webhooks or are pulled.
    pub sources: Vec<(String, Arc<dyn Instrument>)>,
    /// Who is who.
    pub directory: Option<Arc<dyn Directory>>,
}

/// Minutes to award under a key of the caller's own.
// The service reads the same fields, and keeps a reader of its own on purpose: its body is a contract of
// its own, documented by a schema, in which a place is an object and `30.0` is whole, as JSON has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Award {
    /// What the minutes were given to, such as `H`.
    pub aim: String,
    /// How many minutes: 1 to 10,000.
    pub minutes: u32,
    /// Where: latitude and longitude, degrees WGS 84.
    pub place: (f64, f64),
    /// When; at the time of acceptance where it is left out.
    #[serde(default)]
    pub at: Option<String>,
    /// The zone whose day the vouchers tell.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whether place and time are told as they are.
    #[serde(default)]
    pub exact: bool,
    /// Whom to hand the award to.
    #[serde(default)]
    pub handle: Option<String>,
}

impl Award {
    /// What the SDK is asked for.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] with the field's name.
    pub fn request(&self) -> Result<award::Request> {
        let field = |name| move |error: Error| error.with("field", name);
        let aim: Aim = self.aim.parse().map_err(field("aim"))?;
        let place = Position::new(self.place.0, self.place.1).map_err(field("place"))?;
        let mut request = award::Request::new(aim, self.minutes, place);
        if let Some(at) = &self.at {
            request = request.at(at.parse::<Timestamp>().map_err(field("at"))?);
        }
        if let Some(zone) = &self.zone {
            request = request.in_zone(zone.parse::<Zone>().map_err(field("zone"))?);
        }
        if self.exact {
            request = request.exact();
        }
        if let Some(handle) = &self.handle {
            request = request.deliver_to(Handle::new(handle.clone()).map_err(field("handle"))?);
        }
        Ok(request)
    }
}

/// Whom something is about, in the words of who saw it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Whose ids these are; the embedder's own where it is left out.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The id.
    pub id: String,
}

impl Person {
    pub(crate) fn subject(self) -> Result<Subject> {
        match self.namespace {
            Some(namespace) => Subject::new(namespace, self.id),
            None => Subject::new(Subject::PARTICIPANT, self.id),
        }
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(redacted)")
    }
}

/// An instrument that is open. Close it in the end.
pub struct Client {
    store: Arc<dyn Store>,
    postgres: Option<Arc<PostgresStore>>,
    dispatcher: Dispatcher,
    programme: Option<Programme>,
    catalog: Catalog,
}

/// What a campaign adds.
struct Programme {
    collector: Collector,
    claims: Claims,
    zone: Zone,
}

impl Client {
    /// Opens what the options describe.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for options that do not fit, and what opening a store, keys and
    /// a Registry's client answers.
    pub async fn open(options: ClientOptions, own: Own) -> Result<Self> {
        let client = options.source.client()?;
        let id = options.source.id.parse()?;
        let catalog = Catalog::standard();
        let rules = match &options.campaign {
            Some(campaign) => {
                let settings = Settings::from_table(&options.rules)?;
                Some(catalog.rule_set(&campaign.rules, &settings)?)
            }
            None if options.rules.is_empty() => None,
            None => {
                return Err(invalid(
                    "settings for a rule set, and no campaign that uses one",
                ));
            }
        };
        let mut sources = own.sources;
        for (name, source) in &options.sources {
            let settings = Settings::from_table(&source.settings)?;
            sources.push((
                name.clone(),
                catalog.instrument(&source.adapter, &settings)?,
            ));
        }
        if options.campaign.is_none() && (!sources.is_empty() || own.directory.is_some()) {
            return Err(invalid(
                "sources or a directory, and no campaign that they are for",
            ));
        }
        let credential = options.source.credential().open()?;
        let keys = open_keys(options.keys.as_ref(), &client)?;
        let opened = open_store(options.store.as_ref(), &client).await?;
        let issuer: Arc<dyn Issuer> = match credential {
            Opened::Private(key) => Arc::new(InstrumentClient::new(client, id, key)?),
            Opened::Api(key) => Arc::new(ApiKeyClient::new(client, id, key)?),
        };
        let store = Arc::clone(&opened.store);
        let dispatcher = Dispatcher::open(store, issuer, keys, Arc::new(SystemClock)).await?;
        let dispatcher = match options.patience {
            Some(patience) => dispatcher.with_patience(seconds(patience)?),
            None => dispatcher,
        };
        let programme = match (options.campaign, rules) {
            (Some(table), Some(rules)) => {
                let exact = table.exact_place;
                let campaign = table.check()?;
                let zone = campaign.zone.clone();
                let collector = Collector::beside(&dispatcher, campaign, rules);
                let mut collector = match exact {
                    true => collector.exact_place(),
                    false => collector,
                };
                for (name, adapter) in sources {
                    collector.suits(&*adapter)?;
                    collector = collector.with_source(name, adapter);
                }
                if let Some(directory) = own.directory {
                    collector = collector.with_directory(directory);
                }
                Some(Programme {
                    claims: Claims::new(collector.clone(), dispatcher.clone()),
                    collector,
                    zone,
                })
            }
            _ => None,
        };
        Ok(Self {
            store: opened.store,
            postgres: opened.postgres,
            dispatcher,
            programme,
            catalog,
        })
    }

    /// Awards under a key of the caller's own; see [`Dispatcher::award`].
    pub async fn award(&self, key: &str, award: &Award) -> Result<Code> {
        let ticket = self.dispatcher.award(key, &award.request()?).await?;
        let id = AwardKey::direct(self.dispatcher.identity(), key);
        Ok(Code::of(id.to_hex(), &ticket))
    }

    /// Accepts an award: when this returns it is durable. Gives its id.
    pub async fn accept(&self, key: &str, award: &Award) -> Result<String> {
        let id = self.dispatcher.accept(key, &award.request()?).await?;
        Ok(id.to_hex())
    }

    /// The person has the code of this award: it is forgotten here.
    pub async fn acknowledge(&self, id: &str) -> Result<()> {
        self.dispatcher.acknowledge_key(award_key(id)?).await
    }

    /// As [`acknowledge`](Self::acknowledge), for an award under a key of the caller's own.
    pub async fn acknowledge_own(&self, key: &str) -> Result<()> {
        self.dispatcher.acknowledge(key).await
    }

    /// Takes plain minutes in: a record as `activity.json` has it. One that cannot be used is an
    /// error here, as there is nothing else to go on with.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] with the field and what is wrong with it.
    pub async fn record(&self, record: &Map<String, Value>) -> Result<Taken> {
        let bytes = serde_json::to_vec(&json!([record]))
            .map_err(|_| Error::new(Kind::Internal, "cannot write a record"))?;
        let adapter = self.adapter(PLAIN, &Map::new())?;
        let taken = self.submit(&*adapter, Input::Bytes(bytes), None).await?;
        match taken.refusals.first() {
            None => Ok(taken),
            Some(refused) => {
                let error = Error::new(Kind::InputInvalid, refused.message.clone())
                    .with("reason", refused.code);
                Err(match refused.field {
                    Some(field) => error.with("field", field),
                    None => error,
                })
            }
        }
    }

    /// Takes plain minutes of any number of people in, all at once. Those that cannot be used are told
    /// with their position, counted from 1, and the others count.
    pub async fn record_many(&self, records: &[Minutes]) -> Result<Taken> {
        let bytes = serde_json::to_vec(records)
            .map_err(|_| Error::new(Kind::Internal, "cannot write the records"))?;
        let adapter = self.adapter(PLAIN, &Map::new())?;
        self.submit(&*adapter, Input::Bytes(bytes), None).await
    }

    /// Reads an input, keeps what it yields and settles whom it touched. `delivery` is the caller's
    /// name of the input, where it has one: the same one again is not read again.
    pub async fn submit(
        &self,
        adapter: &dyn Instrument,
        input: Input,
        delivery: Option<&str>,
    ) -> Result<Taken> {
        let delivery = delivery.map(|name| {
            let adapter = adapter.info().name;
            DeliveryId(Digest::of([
                b"activities/1".as_slice(),
                adapter.as_bytes(),
                name.as_bytes(),
            ]))
        });
        let mut refused = FirstRefusals::default();
        let collector = &self.programme()?.collector;
        let taken = collector
            .submit(adapter, input, delivery, &mut refused)
            .await?;
        Ok(Taken::of(&taken, refused))
    }

    /// Takes a webhook call for a source, and gives the answer. What it tells to read is durable
    /// then, and read by [`work`](Self::work).
    pub async fn receive(&self, source: &str, request: &Request<'_>) -> Result<Reply> {
        self.programme()?.collector.receive(source, request).await
    }

    /// Pulls from a source what has happened since the last time.
    pub async fn pull(&self, source: &str) -> Result<Taken> {
        let taken = self.programme()?.collector.pull(source).await?;
        Ok(Taken::of(&taken, FirstRefusals::default()))
    }

    /// Goes on with what sources have told and what could not be read, of one source or of all, once its
    /// cause is mended: [`work`](Self::work) reads it. Gives how much there was.
    pub async fn retry_inbox(&self, source: Option<&str>) -> Result<u64> {
        let inbox = Inbox::new(Arc::clone(&self.store), Arc::new(SystemClock));
        Ok(inbox.retry(source).await? as u64)
    }

    /// The adapter of the catalogue with this name and these settings.
    pub fn adapter(
        &self,
        name: &str,
        settings: &Map<String, Value>,
    ) -> Result<Arc<dyn Instrument>> {
        self.catalog
            .instrument(name, &Settings::from_table(settings)?)
    }

    /// What a person can collect now, each code good.
    pub async fn claims(&self, person: Person) -> Result<Vec<Claim>> {
        let programme = self.programme()?;
        let claims = programme.claims.of(&person.subject()?).await?;
        Ok(claims
            .iter()
            .map(|claim| Claim::of(claim, &programme.zone))
            .collect())
    }

    /// Minutes that a person could collect now. No code is made.
    pub async fn waiting(&self, person: Person) -> Result<u64> {
        self.programme()?.claims.waiting(&person.subject()?).await
    }

    /// What a person gave, as long as the campaign knows.
    pub async fn history(&self, person: Person) -> Result<Vec<Given>> {
        let given = self.programme()?.claims.history(&person.subject()?).await?;
        Ok(given.into_iter().map(Given::from).collect())
    }

    /// Everything that is kept about a person.
    pub async fn export(&self, person: Person) -> Result<Value> {
        self.programme()?.claims.export(&person.subject()?).await
    }

    /// Forgets a person; gives how many codes were given up.
    pub async fn erase(&self, person: Person) -> Result<u64> {
        self.programme()?.claims.erase(&person.subject()?).await
    }

    /// One round of the work that nobody asks for: what webhooks told to read, units that have
    /// settled, awards that are due, at most so many of each.
    pub async fn work(&self, limit: usize) -> Result<Worked> {
        let (mut read, mut settled) = (0, 0);
        if let Some(programme) = &self.programme {
            read = programme.collector.process_due(limit).await?.len() as u64;
            settled = programme.collector.settle_due(limit).await?.len() as u64;
        }
        let awards = self.dispatcher.run_due(limit).await? as u64;
        Ok(Worked {
            read,
            settled,
            awards,
        })
    }

    /// Works until `stop` is ready, then ends what is under way.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<()> {
        const AT_ONCE: usize = 100;
        const PAUSE: Duration = Duration::from_secs(1);
        let settling = async {
            let Some(programme) = &self.programme else {
                return std::future::pending().await;
            };
            loop {
                let read = programme.collector.process_due(AT_ONCE).await?;
                let settled = programme.collector.settle_due(AT_ONCE).await?;
                if read.len() < AT_ONCE && settled.len() < AT_ONCE {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        tokio::select! {
            done = self.dispatcher.run(stop) => done,
            failed = settling => failed,
        }
    }

    /// Closes the store.
    pub async fn close(&self) -> Result<()> {
        self.store.close().await
    }

    /// What accepts an award within a transaction of the caller's own, on a connection of theirs.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] where the store is not PostgreSQL.
    pub fn enqueue_sql(&self, key: &str, award: &Award) -> Result<EnqueueSql> {
        let store = self.postgres.as_deref().ok_or_else(|| {
            Error::new(
                Kind::Unsupported,
                "only a store in PostgreSQL takes awards in a transaction",
            )
            .hint("open the client with a PostgreSQL store, or call award or accept")
        })?;
        store.enqueue_sql(&self.dispatcher, key, &award.request()?)
    }

    fn programme(&self) -> Result<&Programme> {
        self.programme.as_ref().ok_or_else(|| {
            invalid("this client has no campaign")
                .hint("open it with one: it says what activity is worth")
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("registry", &self.dispatcher.identity().registry)
            .finish_non_exhaustive()
    }
}
