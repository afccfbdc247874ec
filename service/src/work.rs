//! The work that nobody asks for: awards on their way, webhooks to read, sources to pull, units to
//! settle, payments and discounts to look after, claims to hand over, months to end.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use wom_sdk::{Error, Kind, Result, Timestamp, webhook};

use crate::{Programme, Service, Shops, Source, Tills, claim_page, till_page};

/// How often to look for webhooks that wait, beside being told.
const INBOX: Duration = Duration::from_millis(500);
/// How often to look for units that have become due.
const SETTLE: Duration = Duration::from_secs(5);
/// How often to hand claims over.
const PUSH: Duration = Duration::from_secs(2);
/// How often to look whether a month is over.
const CLOSE: Duration = Duration::from_secs(3_600);
/// How long to leave a store alone that failed.
const FAILED: Duration = Duration::from_secs(1);
/// The longest pause before a source that failed is pulled again, where it is not pulled more seldom.
const SELDOM: Duration = Duration::from_secs(6 * 3_600);
/// How many of anything are taken at a time.
const LOT: usize = 100;
/// How many days it is known which deliveries were done with.
const REMEMBERED_DAYS: u32 = 30;

/// Work that is under way.
pub(crate) struct Working(JoinSet<()>);

impl Working {
    /// Waits until all of it has ended, which it does once the service is told to stop.
    pub(crate) async fn ended(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

/// Begins all work of a service.
pub(crate) fn begin(service: &Service) -> Working {
    let mut all = JoinSet::new();
    for programme in service.0.programmes.values() {
        all.spawn(awards(service.clone(), programme.clone()));
        let pulls = programme
            .sources
            .iter()
            .filter(|source| source.pull.is_some());
        let chores = [Chore::Inbox, Chore::Settlement, Chore::Months]
            .into_iter()
            .chain(pulls.cloned().map(Chore::Pull));
        for chore in chores {
            all.spawn(chore.keep_up(service.clone(), programme.clone()));
        }
        if programme.sink.is_some() {
            all.spawn(push(service.clone(), programme.clone()));
        }
    }
    all.spawn(sessions(service.clone()));
    all.spawn(keep::<Tills>(service.clone()));
    all.spawn(keep::<Shops>(service.clone()));
    Working(all)
}

/// Something that is done over and over.
enum Chore {
    /// Read what webhooks told to read.
    Inbox,
    /// Settle what has become due.
    Settlement,
    /// End the months that are over.
    Months,
    /// Pull from a source.
    Pull(Source),
}

impl Chore {
    async fn keep_up(self, service: Service, programme: Programme) {
        let mut stopped = std::pin::pin!(service.stopped());
        let mut failures = 0;
        loop {
            let woken = service.0.wake.notified();
            let pause = match self.once(&service, &programme).await {
                Ok(done) => {
                    failures = 0;
                    if done < LOT {
                        self.pause()
                    } else {
                        Duration::ZERO
                    }
                }
                Err(error) => {
                    failures += 1;
                    let (chore, code) = (self.name(), error.code());
                    tracing::warn!(
                        chore,
                        code,
                        failures,
                        "it did not work, and is tried again: {error}"
                    );
                    self.pause_after(failures, &error)
                }
            };
            if let Self::Pull(source) = &self {
                let metrics = &service.0.metrics;
                metrics.pulled(&programme.name, &source.name, failures);
            }
            tokio::select! {
                () = &mut stopped => return,
                () = tokio::time::sleep(pause) => {}
                () = woken, if matches!(self, Self::Inbox) => {}
            }
        }
    }

    /// Does it once, and tells how much there was to do.
    async fn once(&self, service: &Service, programme: &Programme) -> Result<usize> {
        let collector = &programme.collector;
        match self {
            Self::Inbox => Ok(collector.process_due(LOT).await?.len()),
            Self::Settlement => Ok(collector.settle_due(LOT).await?.len()),
            Self::Months => close(service, programme).await.map(|()| 0),
            Self::Pull(source) => pull(service, programme, source).await.map(|()| 0),
        }
    }

    fn pause(&self) -> Duration {
        match self {
            Self::Inbox => INBOX,
            Self::Settlement => SETTLE,
            Self::Months => CLOSE,
            Self::Pull(source) => source.pull.unwrap_or(CLOSE),
        }
    }

    /// Our own store is asked again soon; somebody else's system ever more seldom, and not before it
    /// said.
    fn pause_after(&self, failures: u32, error: &Error) -> Duration {
        let Self::Pull(_) = self else {
            return self.pause().max(FAILED);
        };
        let more = 1_u32 << (failures - 1).min(16);
        let pause = self.pause().max(FAILED / 4).saturating_mul(more);
        let asked = error.retry_after().unwrap_or_default();
        pause.min(SELDOM.max(self.pause())).max(asked.min(SELDOM))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Settlement => "settlement",
            Self::Months => "months",
            Self::Pull(_) => "pull",
        }
    }
}

/// Brings awards to the Registry, also after the store failed.
async fn awards(service: Service, programme: Programme) {
    let mut stopped = std::pin::pin!(service.stopped());
    loop {
        if let Err(error) = programme.dispatcher.run(service.stopped()).await {
            tracing::warn!(
                code = error.code(),
                "awards wait, and are tried again: {error}"
            );
        }
        tokio::select! {
            biased;
            () = &mut stopped => return,
            () = tokio::time::sleep(FAILED) => {}
        }
    }
}

/// What is looked after as a whole, and may be replaced by another while the service runs.
trait Kept: Send + Sync + Sized + 'static {
    const WHAT: &str;

