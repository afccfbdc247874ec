//! `wom demo`: the whole way once, on this machine, without internet.

mod replay;
mod till;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Value, json};
use wom_catalog::{Catalog, Settings};
use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    Activity, Clock as _, Error, Kind, MINUTE_MS, Result, Span, SystemClock, Timestamp, Zone,
    award::{Issuer as _, Ticket},
    campaign::{Campaign, Collect, Line, Mode},
    cash_desk::CashDesk,
    checkout::{Charge, State},
    collector::{Accepted, Collector, Settled, Unwatched},
    dispatcher::Dispatcher,
    instrument::Input,
    merchant::{Discount, Merchant as _, OrderId},
    pocket::Pocket,
    privacy::MemoryKeyStore,
    protocol::Link,
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient},
    store::Store,
};
use wom_store::SqliteStore;

use self::{replay::Replayed, till::SampleTill};
use super::{award::print_ticket, submit::aim_title};
use crate::output::Output;

/// See the whole way on this machine, without internet: minutes, vouchers, a discount.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A recording of your own instead of the sample ones.
    #[arg(long)]
    input: Option<PathBuf>,
    /// The adapter that reads it; taken from its name where not given.
    #[arg(long, requires = "input")]
    adapter: Option<String>,
}

/// What is paid at the shop.
const PRICE: u32 = 15;
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    let dir = tempfile::tempdir().map_err(|error| {
        Error::new(Kind::StorageFailed, "cannot make a temporary folder").because(error)
    })?;
    let world = World::build(dir.path(), output).await?;
    let shown = world.play(&args, catalog, dir.path(), output).await;
    world.registry.close().await;
    shown.map(|object| output.object(&object))
}

/// A Registry on a free port, an instrument and a shop.
struct World {
    registry: Registry,
    client: RegistryClient,
    instrument: InstrumentClient,
    pos: PosClient,
}

