//! Sources: systems that call webhooks, are pulled page by page, or leave a file, and send what they
//! have twice, late and in any order.

use std::sync::Arc;

use async_trait::async_trait;
use wom_sdk::{
    Digest, Error, Kind, Result, Timestamp,
    collector::Unwatched,
    instrument::{
        Capabilities, Cursor, Hint, Info, Input, Instrument, Proven, Received, Reply, Request, Sink,
    },
    store::DeliveryId,
};

use super::{
    Scene,
    bugs::Bug,
    ledger::{ADAPTER, Ledger},
    process::{Hands, Process},
};
use crate::fuzz::Rng;

/// Some revisions of some records, sent together.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// When the source has it.
    pub(super) at: Timestamp,
    pub(super) way: Way,
    pub(super) items: Vec<(usize, usize)>,
}

/// How a parcel comes in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// A file that somebody reads.
    File,
    /// A line in the journal that we pull.
    Pull,
    /// A webhook.
    Webhook,
}

/// Everything that the sources of a run will ever say.
#[derive(Debug)]
pub(super) struct Parcels(pub(super) Vec<Parcel>);

impl Parcels {
    pub(super) fn draw(seed: u64, ledger: &Ledger, start: Timestamp, end: Timestamp) -> Self {
        let mut rng = Rng::new(seed, "parcels", 0);
        let mut parcels: Vec<Parcel> = Vec::new();
        let records = &ledger.records;
        for (number, record) in records.all.iter().enumerate() {
            for revision in 0..record.revisions.len() {
                // Once surely, and again while luck wants it.
                loop {
                    let past = record.past(revision, records.calendar).max(start);
                    let most = *rng.pick(&[60, 3_600, 20_000, 100_000]);
                    let late = i64::try_from(rng.below(most)).unwrap_or(0);
                    let at = past.plus_millis(late * 1000).min(end.max(past));
                    let beside = match parcels.len() {
                        0 => None,
                        all => parcels.get_mut(rng.below(all)),
                    };
                    let way = *rng.pick(&[Way::File, Way::Pull, Way::Webhook]);
                    match beside {
                        Some(parcel) if rng.one_in(3) => {
                            parcel.at = parcel.at.max(at);
                            parcel.items.push((number, revision));
                        }
                        _ => parcels.push(Parcel {
                            at,
                            way,
                            items: vec![(number, revision)],
                        }),
                    }
                    if !rng.one_in(4) {
                        break;
                    }
                }
            }
        }
        Self(parcels)
    }

    /// When the last one is sent.
    pub(super) fn last(&self) -> Timestamp {
        self.0
            .iter()
            .map(|parcel| parcel.at)
            .max()
            .unwrap_or(Timestamp::MIN)
    }
}

/// The adapter of the sources.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    ledger: Arc<Ledger>,
    parcels: Arc<Parcels>,
    process: Arc<Process>,
}

impl Feed {
    pub(super) fn new(scene: &Scene, process: &Arc<Process>) -> Self {
        Self {
            ledger: Arc::clone(&scene.ledger),
            parcels: Arc::clone(&scene.parcels),
            process: Arc::clone(process),
        }
    }

    /// Hands a parcel to the sink, in one chunk or several.
    async fn parcel(&self, number: usize, sink: &mut dyn Sink) -> Result<()> {
        let world = &self.process.world;
        let mut chunk = Vec::new();
        for (record, revision) in &self.parcels.0[number].items {
            let mut observation = self.ledger.records.observe(*record, *revision);
            if world.has(Bug::KeyOfRevision) {
                observation.key = Digest::of([observation.key.0, [*revision as u8; 16]]);
            }
            chunk.push(observation);
            if world.chance(300) {
                sink.observe(std::mem::take(&mut chunk)).await?;
                self.stumble().await?;
            }
        }
        if !chunk.is_empty() {
            sink.observe(chunk).await?;
        }
        Ok(())
    }

    /// The source does not answer, or the process dies while it waits.
    async fn stumble(&self) -> Result<()> {
        let world = &self.process.world;
        world.sleep_ms(1, 100).await;
        self.process.may_die("read").await;
        match world.strikes(super::weather::Fault::Unreachable) {
            true => Err(Error::new(
                Kind::NetworkUnreachable,
                "the source does not answer",
            )),
            false => Ok(()),
        }
    }

