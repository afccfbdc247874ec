//! From what is known of a participant to what they are due.

use super::Collector;
use crate::{
    Error, Kind, Result, Span, Subject, Timestamp,
    award::{
        Account, AwardKey, Content, Handle, Payment, State, Vouchers, gather, settle_apart,
        uncollected,
    },
    campaign::{Assessment, Campaign, Collect, Unit},
    dispatcher::{new_record, seal_handle},
    observation::{Entry, Merged},
    privacy::{Participant, Precision, cell_centre},
    rules::{Finding, Judgement},
    store::{AwardRecord, Change, Commit, Committed, Holding},
};

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
    pub awarded: Vec<Accepted>,
    /// The awards that were set apart now, for a person to judge: what would be due besides, if what
    /// the rules hold were accepted. They are durable, and wait in [`State::Held`].
    pub held: Vec<Accepted>,
    /// Minutes that are settled and wait to be collected.
    pub uncollected: u64,
    /// Why nothing could be settled: a source does not say what may have changed meanwhile. It is
    /// asked again.
    pub unanswered: Option<Error>,
}

/// An award that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// Its key.
    pub key: AwardKey,
    /// What it is made up of.
    pub payments: Vec<Payment>,
}

impl Accepted {
    /// Minutes in all.
    pub fn minutes(&self) -> u32 {
        self.payments.iter().map(|payment| payment.minutes).sum()
    }
}

impl Collector {
    /// How often a participant may change under our hands before we let somebody else go on.
    const TRIES: usize = 32;
    /// How long to wait for a source that does not say what may have changed.
    const UNANSWERED_MS: i64 = 15 * 60_000;

    /// Judges everything that is known of a participant and brings the accounts up to what is due.
    /// Awards are made as the campaign's [`Collect`] says.
    pub async fn settle(&self, participant: Participant) -> Result<Settled> {
        self.settle_and_gather(participant, self.campaign.collect)
            .await
    }

    /// As [`settle`](Self::settle), and gathers everything that waits into awards: a tap.
    pub async fn gather(&self, participant: Participant) -> Result<Settled> {
        self.settle_and_gather(participant, Collect::AtLeast(1))
            .await
    }

    async fn settle_and_gather(
        &self,
        participant: Participant,
        collect: Collect,
    ) -> Result<Settled> {
        let campaign = self.campaign_in(participant);
        let mut refreshed = false;
        for _ in 0..Self::TRIES {
            let now = self.clock.now();
            let holding = self.store.participant(participant).await?;
            let mut merged: Merged = holding.entries.iter().cloned().collect();
            merged.extend(self.whoevers(participant).await?);
            let judgement = self.rules.judge(&merged.open(), now);
            let assessment = campaign.assess(&judgement, now);
            let doubtful = self.doubtful(&judgement, &merged, &campaign, now);
            let (raised, apart) =
                settle_apart(&holding.accounts, &assessment.due, &doubtful.assessment.due);
            if !raised.is_empty() && !refreshed {
                refreshed = true;
                match self.refresh(participant, &holding, &raised).await {
                    Ok(false) => {}
                    Ok(true) => continue,
                    Err(error) => {
                        return self.hold(participant, &holding, error, now).await;
                    }
                }
            }
            let mut decided =
                self.decide(participant, &holding, raised, collect, &judgement, now)?;
            self.set_apart(&mut decided, participant, &holding, apart, &doubtful, now)?;
            let waiting = uncollected(&decided.accounts);
            let nexts = [assessment.next, doubtful.assessment.next];
            let change = Change {
                expected: Some(holding.version),
                accounts: decided.changed,
                wake: nexts.into_iter().flatten().min(),
                ..Change::of(participant)
            };
            let commit = Commit {
                change: Some(change),
                awards: decided.awards,
                ..Commit::default()
            };
            if self.store.commit(commit).await? == Committed::Done {
                return Ok(Settled {
                    participant,
                    judgement,
                    assessment,
                    awarded: decided.accepted,
                    held: decided.held,
                    uncollected: waiting,
                    unanswered: None,
                });
            }
        }
        Err(
            Error::new(Kind::StorageFailed, "others keep changing this participant")
                .hint("settle again; nothing is lost"),
        )
    }

    /// What was withdrawn in the participant's epoch without saying whose it was. What was awarded
    /// before stays awarded, so nobody is settled again because of it.
    async fn whoevers(&self, participant: Participant) -> Result<Vec<Entry>> {
        if !self.rules.heeds_whoever() {
            return Ok(Vec::new());
        }
        let epoch = participant.epoch();
        let Some(key) = self.keys.epoch_key(&self.campaign.name, epoch, false)? else {
            return Ok(Vec::new());
        };
        let whoever = Participant::of(&Subject::whoever(), &key);
        Ok(self.store.participant(whoever).await?.entries)
    }