    /// What the service has now.
    fn of(service: &Service) -> Option<Arc<Self>>;

    /// Looks after it until `stop` is ready. An error of the store ends it.
    fn keep(
        &self,
        stop: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// The payments of all POS.
impl Kept for Tills {
    const WHAT: &str = "payments";

    fn of(service: &Service) -> Option<Arc<Self>> {
        service.tills()
    }

    fn keep(
        &self,
        stop: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<()>> + Send {
        self.desks().run(stop)
    }
}

/// The discounts of all shops.
impl Kept for Shops {
    const WHAT: &str = "sales";

    fn of(service: &Service) -> Option<Arc<Self>> {
        service.shops()
    }

    fn keep(
        &self,
        stop: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<()>> + Send {
        self.driven().run(stop)
    }
}

/// Looks after it until the service ends, also after it was replaced or the store failed.
async fn keep<T: Kept>(service: Service) {
    let mut stopped = std::pin::pin!(service.stopped());
    loop {
        if let Some(kept) = T::of(&service) {
            let stop = async {
                tokio::select! {
                    () = service.stopped() => {}
                    () = replaced(&service, &kept) => {}
                }
            };
            if let Err(error) = kept.keep(stop).await {
                let (what, code) = (T::WHAT, error.code());
                tracing::warn!(what, code, "they wait, and are tried again: {error}");
            }
        }
        tokio::select! {
            biased;
            () = &mut stopped => return,
            () = tokio::time::sleep(FAILED) => {}
        }
    }
}

/// Ready once this is no longer the service's.
async fn replaced<T: Kept>(service: &Service, kept: &Arc<T>) {
    while T::of(service).is_some_and(|now| Arc::ptr_eq(&now, kept)) {
        tokio::time::sleep(FAILED).await;
    }
}

/// Ends the sessions of the till page that are over.
async fn sessions(service: Service) {
    let mut stopped = std::pin::pin!(service.stopped());
    loop {
        if let Err(error) = till_page::forget(&service) {
            let code = error.code();
            tracing::warn!(code, "old sessions are not forgotten yet: {error}");
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(CLOSE) => {}
        }
    }
}

async fn close(service: &Service, programme: &Programme) -> Result<()> {
    programme.claims().close_epochs().await?;
    programme.collector.forget_inbox(REMEMBERED_DAYS).await?;
    claim_page::forget(service, programme)
}

/// Pulls, unless another process did so a short while ago.
async fn pull(service: &Service, programme: &Programme, source: &Source) -> Result<()> {
    let last = programme.store.cursor(&source.name).await?;
    let pause = source.pull.unwrap_or(CLOSE).as_millis() / 2;
    let ago = |last: Timestamp| service.0.clock.now().since(last).unsigned_abs();
    if last.is_some_and(|last| u128::from(ago(last.due)) < pause) {
        return Ok(());
    }
    match programme.collector.pull(&source.name).await {
        // Another process pulls at this moment.
        Err(error) if error.kind() == Kind::Cancelled => Ok(()),
        done => done.map(drop),
    }
}

/// Hands claims over; what is not taken is tried again ever more seldom.
async fn push(service: Service, programme: Programme) {
    let Some(sink) = &programme.sink else { return };
    let mut stopped = std::pin::pin!(service.stopped());
    let mut failures = 0;
    loop {
        let pause = match programme.claims().push(&**sink).await {
            Ok(_) => {
                failures = 0;
                PUSH
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(
                    code = error.code(),
                    failures,
                    "claims were not taken: {error}"
                );
                later(failures, &error)
            }
        };
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The sinks' schedule; at its end it goes on at its longest pause, as claims are never dropped.
fn later(failures: u32, error: &Error) -> Duration {
    let tries = failures.min(webhook::TRIES - 1);
    let pause = webhook::pause_ms(tries, u64::from(failures)).unwrap_or(i64::MAX);
    let asked = error.retry_after().unwrap_or_default();
    Duration::from_millis(pause.unsigned_abs()).max(asked)
}