    /// The parcels of the journal, in the order in which they came to be.
    fn journal(&self) -> Vec<usize> {
        let now = self.process.world.now();
        let parcels = self.parcels.0.iter().enumerate();
        let mut journal: Vec<_> = parcels
            .filter(|(_, parcel)| parcel.way == Way::Pull && parcel.at <= now)
            .map(|(number, parcel)| (parcel.at, number))
            .collect();
        journal.sort_unstable();
        journal.into_iter().map(|(_, number)| number).collect()
    }
}

#[async_trait]
impl Instrument for Feed {
    fn info(&self) -> Info {
        Info {
            name: ADAPTER,
            summary: "",
            rules: "active-minutes/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::SERVICE
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        match std::str::from_utf8(request.body) {
            Ok(text) => Received::read(Reply::status(200), Hint(text.to_owned())),
            Err(_) => Received::refuse(400, Error::new(Kind::InputInvalid, "not text")),
        }
    }

    async fn read(&self, input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        self.stumble().await?;
        match input {
            Input::Bytes(bytes) => self.parcel(number(&bytes)?, sink).await,
            Input::Hint(hint) => self.parcel(number(hint.0.as_bytes())?, sink).await,
            Input::Pull(cursor) => {
                let from = cursor.map_or(Ok(0), |cursor| number(cursor.0.as_bytes()))?;
                for (place, parcel) in self.journal().into_iter().enumerate().skip(from) {
                    let next = Cursor((place + 1).to_string());
                    if self.process.world.has(Bug::CursorBeforeCommit) {
                        sink.resume_at(next).await?;
                        self.parcel(parcel, sink).await?;
                    } else {
                        self.parcel(parcel, sink).await?;
                        sink.resume_at(next).await?;
                    }
                    self.stumble().await?;
                }
                Ok(())
            }
            _ => Err(Error::new(Kind::Unsupported, "another input")),
        }
    }
}

fn number(text: &[u8]) -> Result<usize> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::new(Kind::InputInvalid, "not a number"))
}

/// The source's side of a parcel: it is sent until somebody says that it arrived, and then perhaps
/// once more.
pub(super) async fn send(scene: Arc<Scene>, parcel: usize) {
    let world = &scene.world;
    let Parcel { at, way, .. } = scene.parcels.0[parcel];
    world.sleep_until(at).await;
    let mut rng = Rng::new(world.seed, "send", parcel as u64);
    let mut times = 1 + usize::from(rng.one_in(4));
    while times > 0 {
        let arrived = match way {
            Way::File => file(&scene, parcel).await,
            Way::Pull => return scene.done(),
            Way::Webhook => webhook(&scene, parcel).await,
        };
        if arrived {
            world.log(format_args!("parcel {parcel} has arrived"));
            times -= 1;
        }
        world.sleep_ms(500, 60_000).await;
    }
    scene.done();
}

async fn file(scene: &Arc<Scene>, parcel: usize) -> bool {
    let feed = Arc::clone(scene);
    let process = scene.process();
    let own = Arc::clone(process);
    let id = DeliveryId(Digest::of([format!("parcel {parcel}")]));
    let submit = |hands: Hands| async move {
        let feed = Feed::new(&feed, &own);
        let input = Input::Bytes(parcel.to_string().into_bytes());
        let delivery = parcel.is_multiple_of(2).then_some(id);
        hands
            .collector
            .submit(&feed, input, delivery, &mut Unwatched)
            .await
    };
    match process.call(submit).await {
        // What is still to come by our clock is sent again.
        Some(Ok(submission)) => !submission.to_come,
        Some(Err(error)) => {
            scene
                .world
                .heard_error(format_args!("parcel {parcel}"), &error);
            false
        }
        None => false,
    }
}

async fn webhook(scene: &Arc<Scene>, parcel: usize) -> bool {
    let now = scene.world.now();
    let call = |hands: Hands| async move {
        let body = parcel.to_string();
        let request = Request {
            method: "POST",
            query: "",
            headers: &[],
            body: body.as_bytes(),
            received_at: now,
        };
        hands.collector.receive("feed", &request).await
    };
    match scene.process().call(call).await {
        Some(Ok(reply)) => reply.status == 200,
        Some(Err(error)) => {
            scene
                .world
                .heard_error(format_args!("webhook {parcel}"), &error);
            false
        }
        None => false,
    }
}
