//! Claims: what a person collects, and how they get it.
//!
//! By default nothing exists that could be lost until the person taps: minutes are settled, and
//! [`Claims::of`] makes a code of them when the embedder's app asks. [`Claims::push`] hands codes to
//! a [`ClaimSink`] where nobody taps.

use async_trait::async_trait;

pub use crate::award::Handle;
use crate::{
    Error, Result, Retry, Subject,
    award::{AwardKey, Content, State, Ticket, uncollected},
    campaign::{Campaign, Unit},
    collector::Collector,
    dispatcher::Dispatcher,
    privacy::{Cohort, Epoch, Participant},
    protocol::Aim,
    rules::Reason,
    store::AwardRecord,
};

/// A code that is ready, with what it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Which award: the same claim has the same key, however often it is handed over.
    pub key: AwardKey,
    /// Link, code and PIN.
    pub ticket: Ticket,
    /// What it brings: minutes by aim and day.
    pub content: Content,
    /// Whom to hand it to, as the embedder said.
    pub handle: Option<Handle>,
}

/// Takes claims away when nobody taps: a webhook, a file, a printer of slips.
#[async_trait]
pub trait ClaimSink: std::fmt::Debug + Send + Sync {
    /// Hands claims over. `Ok` means that the receiver has them for good: they are acknowledged
    /// then, and forgotten here. After an error the same claims come again, with the same keys; so
    /// a receiver may see a claim twice and must know it by its key.
    async fn deliver(&self, claims: &[Claim]) -> Result<()>;
}

/// What the people of one campaign may collect. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Claims {
    collector: Collector,
    dispatcher: Dispatcher,
}

/// What a person gave on one line for one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The line of the campaign.
    pub line: String,
    /// What the line is for; `None` if the campaign has no such line any more.
    pub aim: Option<Aim>,
    /// The day or named thing.
    pub unit: Unit,
    /// Minutes that count, those that wait for a judgement among them; no refused ones.
    pub minutes: u32,
    /// Minutes of these that were made into awards.
    pub awarded: u32,
}

impl Claims {
    /// How many claims [`push`](Self::push) hands over at a time.
    const AT_ONCE: usize = 500;

    /// The claims of a collector's people, made good by a dispatcher over the same store.
    pub fn new(collector: Collector, dispatcher: Dispatcher) -> Self {
        Self {
            collector,
            dispatcher,
        }
    }

    /// What a person can collect now: everything that waits is gathered, and each code is good.
    /// Usually one claim; one for each month in which something waits.
    ///
    /// The same claims again until they are [acknowledged](Self::acknowledge). `person` is who the
    /// collector's [`Directory`](crate::collector::Directory) says that they are, or else the
    /// subject as the adapter names it.
    pub async fn of(&self, person: &Subject) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        for participant in self.participants(person)? {
            self.collector.gather(participant).await?;
            claims.extend(self.dispatcher.bring_all(participant).await?);
        }
        Ok(claims)
    }

    /// The claims that a person was handed and has not acknowledged. No code is made.
    pub async fn handed(&self, person: &Subject) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        for record in self.awards(person).await? {
            if record.state == State::Offered {
                claims.push(self.dispatcher.claim(record.key).await?);
            }
        }
        Ok(claims)
    }

    /// The awards of a person that nobody has acknowledged, in whatever state. No code is made.
    pub async fn awards(&self, person: &Subject) -> Result<Vec<AwardRecord>> {
        let mut awards = Vec::new();
        for participant in self.participants(person)? {
            awards.extend(self.collector.store().awards_of(participant).await?);
        }
        Ok(awards)
    }

    /// Why the rules hold an award of these people, in words; `None` for one that they do not hold,
    /// or no longer have words for.
    pub fn held_for(&self, award: &AwardRecord) -> Option<&'static Reason> {
        match &award.state {
            State::Held(code) => self.collector.rules().reason(code),
            _ => None,
        }
    }

    /// Minutes that a person could collect now. No code is made.
    pub async fn waiting(&self, person: &Subject) -> Result<u64> {
        let mut minutes = 0;
        for participant in self.participants(person)? {
            let holding = self.collector.store().participant(participant).await?;
            minutes += uncollected(&holding.accounts);
        }
        let made = self.awards(person).await?;
        let made = made.iter().filter(|record| !record.state.is_withheld());
        Ok(minutes
            + made
                .map(|record| u64::from(record.content.minutes()))
                .sum::<u64>())
    }

    /// The person has the claim: its code is forgotten here, and never given out again.
    pub async fn acknowledge(&self, key: AwardKey) -> Result<()> {
        self.dispatcher.acknowledge_key(key).await
    }

    /// What a person gave, as long as the campaign knows: until a month's key is destroyed.
    pub async fn history(&self, person: &Subject) -> Result<Vec<Given>> {
        let mut given = Vec::new();
        for participant in self.participants(person)? {
            let holding = self.collector.store().participant(participant).await?;
            given.extend(holding.accounts.into_iter().map(|account| Given {
                aim: self.aim_of(&account.line),
                minutes: account.counted(),
                awarded: account.granted(),
                line: account.line,
                unit: account.unit,
            }));
        }
        given.sort_by(|a, b| (&a.unit, &a.line).cmp(&(&b.unit, &b.line)));
        Ok(given)
    }

    /// Everything that is kept about a person, in the words of a machine: for a person who asks
    /// what is known about them (GDPR, Article 15). Codes are not in it.
    pub async fn export(&self, person: &Subject) -> Result<serde_json::Value> {
        let mut epochs = Vec::new();
        for participant in self.participants(person)? {
            let holding = self.collector.store().participant(participant).await?;
            if holding.version == 0 {
                continue;
            }
            let awards = self.collector.store().awards_of(participant).await?;
            let awards = awards.iter().map(|record| {
                serde_json::json!({
                    "state": record.state.name(),
                    "content": record.content,
                })
            });
            epochs.push(serde_json::json!({
                "epoch": participant.epoch().to_string(),
                "observations": holding.entries.iter().map(|entry| serde_json::json!({
                    "device": entry.provenance.device,
                    "recording": entry.provenance.recording,
                    "record": entry.body,
                })).collect::<Vec<_>>(),
                "accounts": holding.accounts,
                "awards": awards.collect::<Vec<_>>(),
            }));
        }
        Ok(serde_json::json!({"campaign": self.campaign().name, "epochs": epochs}))
    }

    /// Forgets a person's observations, whom to hand awards to, and the codes that were not
    /// collected. How many minutes were awarded for which day stays under the pseudonym until the
    /// month's key is destroyed, so that the same minutes are not awarded again.
    ///
    /// Returns how many codes were given up: their vouchers stay at the Registry, and nobody can
    /// redeem them any more.
    pub async fn erase(&self, person: &Subject) -> Result<u64> {
        let mut codes = 0;
        for participant in self.participants(person)? {
            self.collector.store().erase(participant).await?;
        }
        for record in self.awards(person).await? {
            if self.dispatcher.abandon(record.key).await? {
                codes += 1;
            }
        }
        Ok(codes)
    }

    /// Hands the codes that are good to a sink, and acknowledges them; returns how many. What a
    /// sink does not take comes again.
    pub async fn push(&self, sink: &dyn ClaimSink) -> Result<usize> {
        self.dispatcher.push(sink, Self::AT_ONCE).await
    }

    /// Destroys the keys of the epochs that are over for good, and forgets everything about them;
    /// returns which. One with something that was not collected stays.
    ///
    /// Run it once a day.
    pub async fn close_epochs(&self) -> Result<Vec<Epoch>> {
        let (store, keys) = (self.collector.store(), self.collector.keys());
        let campaign = self.campaign();
        let now = self.collector.clock().now();
        let mut closed = Vec::new();
        for epoch in keys.epochs(&campaign.name)? {
            let cohort = Cohort::new(&campaign.name, epoch);
            if campaign.closes(epoch) > now || store.uncollected(cohort).await? {
                continue;
            }
            // First the rows: without the key nobody could say whose they are, but they would stay.
            store.forget(cohort).await?;
            keys.destroy_epoch(&campaign.name, epoch)?;
            closed.push(epoch);
        }
        self.dispatcher.forget_sealed().await?;
        Ok(closed)
    }

    /// The pseudonyms that a person has, one for each epoch that is known.
    fn participants(&self, person: &Subject) -> Result<Vec<Participant>> {
        let keys = self.collector.keys();
        let campaign = &self.campaign().name;
        let mut participants = Vec::new();
        for epoch in keys.epochs(campaign)? {
            if let Some(key) = keys.epoch_key(campaign, epoch, false)? {
                participants.push(Participant::of(person, &key));
            }
        }
        Ok(participants)
    }

    fn aim_of(&self, line: &str) -> Option<Aim> {
        let mut lines = self.campaign().lines.iter();
        lines.find(|own| own.name == line).map(|own| own.aim)
    }

    fn campaign(&self) -> &Campaign {
        self.collector.campaign()
    }
}