    /// Accounts and awards as they are to be, with nothing written yet.
    fn decide(
        &self,
        participant: Participant,
        holding: &Holding,
        raised: Vec<Account>,
        collect: Collect,
        judgement: &Judgement,
        now: Timestamp,
    ) -> Result<Decided> {
        let mut accounts = holding.accounts.clone();
        replace(&mut accounts, &raised);
        let groups = match collect {
            Collect::OnTap => Vec::new(),
            Collect::AtOnce => each(&accounts),
            Collect::AtLeast(least) if uncollected(&accounts) >= u64::from(least) => {
                together(&accounts)
            }
            Collect::AtLeast(_) => Vec::new(),
        };
        let mut changed = raised;
        if !groups.is_empty() {
            let (gathered, _) = gather(&accounts);
            replace(&mut accounts, &gathered);
            replace(&mut changed, &gathered);
        }
        let handle = match groups.is_empty() {
            true => None,
            false => self.handle(participant, holding)?,
        };
        let mut awards = Vec::with_capacity(groups.len());
        let mut accepted = Vec::with_capacity(groups.len());
        for payments in groups {
            awards.push(self.award(participant, &payments, judgement, handle.as_ref(), now)?);
            accepted.push(Accepted {
                key: awards[awards.len() - 1].key,
                payments,
            });
        }
        Ok(Decided {
            accounts,
            changed,
            awards,
            accepted,
            held: Vec::new(),
        })
    }

    /// What would be due if what the rules hold were accepted.
    fn doubtful(
        &self,
        judgement: &Judgement,
        merged: &Merged,
        campaign: &Campaign,
        now: Timestamp,
    ) -> Doubtful {
        let held = judgement.findings.iter().filter(|finding| finding.hold);
        let held: Vec<_> = held.cloned().collect();
        if held.is_empty() {
            return Doubtful::default();
        }
        let judgement = self.rules.judge_accepting(&merged.open(), now);
        Doubtful {
            assessment: campaign.assess(&judgement, now),
            judgement,
            held,
        }
    }

    /// Makes held awards of what is due only if what is held were accepted.
    fn set_apart(
        &self,
        decided: &mut Decided,
        participant: Participant,
        holding: &Holding,
        payments: Vec<Payment>,
        doubtful: &Doubtful,
        now: Timestamp,
    ) -> Result<()> {
        let handle = match payments.is_empty() {
            true => None,
            false => self.handle(participant, holding)?,
        };
        for payment in payments {
            let reason = doubtful.reason(&payment.unit, &self.campaign);
            let payments = vec![payment];
            let judgement = &doubtful.judgement;
            let award = self.award(participant, &payments, judgement, handle.as_ref(), now)?;
            decided.held.push(Accepted {
                key: award.key,
                payments,
            });
            decided.awards.push(AwardRecord {
                state: State::Held(reason.to_owned()),
                ..award
            });
        }
        Ok(())
    }

    fn handle(&self, participant: Participant, holding: &Holding) -> Result<Option<Handle>> {
        let Some(sealed) = &holding.handle else {
            return Ok(None);
        };
        Ok(self.open_person(participant, sealed)?.handle)
    }

    fn award(
        &self,
        participant: Participant,
        payments: &[Payment],
        judgement: &Judgement,
        handle: Option<&Handle>,
        now: Timestamp,
    ) -> Result<AwardRecord> {
        let key =
            AwardKey::of_payments(&self.identity, &self.campaign.name, &participant, payments);
        let sorts = payments
            .iter()
            .map(|payment| self.vouchers(payment, judgement, now));
        let content = Content::merged(sorts.collect::<Result<_>>()?)?;
        let sealed = handle
            .map(|handle| seal_handle(&self.award_sealer, key, handle.clone(), now))
            .transpose()?;
        Ok(new_record(key, participant, content, sealed, now))
    }

    /// Asks the sources that may have changed silently about the units that are to be settled.
    /// `true` if something was asked.
    async fn refresh(
        &self,
        participant: Participant,
        holding: &Holding,
        raised: &[Account],
    ) -> Result<bool> {
        let Some(sealed) = &holding.handle else {
            return Ok(false);
        };
        let spans: Vec<Span> = raised
            .iter()
            .map(|account| match account.unit {
                Unit::Day(day) => {
                    let start = self.campaign.zone.start_of(day);
                    let end = self.campaign.zone.start_of(day.next());
                    Span::starting(start, end.since(start))
                }
                Unit::Named(_) | Unit::Session(_) => self.campaign.runs,
            })
            .collect();
        let mut asked = false;
        for (source, subject) in self.open_person(participant, sealed)?.subjects()? {
            let Some(adapter) = self.sources.get(&source) else {
                continue;
            };
            if !adapter.capabilities().refresh {
                continue;
            }
            let units: Vec<(Subject, Span)> =
                spans.iter().map(|span| (subject.clone(), *span)).collect();
            self.ask_again(&source, adapter, &units).await?;
            asked = true;
        }
        Ok(asked)
    }