impl World {
    async fn build(dir: &std::path::Path, output: &Output) -> Result<Self> {
        output.heading(output.say(
            "A Registry, an instrument and a shop",
            "Un Registry, uno strumento e un negozio",
        ));
        let registry = Registry::open(dir.join("registry"), RegistryOptions::new()).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| {
                Error::new(Kind::ConfigurationInvalid, "no free port on this machine")
                    .because(error)
            })?;
        let address = listener.local_addr().map_err(|error| {
            Error::new(Kind::Internal, "a listener without an address").because(error)
        })?;
        tokio::spawn(wom_registry::serve(
            listener,
            registry.clone(),
            std::future::pending(),
        ));
        let aims = ["H".parse()?, "UM".parse()?];
        let (instrument, pos) = tokio::try_join!(
            registry.add_instrument("Demo", &aims),
            registry.add_pos("Caffè Demo", "Banco")
        )?;
        let client = RegistryClient::new(&format!("http://{address}"))?;
        output.line(format_args!(
            "http://{address}, 4096 bits, {}",
            output.say("on this machine only", "solo su questo computer")
        ));
        Ok(Self {
            instrument: InstrumentClient::new(client.clone(), instrument.id, instrument.key)?,
            pos: PosClient::new(client.clone(), pos.id, pos.key)?,
            client,
            registry,
        })
    }

    async fn play(
        &self,
        args: &Args,
        catalog: &Catalog,
        dir: &std::path::Path,
        output: &Output,
    ) -> Result<Value> {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.join("awards.db")).await?);
        let keys = Arc::new(MemoryKeyStore::default());
        let clock = Arc::new(SystemClock);
        let identity = self.instrument.identity().clone();

        // Read.
        output.heading(output.say("Recordings", "Registrazioni"));
        let recordings = recordings(args, catalog)?;
        let rules = catalog.rule_set("active-minutes/1", &Settings::none())?;
        let collector = Collector::new(
            Arc::clone(&store),
            keys.clone(),
            clock.clone(),
            identity,
            campaign()?,
            rules,
        );
        let (mut observations, mut refused, mut settled) = (0, 0, Vec::new());
        let mut read = Vec::new();
        for recording in recordings {
            let replayed = Replayed::as_of(recording.adapter, recording.input, clock.now()).await?;
            let days = replayed.days();
            let submission = collector
                .submit(&replayed, Input::Bytes(Vec::new()), None, &mut Unwatched)
                .await?;
            observations += submission.observations;
            refused += submission.refused;
            output.line(format_args!(
                "{}: {} {}; {}",
                recording.name,
                submission.observations,
                output.say("observations", "osservazioni"),
                match output.language {
                    wom_sdk::campaign::Language::Italian =>
                        format!("registrata {days} giorni fa, ripetuta come se fosse di oggi"),
                    _ => format!("recorded {days} days ago, replayed as if it were today's"),
                }
            ));
            read.push(json!({"recording": recording.name, "observations": submission.observations, "daysShifted": days}));
            settled.extend(submission.settled);
        }
        let minutes: u32 = settled
            .iter()
            .flat_map(|settled| &settled.awarded)
            .map(Accepted::minutes)
            .sum();

        // Award.
        output.heading(output.say("Minutes, and why", "Minuti, e perché"));
        explain(&settled, output);
        output.heading(output.say("Awards", "Riconoscimenti"));
        let dispatcher = Dispatcher::open(
            Arc::clone(&store),
            Arc::new(self.instrument.clone()),
            keys.clone(),
            clock.clone(),
        )
        .await?;
        let mut tickets: Vec<(Ticket, _)> = Vec::new();
        for record in store.unacknowledged(None, usize::MAX).await? {
            let ticket = dispatcher.bring(record.key).await?;
            let aim = record.content.sorts()[0].aim;
            output.line(format_args!(
                "{} WOM, {}",
                ticket.minutes,
                aim_title(aim, output)
            ));
            print_ticket(&ticket, output);
            tickets.push((ticket, record.key));
        }
        let awarded: u32 = tickets.iter().map(|(ticket, _)| ticket.minutes).sum();

        // Redeem.
        output.heading(output.say("Into an anonymous Pocket", "In un Pocket anonimo"));
        let pocket = Pocket::open(dir.join("wallet.json"))?;
        let wallet = PocketClient::new(self.client.clone());
        for (ticket, key) in &tickets {
            pocket
                .redeem(
                    &wallet,
                    &Link::Vouchers(ticket.otc.clone()),
                    &ticket.pin,
                    None,
                )
                .await?;
            dispatcher.acknowledge_key(*key).await?;
        }
        let by_aim = pocket.balance()?;
        let redeemed: u32 = by_aim.values().sum();
        for (aim, count) in &by_aim {
            output.line(format_args!("{count} {aim}"));
        }

        // Charge.
        output.heading(output.say("At the till", "Alla cassa"));
        let (charged, discount) = if redeemed < PRICE {
            output.line(output.say(
                "Fewer than 15 minutes were recorded: too few for the sample offer.",
                "Meno di 15 minuti registrati: troppo pochi per l'offerta di prova.",
            ));
            (json!(null), json!(null))
        } else {
            self.shop(&pocket, &wallet, &store, &keys, output).await?
        };

        // Close the books.
        output.heading(output.say("The books", "I conti"));
        let books = self.registry.books().await?.total;
        output.line(format_args!(
            "{} {}, {} {}, {} {}, {} {}",
            output.say("issued", "emessi"),
            books.issued,
            output.say("redeemed", "ritirati"),
            books.redeemed,
            output.say("spent", "spesi"),
            books.spent,
            output.say("left", "rimasti"),
            books.left(),
        ));
        let balanced = books.issued == u64::from(awarded)
            && books.redeemed == u64::from(redeemed)
            && books.left() == u64::from(pocket.balance()?.values().sum::<u32>());
        if !balanced {
            return Err(Error::new(Kind::Internal, "the books do not balance"));
        }
        Ok(json!({
            "read": {"recordings": read, "observations": observations, "refused": refused, "minutes": minutes},
            "awarded": {"count": awarded, "codes": tickets.len()},
            "redeemed": {"count": redeemed, "byAim": by_aim},
            "charged": charged,
            "discount": discount,
            "books": {"issued": books.issued, "redeemed": books.redeemed, "spent": books.spent, "left": books.left()},
        }))
    }

    /// One order, one payment, one discount.
    async fn shop(
        &self,
        pocket: &Pocket,
        wallet: &PocketClient,
        store: &Arc<dyn Store>,
        keys: &Arc<MemoryKeyStore>,
        output: &Output,
    ) -> Result<(Value, Value)> {
        let till = SampleTill::with_an_order();
        let order = OrderId("1001".to_owned());
        let before = till.read(&order).await?.total;
        let desk = CashDesk::new(
            Arc::clone(store),
            Arc::new(self.pos.clone()),
            keys.clone(),
            Arc::new(SystemClock),
        );
        let request = desk.charge(&order.0, &Charge::new(PRICE)?).await?;
        print_ticket(&request, output);
        pocket
            .pay(wallet, &Link::Payment(request.otc.clone()), &request.pin)
            .await?;
        let state = desk.wait(&order.0, PATIENCE).await?;
        let State::Paid { .. } = state else {
            return Err(Error::new(Kind::Internal, "the payment was not heard of")
                .with("state", state.name()));
        };
        till.apply(&order, &Discount::BasisPoints(1000), &order.0)
            .await?;
        let order = till.read(&order).await?;
        for line in &order.lines {
            output.line(format_args!(
                "{:<22} {:>8.2} €",
                line.text,
                euros(line.amount)
            ));
        }
        output.line(format_args!(
            "{:<22} {:>8.2} €",
            output.say("To pay", "Da pagare"),
            euros(order.total)
        ));
        Ok((
            json!({"amount": PRICE, "paid": true}),
            json!({"order": order.id, "before": before, "after": order.total, "currency": order.currency}),
        ))
    }
}

