//! The books recomputed: what a store holds, added up again and held against itself and, where
//! somebody can read them, against the Registry's own books.
//!
//! An audit changes nothing. It may run while awards are under way; what it compares is read in
//! such an order that work in between makes no difference.

mod codes;
mod difference;
mod sums;
#[cfg(test)]
mod tests;

pub use difference::{Difference, Found};
pub use sums::{Line, Sums};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;

use crate::{
    Error, Result, Zone,
    award::{Account, AwardKey, State},
    campaign::{Campaign, Unit},
    privacy::{KeyStore, Participant, Sealer},
    protocol::{Aim, Otc},
    store::{AwardRecord, Store},
};
use codes::Codes;

/// How many awards, or participants, are read at a time.
const PAGE: usize = 1_000;

/// The least version of an award whose code was offered and collected: it was written as creating,
/// verifying, offered and acknowledged.
const OFFERED_AND_COLLECTED: u64 = 4;

/// Recomputes the books.
#[derive(Debug)]
pub struct Auditor {
    store: Arc<dyn Store>,
    sealer: Sealer,
    zone: Zone,
    campaign: Option<Campaign>,
    registry: Option<Box<dyn RegistryBooks>>,
}

/// What a Registry's own books say of one source.
#[async_trait]
pub trait RegistryBooks: std::fmt::Debug + Send + Sync {
    /// The vouchers that belong to a code; `None` for one that the Registry does not know.
    async fn code(&self, otc: &Otc) -> Result<Option<Behind>>;

    /// Minutes of this source by the code of their aim.
    async fn made(&self) -> Result<BTreeMap<String, Made>>;
}

/// What waits for a participant in awards.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    minutes: u64,
    /// Of these.
    refused: u64,
}

/// What stands behind a code at the Registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Behind {
    /// Whether it was made good: it can be redeemed, was redeemed, or was voided by wrong PINs.
    pub good: bool,
    /// How many vouchers.
    pub minutes: u64,
}

/// Minutes that a source had made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Made {
    /// In every code.
    pub generated: u64,
    /// In codes that were made good.
    pub issued: u64,
}

/// What an audit came to.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Awards, and what they are worth.
    pub sums: Sums,
    /// What does not agree.
    pub found: Found,
    /// Minutes that the Registry made into codes that were never made good: harmless. `None` where
    /// its books were not read.
    pub orphans: Option<u64>,
    /// Minutes of awards that were given up before a code was offered: a person was erased.
    pub given_up: u64,
    /// Lines of accounts that the campaign does not have: another campaign's, or renamed ones.
    pub unknown_lines: BTreeSet<String>,
}

impl Audit {
    /// Whether the books agree.
    pub fn agrees(&self) -> bool {
        self.found.count == 0
    }
}

impl Auditor {
    /// An audit of this store, whose codes were sealed with these keys.
    pub fn new(store: Arc<dyn Store>, keys: Arc<dyn KeyStore>) -> Self {
        Self {
            store,
            sealer: Sealer::new(keys, "award"),
            zone: Zone::UTC,
            campaign: None,
            registry: None,
        }
    }

    /// Holds accounts against the campaign's lines and caps too, and counts months in its zone.
    #[must_use]
    pub fn campaign(self, campaign: Campaign) -> Self {
        Self {
            zone: campaign.zone.clone(),
            campaign: Some(campaign),
            ..self
        }
    }

    /// Holds codes and sums against these books too.
    #[must_use]
    pub fn registry(self, books: impl RegistryBooks + 'static) -> Self {
        Self {
            registry: Some(Box::new(books)),
            ..self
        }
    }

