//! Brings activity in: from an adapter's input to observations, accounts and awards.

mod intake;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    Clock, Error, Kind, Result, Timestamp,
    award::{AwardKey, Content, Identity, Payment, Vouchers, pay},
    campaign::{Assessment, Campaign, Unit},
    dispatcher::new_record,
    instrument::{Input, Instrument, Refusal},
    observation::Merged,
    privacy::{KeyStore, Participant, Precision, cell_centre},
    rules::{Judgement, RuleSet},
    store::{Commit, Committed, Delivery, Store},
};

/// Takes in what adapters read, and settles it under one campaign.
#[derive(Clone, Debug)]
pub struct Collector {
    store: Arc<dyn Store>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    identity: Identity,
    campaign: Arc<Campaign>,
    rules: Arc<dyn RuleSet>,
    precision: Precision,
}

/// Hears what happens while an input is read.
pub trait Watcher: Send {
    /// A record was refused.
    fn refused(&mut self, refusal: &Refusal) {
        let _ = refusal;
    }

    /// So many bytes of the input are done.
    fn progress(&mut self, bytes: u64) {
        let _ = bytes;
    }
}

/// A watcher that does not look.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Watcher for Unwatched {}

/// What came of an input.
#[derive(Debug)]
pub struct Submission {
    /// Whether the very same delivery was taken in before. Nothing was read then.
    pub repeated: bool,
    /// Observations that were read.
    pub observations: u64,
    /// Records that were refused.
    pub refused: u64,
    /// What was settled of the participants that the input touched.
    pub settled: Vec<Settled>,
}

/// What came of one participant's observations.
#[derive(Debug)]
pub struct Settled {
    /// Whose, for one epoch.
    pub participant: Participant,
    /// What the rules say.
    pub judgement: Judgement,
    /// What the campaign makes of it.
    pub assessment: Assessment,
    /// The awards that were accepted now; they are durable and wait for the dispatcher.
    pub awarded: Vec<(AwardKey, Payment)>,
}

impl Collector {
    /// How often a participant may change under our hands before we let somebody else go on.
    const TRIES: usize = 32;

    /// A collector for one campaign of one instrument.
    pub fn new(
        store: Arc<dyn Store>,
        keys: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
        identity: Identity,
        campaign: Campaign,
        rules: Arc<dyn RuleSet>,
    ) -> Self {
        let campaign = Arc::new(campaign);
        Self {
            store,
            keys,
            clock,
            identity,
            campaign,
            rules,
            precision: Precision::Standard,
        }
    }

    /// Lets vouchers tell the campaign's place as it is, not the centre of its cell.
    #[must_use]
    pub fn exact_place(self) -> Self {
        Self {
            precision: Precision::Exact,
            ..self
        }
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Reads an input through an adapter, keeps what it yields, and settles whom it touched.
    ///
    /// `delivery` names the input, where it has a name: the same one again is not read again.
    /// Without a name, reading it again changes nothing all the same.
    pub async fn submit(
        &self,
        adapter: &dyn Instrument,
        input: Input,
        delivery: Option<Delivery>,
        watcher: &mut dyn Watcher,
    ) -> Result<Submission> {
        if let Some(delivery) = delivery
            && !self.store.inbox_open(delivery).await?
        {
            return Ok(Submission {
                repeated: true,
                observations: 0,
                refused: 0,
                settled: Vec::new(),
            });
        }
        let now = self.clock.now();
        let mut intake = intake::Intake::new(self, adapter.info().name, watcher);
        let read = adapter.read(input, now, &mut intake).await;
        let (touched, observations, refused) = intake.finish();
        let mut settled = Vec::new();
        // What came in before an error is safe; it counts.
        for participant in touched {
            settled.push(self.settle(participant).await?);
        }
        read?;
        if let Some(delivery) = delivery {
            self.store.inbox_close(delivery).await?;
        }
        Ok(Submission {
            repeated: false,
            observations,
            refused,
            settled,
        })
    }

    /// Settles participants whose units have become due, at most `limit`.
    pub async fn settle_due(&self, limit: usize) -> Result<Vec<Settled>> {
        let mut settled = Vec::new();
        for participant in self.store.waking(self.clock.now(), limit).await? {
            settled.push(self.settle(participant).await?);
        }
        Ok(settled)
    }

    /// Judges everything that is known of a participant and brings the accounts up to what is due.
    pub async fn settle(&self, participant: Participant) -> Result<Settled> {
        for _ in 0..Self::TRIES {
            let now = self.clock.now();
            let holding = self.store.participant(participant).await?;
            let merged: Merged = holding.entries.into_iter().collect();
            let judgement = self.rules.judge(&merged.open(), now);
            let assessment = self.campaign_in(participant).assess(&judgement, now);
            let (accounts, payments) = pay(&holding.accounts, &assessment.due);
            let mut awards = Vec::new();
            let mut awarded = Vec::new();
            for payment in payments {
                let key = self.award_key(&participant, &payment);
                awards.push(new_record(
                    key,
                    self.content(&payment, &judgement, now)?,
                    now,
                ));
                awarded.push((key, payment));
            }
            let commit = Commit {
                participant: Some(participant),
                expected: Some(holding.version),
                entries: Vec::new(),
                accounts,
                awards,
                wake: assessment.next,
            };
            if self.store.commit(commit).await? == Committed::Done {
                return Ok(Settled {
                    participant,
                    judgement,
                    assessment,
                    awarded,
                });
            }
        }
        Err(
            Error::new(Kind::StorageFailed, "others keep changing this participant")
                .hint("settle again; nothing is lost"),
        )
    }

    /// The campaign as far as a participant's epoch goes: a record that crosses the end of a month
    /// is held under both months' pseudonyms, and each counts its own part.
    fn campaign_in(&self, participant: Participant) -> Campaign {
        let epoch = participant.epoch().span(&self.campaign.zone);
        let runs = self.campaign.runs.overlap(epoch);
        let nothing = crate::Span::starting(epoch.start(), 0);
        Campaign {
            runs: runs.unwrap_or(nothing),
            ..Campaign::clone(&self.campaign)
        }
    }

    fn award_key(&self, participant: &Participant, payment: &Payment) -> AwardKey {
        let Payment { line, unit, n, .. } = payment;
        AwardKey::of_account(
            &self.identity,
            &self.campaign.name,
            line,
            participant,
            unit,
            *n,
        )
    }

    fn content(&self, payment: &Payment, judgement: &Judgement, now: Timestamp) -> Result<Content> {
        let line = self
            .campaign
            .lines
            .iter()
            .find(|line| line.name == payment.line);
        let line = line.ok_or_else(|| Error::new(Kind::Internal, "a payment without its line"))?;
        let reached = match &payment.unit {
            Unit::Named(name) => judgement
                .milestones
                .iter()
                .find(|m| m.name == *name)
                .map(|m| m.at),
            Unit::Day(_) => None,
        };
        let place = match self.precision {
            Precision::Exact => self.campaign.place,
            Precision::Standard => cell_centre(self.campaign.place),
        };
        let at = self.campaign.voucher_time(&payment.unit, reached, now);
        Content::new(vec![Vouchers {
            aim: line.aim,
            minutes: payment.minutes,
            place,
            at,
        }])
    }
}

/// Participants that an input touched, in a stable order.
type Touched = BTreeSet<Participant>;