    /// Settles nothing, and looks again in a while.
    async fn hold(
        &self,
        participant: Participant,
        holding: &Holding,
        error: Error,
        now: Timestamp,
    ) -> Result<Settled> {
        tracing::warn!(
            code = error.code(),
            "a source does not answer; nothing is settled"
        );
        let change = Change {
            expected: Some(holding.version),
            wake: Some(now.plus_millis(Self::UNANSWERED_MS)),
            ..Change::of(participant)
        };
        let commit = Commit {
            change: Some(change),
            ..Commit::default()
        };
        // Whoever changed it meanwhile has said when to look again.
        self.store.commit(commit).await?;
        Ok(Settled {
            participant,
            judgement: Judgement::default(),
            assessment: Assessment::default(),
            awarded: Vec::new(),
            held: Vec::new(),
            uncollected: uncollected(&holding.accounts),
            unanswered: Some(error),
        })
    }

    /// The campaign as far as a participant's epoch goes: a record that crosses the end of a month
    /// is held under both months' pseudonyms, and each counts its own part.
    fn campaign_in(&self, participant: Participant) -> Campaign {
        let epoch = participant.epoch().span(&self.campaign.zone);
        let runs = self.campaign.runs.overlap(epoch);
        let nothing = Span::starting(epoch.start(), 0);
        Campaign {
            runs: runs.unwrap_or(nothing),
            ..Campaign::clone(&self.campaign)
        }
    }

    fn vouchers(
        &self,
        payment: &Payment,
        judgement: &Judgement,
        now: Timestamp,
    ) -> Result<Vouchers> {
        let mut lines = self.campaign.lines.iter();
        let line = lines.find(|line| line.name == payment.line);
        let line = line.ok_or_else(|| {
            Error::new(
                Kind::ConfigurationInvalid,
                "minutes are settled on a line that the campaign no longer has",
            )
            .with("line", &payment.line)
            .hint("put the line back; one that awards nothing may end, but not be taken out")
        })?;
        let reached = match &payment.unit {
            Unit::Named(name) => judgement
                .milestones
                .iter()
                .find(|m| m.name == *name)
                .map(|m| m.at),
            Unit::Session(name) => judgement
                .sessions
                .iter()
                .find(|session| session.name == *name)
                .map(|session| session.window.start()),
            Unit::Day(_) => None,
        };
        let place = match self.precision {
            Precision::Exact => self.campaign.place,
            Precision::Standard => cell_centre(self.campaign.place),
        };
        Ok(Vouchers {
            aim: line.aim,
            minutes: payment.minutes,
            place,
            at: self.campaign.voucher_time(&payment.unit, reached, now),
        })
    }
}

/// What is to be written.
struct Decided {
    /// All accounts as they are to be.
    accounts: Vec<Account>,
    /// Those of them that changed.
    changed: Vec<Account>,
    awards: Vec<AwardRecord>,
    accepted: Vec<Accepted>,
    held: Vec<Accepted>,
}

/// What the rules hold, and what it would be worth.
#[derive(Default)]
struct Doubtful {
    held: Vec<Finding>,
    judgement: Judgement,
    assessment: Assessment,
}

impl Doubtful {
    /// Why a unit is held: the first finding in it.
    fn reason(&self, unit: &Unit, campaign: &Campaign) -> &'static str {
        let within = |finding: &&Finding| match unit {
            Unit::Day(day) => {
                let (first, end) = (finding.span.start(), finding.span.end());
                campaign.zone.day(first) <= *day && *day <= campaign.zone.day(end)
            }
            Unit::Named(_) | Unit::Session(_) => true,
        };
        let finding = self.held.iter().find(within).or(self.held.first());
        finding.map_or("held", |finding| finding.reason.code)
    }
}

/// Each payment an award of its own.
fn each(accounts: &[Account]) -> Vec<Vec<Payment>> {
    let (_, payments) = gather(accounts);
    payments.into_iter().map(|payment| vec![payment]).collect()
}

/// As many payments to an award as it may hold.
fn together(accounts: &[Account]) -> Vec<Vec<Payment>> {
    let mut groups: Vec<Vec<Payment>> = Vec::new();
    let (_, payments) = gather(accounts);
    for payment in payments {
        let fits = groups.last().is_some_and(|group| {
            let minutes: u32 = group.iter().map(|payment| payment.minutes).sum();
            group.len() < Content::MAX_SORTS && minutes + payment.minutes <= Content::MAX_MINUTES
        });
        match groups.last_mut() {
            Some(group) if fits => group.push(payment),
            _ => groups.push(vec![payment]),
        }
    }
    groups
}

/// Puts accounts in the place of those of the same line and unit.
fn replace(accounts: &mut Vec<Account>, changed: &[Account]) {
    for account in changed {
        accounts.retain(|old| (&old.line, &old.unit) != (&account.line, &account.unit));
        accounts.push(account.clone());
    }
}