    /// Recomputes everything; `progress` hears how many awards and participants were read so far.
    ///
    /// # Errors
    ///
    /// Of the store or the Registry's books, where they cannot be read at all. What is damaged here
    /// and there is a difference, not an error.
    pub async fn run(&self, mut progress: impl FnMut(u64)) -> Result<Audit> {
        let mut audit = Audit::default();
        // The Registry first: whatever it made was written here before.
        let made = match &self.registry {
            Some(books) => Some(books.made().await?),
            None => None,
        };
        let mut read = 0;
        let mut codes = Codes::new(&self.sealer, self.registry.as_deref());
        let mut waiting = BTreeMap::<Participant, Waiting>::new();
        let mut possibly_issued = BTreeMap::<Aim, u64>::new();
        let mut collected = BTreeMap::<Aim, u64>::new();
        let mut last: Option<AwardKey> = None;
        loop {
            let page = self.store.awards(last, PAGE).await?;
            let Some((end, _)) = page.last() else { break };
            let end = *end;
            for (key, award) in page {
                read += 1;
                if last == Some(key) {
                    audit.found.add(Difference::AwardTwice, name(key));
                }
                last = Some(key);
                match award {
                    Ok(award) => {
                        audit.sums.add(&award, &self.zone);
                        codes.check(&award, &mut audit.found).await?;
                        check_state(&award, &mut audit.found);
                        if let Some(participant) = award.participant {
                            let minutes = u64::from(award.content.minutes());
                            let waiting = waiting.entry(participant).or_default();
                            waiting.minutes += minutes;
                            waiting.refused += minutes * u64::from(award.state.is_refused());
                        }
                        for sort in award.content.sorts() {
                            let minutes = u64::from(sort.minutes);
                            if may_be_issued(&award) {
                                *possibly_issued.entry(sort.aim).or_default() += minutes;
                            }
                            if award.state == State::Acknowledged {
                                match award.version < OFFERED_AND_COLLECTED {
                                    true => audit.given_up += minutes,
                                    // Shown on doubt: perhaps never issued.
                                    false if award.unclear => {}
                                    false => *collected.entry(sort.aim).or_default() += minutes,
                                }
                            }
                        }
                    }
                    Err(error) => damaged(&error, Difference::AwardDamaged, name(key), &mut audit),
                }
            }
            last = Some(end);
            progress(read);
        }
        let honoured = codes.honoured;
        self.check_accounts(&waiting, read, &mut progress, &mut audit)
            .await?;
        if let Some(made) = made {
            check_made(&made, &possibly_issued, &collected, &honoured, &mut audit);
        }
        Ok(audit)
    }

    async fn check_accounts(
        &self,
        waiting: &BTreeMap<Participant, Waiting>,
        mut read: u64,
        progress: &mut impl FnMut(u64),
        audit: &mut Audit,
    ) -> Result<()> {
        let mut without: BTreeSet<_> = waiting.keys().copied().collect();
        let mut given_back = 0;
        let mut by_aim = BTreeMap::<Aim, u64>::new();
        let mut last: Option<Participant> = None;
        loop {
            let page = self.store.accounts(last, PAGE).await?;
            let Some((end, _)) = page.last() else { break };
            last = Some(*end);
            for (participant, accounts) in page {
                read += 1;
                without.remove(&participant);
                let accounts = match accounts {
                    Ok(accounts) => accounts,
                    Err(error) => {
                        let place = "of one participant".to_owned();
                        damaged(&error, Difference::AccountDamaged, place, audit);
                        continue;
                    }
                };
                let (mut awarded, mut refused) = (0, 0);
                for account in &accounts {
                    audit.sums.accounts += 1;
                    audit.sums.settled_minutes += u64::from(account.settled);
                    audit.sums.awarded_minutes += u64::from(account.awarded);
                    awarded += u64::from(account.awarded);
                    refused += u64::from(account.refused);
                    if let Some(aim) = self.check_account(account, audit) {
                        *by_aim.entry(aim).or_default() += u64::from(account.awarded);
                    }
                }
                audit.sums.participants += 1;
                let own = waiting.get(&participant).copied().unwrap_or_default();
                if refused > own.refused {
                    given_back += self.given_back(participant).await?;
                }
                let waits = own.minutes;
                if waits > awarded {
                    let place = format!("{waits} min wait, {awarded} were awarded");
                    audit.found.add(Difference::AwardedWithoutAccount, place);
                }
            }
            progress(read);
        }
        for participant in without {
            let place = format!(
                "{} min wait, of nobody known",
                waiting[&participant].minutes
            );
            audit.found.add(Difference::AwardedWithoutAccount, place);
        }
        // Whose a refused award was is forgotten when it is given up.
        if given_back > audit.given_up {
            let place = format!("{} min", given_back - audit.given_up);
            audit.found.add(Difference::RefusedNotRefused, place);
        }
        self.check_totals(&by_aim, audit).await
    }

    /// Minutes that a participant's accounts have given back without a refused award, both read at
    /// one moment: somebody may have judged since the awards were read.
    async fn given_back(&self, participant: Participant) -> Result<u64> {
        loop {
            let before = self.store.participant(participant).await?;
            let awards = self.store.awards_of(participant).await?;
            if self.store.participant(participant).await?.version != before.version {
                continue;
            }
            let refused = awards.iter().filter(|award| award.state.is_refused());
            let refused: u64 = refused
                .map(|award| u64::from(award.content.minutes()))
                .sum();
            let given: u64 = before
                .accounts
                .iter()
                .map(|account| u64::from(account.refused))
                .sum();
            return Ok(given.saturating_sub(refused));
        }
    }