impl Dispatcher {
    /// Hands good codes to a sink, `at_once` at a time, and acknowledges them; returns how many.
    ///
    /// Where the sink does not take all of them they are handed over one by one, so that one that it
    /// never takes does not hold up the others. The error then comes at the end.
    pub async fn push(&self, sink: &dyn ClaimSink, at_once: usize) -> Result<usize> {
        let (mut after, mut pushed, mut refused) = (None, 0, None);
        loop {
            let page = self.store().unacknowledged(after, at_once.max(1)).await?;
            let Some(last) = page.last() else {
                return refused.map_or(Ok(pushed), Err);
            };
            after = Some(last.key);
            let mut claims = Vec::new();
            for record in &page {
                if matches!(record.state, State::Verified | State::Offered) {
                    // Written as handed over before it is: it may have arrived whatever follows.
                    self.bring(record.key).await?;
                    claims.push(self.claim(record.key).await?);
                }
            }
            if claims.is_empty() {
                continue;
            }
            let (taken, failed) = hand_over(sink, &claims).await;
            for claim in &taken {
                self.acknowledge_key(claim.key).await?;
            }
            pushed += taken.len();
            match failed {
                // The receiver takes others, so what it does not take must not stand in their way.
                Some(error) if !taken.is_empty() => refused = Some(error),
                Some(error) => return Err(error),
                None => {}
            }
        }
    }
}

/// How many claims in a row a sink may refuse before it is the sink's own trouble.
const IN_A_ROW: usize = 3;

/// All claims at once, or else one by one: which of them the sink took, and what it said of others.
async fn hand_over<'a>(
    sink: &dyn ClaimSink,
    claims: &'a [Claim],
) -> (Vec<&'a Claim>, Option<Error>) {
    match sink.deliver(claims).await {
        Ok(()) => return (claims.iter().collect(), None),
        Err(error) if claims.len() == 1 || error.retry() == Retry::Safe => {
            return (Vec::new(), Some(error));
        }
        Err(_) => {}
    }
    let (mut taken, mut failed, mut in_a_row) = (Vec::new(), None, 0);
    for claim in claims {
        match sink.deliver(std::slice::from_ref(claim)).await {
            Ok(()) => {
                taken.push(claim);
                in_a_row = 0;
            }
            Err(error) => {
                failed = Some(error);
                in_a_row += 1;
            }
        }
        if in_a_row == IN_A_ROW {
            break;
        }
    }
    (taken, failed)
}

#[cfg(test)]
mod tests;