#[allow(clippy::cast_precision_loss, reason = "for the eye")]
fn euros(cents: i64) -> f64 {
    cents as f64 / 100.0
}

/// Health for all that moves; riding a bicycle in the city counts as mobility instead.
fn campaign() -> Result<Campaign> {
    let mut mobility = Line::all_day("mobility", "UM".parse()?);
    mobility.activities = vec![Activity::CYCLING];
    mobility.mode = Mode::Instead;
    mobility.milestones = false;
    Ok(Campaign {
        name: "demo".to_owned(),
        zone: Zone::UTC,
        runs: Span::starting(Timestamp::MIN, Timestamp::MAX.since(Timestamp::MIN)),
        // Nothing late is to be expected of a recording that is complete: the day counts at once,
        // though it may not be over yet.
        settlement_ms: -24 * 60 * MINUTE_MS,
        lateness_ms: Campaign::LATENESS_MS,
        collect: Collect::AtOnce,
        place: "43.7263,12.6366".parse()?,
        lines: vec![mobility, Line::all_day("health", "H".parse()?)],
    })
}

struct Recording {
    name: String,
    adapter: Arc<dyn wom_sdk::instrument::Instrument>,
    input: Input,
}

fn recordings(args: &Args, catalog: &Catalog) -> Result<Vec<Recording>> {
    if let Some(path) = &args.input {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let adapter = args
            .adapter
            .as_deref()
            .map_or_else(|| adapter_of(&name), Ok)?;
        let adapter = catalog.instrument(adapter, &Settings::none())?;
        return Ok(vec![Recording {
            name,
            adapter,
            input: Input::Path(path.clone()),
        }]);
    }
    let samples: [(&str, &[u8]); 2] = [
        (
            "triathlon.fit",
            include_bytes!("../../../examples/data/triathlon.fit"),
        ),
        (
            "monitoring-day.fit",
            include_bytes!("../../../examples/data/monitoring-day.fit"),
        ),
    ];
    let mut recordings = Vec::new();
    for (name, bytes) in samples {
        recordings.push(Recording {
            name: name.to_owned(),
            adapter: catalog.instrument("steps.fit", &Settings::none())?,
            input: Input::Bytes(bytes.to_vec()),
        });
    }
    Ok(recordings)
}

fn adapter_of(name: &str) -> Result<&'static str> {
    let lower = name.to_ascii_lowercase();
    let known = [
        (".fit", "steps.fit"),
        (".xml", "steps.apple-health"),
        (".zip", "steps.apple-health"),
        (".json", "activity.json"),
        (".jsonl", "activity.json"),
        (".csv", "activity.csv"),
    ];
    known
        .iter()
        .find(|(ending, _)| lower.ends_with(ending))
        .map(|(_, adapter)| *adapter)
        .ok_or_else(|| {
            Error::new(
                Kind::InputInvalid,
                "no adapter is known for files of this name",
            )
            .hint("name one with --adapter; wom adapters lists them")
        })
}

/// Prints what every rule and policy decided, for each participant as it stands in the end.
fn explain(settled: &[Settled], output: &Output) {
    let last: BTreeMap<_, _> = settled
        .iter()
        .map(|settled| (settled.participant, settled))
        .collect();
    for settled in last.values() {
        let mut reasons = BTreeMap::<_, (usize, i64)>::new();
        for finding in &settled.judgement.findings {
            let sum = reasons
                .entry(output.say(finding.reason.en, finding.reason.it))
                .or_default();
            sum.0 += 1;
            sum.1 += finding.millis;
        }
        for (reason, (count, millis)) in reasons {
            output.line(format_args!(
                "{count:>4} × {:>4} min  {reason}",
                millis / MINUTE_MS
            ));
        }
        for counted in &settled.assessment.counted {
            output.line(format_args!("{}", counted.sentence(output.language)));
        }
    }
}