    /// The aim of the account's line.
    fn check_account(&self, account: &Account, audit: &mut Audit) -> Option<Aim> {
        let place = || format!("line {}, unit {}", account.line, account.unit);
        if account.awarded > account.settled.saturating_add(account.returned) {
            audit.found.add(Difference::AccountOverdrawn, place());
        }
        let most = u64::from(account.n) * u64::from(crate::award::Content::MAX_MINUTES);
        let refused = account.returned <= account.refused && account.refused <= account.awarded;
        if account.n > account.awarded || u64::from(account.awarded) > most || !refused {
            audit.found.add(Difference::AccountMiscounted, place());
        }
        let campaign = self.campaign.as_ref()?;
        let Some(line) = campaign.lines.iter().find(|line| line.name == account.line) else {
            audit.unknown_lines.insert(account.line.clone());
            return None;
        };
        let timed = !matches!(account.unit, Unit::Named(_));
        if timed && line.cap_minutes.is_some_and(|cap| account.settled > cap) {
            audit.found.add(Difference::AccountOverCap, place());
        }
        Some(line.aim)
    }

    /// Whatever accounts say was awarded stands in awards.
    async fn check_totals(&self, by_aim: &BTreeMap<Aim, u64>, audit: &mut Audit) -> Result<()> {
        let short = |sums: &Sums| {
            let missing = |(aim, awarded): (&Aim, &u64)| {
                let held = sums.by_aim.get(aim).map_or(0, |line| line.minutes);
                (*awarded > held).then(|| (*aim, *awarded - held))
            };
            by_aim.iter().filter_map(missing).collect::<Vec<_>>()
        };
        if short(&audit.sums).is_empty() {
            return Ok(());
        }
        // Accounts were read after the awards: what came in between stands in the awards now.
        let mut sums = Sums::default();
        let mut last = None;
        loop {
            let page = self.store.awards(last, PAGE).await?;
            let Some((end, _)) = page.last() else { break };
            last = Some(*end);
            for award in page.into_iter().filter_map(|(_, award)| award.ok()) {
                sums.add(&award, &self.zone);
            }
        }
        for (aim, minutes) in short(&sums) {
            let place = format!("aim {aim}: {minutes} min");
            audit.found.add(Difference::AwardMissing, place);
        }
        Ok(())
    }
}

fn check_state(award: &AwardRecord, found: &mut Found) {
    if award.state.reason().is_some_and(str::is_empty) {
        found.add(Difference::NoReason, name(award.key));
    }
    let over = award.state == State::Acknowledged;
    if over && (award.sealed.is_some() && !award.is_open() || award.participant.is_some()) {
        found.add(Difference::NotForgotten, name(award.key));
    }
}

/// Whether the Registry may have made its code good.
fn may_be_issued(award: &AwardRecord) -> bool {
    match award.state {
        State::Accepted => award.tries > 0,
        _ => !award.state.is_withheld(),
    }
}

/// Holds what the Registry issued against what may have been, and against what must have been.
fn check_made(
    made: &BTreeMap<String, Made>,
    possibly_issued: &BTreeMap<Aim, u64>,
    collected: &BTreeMap<Aim, u64>,
    honoured: &BTreeMap<Aim, u64>,
    audit: &mut Audit,
) {
    let mut orphans = 0;
    for (code, made) in made {
        orphans += made.generated.saturating_sub(made.issued);
        let own = possibly_issued.iter().find(|(aim, _)| aim.code() == *code);
        let own = own.map_or(0, |(_, minutes)| *minutes);
        if made.issued > own {
            let place = format!("aim {code}: {} min there, {own} min here", made.issued);
            audit.found.add(Difference::IssuedMore, place);
        }
    }
    audit.orphans = Some(orphans);
    for (aim, minutes) in collected {
        let issued = made.get(aim.code()).map_or(0, |made| made.issued);
        let waiting = honoured.get(aim).copied().unwrap_or_default();
        let others = issued.saturating_sub(waiting);
        if *minutes > others {
            let place = format!("aim {aim}: {others} min there, {minutes} min here");
            audit.found.add(Difference::CollectedNotIssued, place);
        }
    }
}

fn damaged(error: &Error, difference: Difference, place: String, audit: &mut Audit) {
    audit
        .found
        .add(difference, format!("{place} ({})", error.code()));
}

/// How an award is called in messages: as `wom outbox list` shows it.
fn name(key: AwardKey) -> String {
    format!("award {}", &key.to_hex()[..12])
}
