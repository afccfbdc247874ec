//! Accounts: what is due less what was awarded, once.

use serde::{Deserialize, Serialize};

use super::Content;
use crate::campaign::{Due, Unit};

/// What one participant gave on one line for one unit. No number but `refused` ever shrinks, and
/// that one only where a person accepts what was refused before.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Account {
    /// The line of the campaign.
    pub line: String,
    /// The day or named thing.
    pub unit: Unit,
    /// Minutes that were judged due, those that wait for a person's judgement among them.
    pub settled: u32,
    /// Minutes of these that were made into awards, refused ones among them.
    pub awarded: u32,
    /// Minutes in awards that a person refused.
    #[serde(default)]
    pub refused: u32,
    /// Minutes of these that turned out to count all the same, by other evidence: they were, or can
    /// be, awarded again.
    #[serde(default)]
    pub returned: u32,
    /// How many payments made up what was awarded.
    pub n: u32,
}

impl Account {
    /// An account of which nothing is known yet.
    pub fn new(line: impl Into<String>, unit: Unit) -> Self {
        Self {
            line: line.into(),
            unit,
            settled: 0,
            awarded: 0,
            refused: 0,
            returned: 0,
            n: 0,
        }
    }

    /// Minutes that wait to be gathered.
    pub fn waiting(&self) -> u32 {
        (self.settled.saturating_add(self.returned)).saturating_sub(self.awarded)
    }

    /// Minutes in awards that nobody refused: what was, or may yet be, paid.
    pub fn granted(&self) -> u32 {
        self.awarded.saturating_sub(self.refused)
    }

    /// Minutes that count for the participant: what is granted and what waits.
    pub fn counted(&self) -> u32 {
        self.granted().saturating_add(self.waiting())
    }

    /// The account after a person refused an award of so many of its minutes.
    pub(crate) fn refuse(self, minutes: u32) -> Self {
        Self {
            refused: self.refused.saturating_add(minutes),
            ..self
        }
    }

    /// The account after a person accepted an award all the same that was refused before. `None` if
    /// its minutes were returned meanwhile: they would be paid twice.
    pub(crate) fn accept_refused(self, minutes: u32) -> Option<Self> {
        let refused = self.refused.checked_sub(minutes)?;
        (refused >= self.returned).then_some(Self { refused, ..self })
    }

    /// Makes a payment of so many minutes, 1 to 10,000.
    fn pay(&mut self, minutes: u32) -> Payment {
        let payment = Payment {
            line: self.line.clone(),
            unit: self.unit.clone(),
            minutes,
            n: self.n,
        };
        self.awarded += minutes;
        self.n += 1;
        payment
    }

    /// Pays so many minutes, in as many payments as that takes.
    fn pay_all(&mut self, mut minutes: u32, payments: &mut Vec<Payment>) {
        while minutes > 0 {
            let some = minutes.min(Content::MAX_MINUTES);
            payments.push(self.pay(some));
            minutes -= some;
        }
    }

    /// Raises the account to what is clean, and to what would be due if what is in doubt were
    /// accepted. Returns the minutes in doubt that are new: they are to be set apart.
    ///
    /// Two judgements are numbers, and do not say which minutes they share. So what was granted is
    /// taken to be the clean minutes first: only what is clean beyond it is surely new. Refused minutes
    /// keep their place in what is settled, so that they are not asked about again, until so much
    /// is clean that they must be among it. Whatever comes, `granted + waiting` is never more than
    /// was ever due.
    fn raise(&mut self, clean: u32, doubtful: u32) -> u32 {
        let waited = self.waiting();
        self.settled = self.settled.max(clean).max(doubtful);
        let must = clean
            .saturating_add(self.refused)
            .saturating_sub(self.settled);
        self.returned = self.returned.max(must.min(self.refused));
        let surely = waited.max(clean.saturating_sub(self.granted()));
        self.waiting().saturating_sub(surely)
    }
}

/// What an account pays into an award.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payment {
    /// The line of the campaign.
    pub line: String,
    /// The day or named thing.
    pub unit: Unit,
    /// Minutes, 1 to 10,000.
    pub minutes: u32,
    /// The number of this payment within its account, from 0.
    pub n: u32,
}

/// Raises accounts to what is due, and returns those that changed, as they are after. What was
/// settled stays so, even where less is due than before.
pub fn settle(accounts: &[Account], due: &[Due]) -> Vec<Account> {
    settle_apart(accounts, due, &[]).0
}

/// As [`settle`], and sets apart what is due only if what is in `doubt` were accepted: these minutes
/// are awarded to the accounts, so that nothing that comes later is paid on top of a cap, and what a
/// person accepts can be paid only once.
pub(crate) fn settle_apart(
    accounts: &[Account],
    clean: &[Due],
    doubt: &[Due],
) -> (Vec<Account>, Vec<Payment>) {
    let of = |due: &[Due], line: &str, unit: &Unit| {
        let own = due.iter().find(|own| own.line == line && own.unit == *unit);
        own.map_or(0, |own| own.minutes)
    };
    let mut changed: Vec<Account> = Vec::new();
    let mut payments = Vec::new();
    for Due { line, unit, .. } in clean.iter().chain(doubt) {
        let this = |account: &&Account| account.line == *line && account.unit == *unit;
        if changed.iter().any(|account| this(&account)) {
            continue;
        }
        let held = accounts.iter().find(this);
        let mut account = held
            .cloned()
            .unwrap_or_else(|| Account::new(line, unit.clone()));
        let apart = account.raise(of(clean, line, unit), of(doubt, line, unit));
        account.pay_all(apart, &mut payments);
        if held.is_none_or(|held| *held != account) && account.settled > 0 {
            changed.push(account);
        }
    }
    (changed, payments)
}

/// Gathers everything that is settled and was not awarded yet. Returns the accounts that changed,
/// as they are after, and what they pay.
pub fn gather(accounts: &[Account]) -> (Vec<Account>, Vec<Payment>) {
    let mut changed = Vec::new();
    let mut payments = Vec::new();
    for account in accounts.iter().filter(|account| account.waiting() > 0) {
        let mut account = account.clone();
        account.pay_all(account.waiting(), &mut payments);
        changed.push(account);
    }
    (changed, payments)
}

/// Minutes that are settled and wait to be gathered.
pub fn uncollected(accounts: &[Account]) -> u64 {
    accounts
        .iter()
        .map(|account| u64::from(account.waiting()))
        .sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn unit(n: u8) -> Unit {
        Unit::Named(n.to_string())
    }

    proptest! {
        /// Whatever becomes due in whatever order, and whenever it is gathered: what was paid in
        /// the end is the most that was ever due, and no payment has the name of another.
        #[test]
        fn every_minute_that_was_ever_due_is_paid_once(
            steps in prop::collection::vec((0_u8..3, 0_u32..30_000, any::<bool>()), 0..40),
        ) {
            let mut accounts: Vec<Account> = Vec::new();
            let mut most = [0; 3];
            let mut paid = [0; 3];
            let mut names = BTreeSet::new();
            for (who, minutes, tap) in steps {
                most[usize::from(who)] = minutes.max(most[usize::from(who)]);
                let due = Due { line: "l".to_owned(), unit: unit(who), minutes };
                let raised = settle(&accounts, &[due]);
                put(&mut accounts, raised);
                if !tap {
                    continue;
                }
                let (changed, payments) = gather(&accounts);
                put(&mut accounts, changed);
                for payment in payments {
                    prop_assert!((1..=10_000).contains(&payment.minutes));
                    prop_assert!(names.insert((payment.unit.to_string(), payment.n)));
                    let who: usize = payment.unit.to_string().trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
                    paid[who] += payment.minutes;
                }
            }
            let waiting: u64 = uncollected(&accounts);
            let total = |all: [u32; 3]| all.iter().copied().map(u64::from).sum::<u64>();
            prop_assert_eq!(total(paid) + waiting, total(most));
        }

        /// However much is clean, however much is in doubt besides, whenever it is gathered, and
        /// however a person judges, and judges again: nothing is paid beyond what was ever due; what
        /// the account says of awards is what the awards say; nobody is asked twice about the same;
        /// and once all is judged, whatever is clean counts in a unit of which nothing doubtful was
        /// accepted.
        #[test]
        fn what_is_refused_is_given_back_to_clean_minutes_and_to_nothing_else(
            steps in prop::collection::vec(step(), 0..40),
        ) {
            let mut account = Account::new("l", unit(0));
            let mut awards: Vec<(Payment, Judged)> = Vec::new();
            let (mut most, mut most_clean, mut clean, mut doubt) = (0, 0, 0, 0);
            let mut accepted = false;
            for one in steps {
                match one {
                    Step::Settle(now_clean, more) => {
                        (clean, doubt) = (now_clean, now_clean + more);
                        most = most.max(doubt);
                        most_clean = most_clean.max(clean);
                    }
                    Step::Gather => {
                        let (changed, payments) = gather(std::slice::from_ref(&account));
                        account = changed.into_iter().next().unwrap_or(account);
                        awards.extend(payments.into_iter().map(|paid| (paid, Judged::Clean)));
                    }
                    Step::Judge(which, accept) if !awards.is_empty() => {
                        let which = which.index(awards.len());
                        let (payment, judged) = &mut awards[which];
                        let minutes = payment.minutes;
                        match (*judged, accept) {
                            (Judged::Held, false) => account = account.refuse(minutes),
                            (Judged::Refused, true) => {
                                match account.clone().accept_refused(minutes) {
                                    Some(after) => account = after,
                                    None => continue,
                                }
                            }
                            (Judged::Held, true) => {}
                            _ => continue,
                        }
                        accepted |= accept;
                        *judged = if accept { Judged::Accepted } else { Judged::Refused };
                    }
                    Step::Judge(..) => {}
                }
                if matches!(one, Step::Settle(..)) || clean > 0 {
                    let apart = raise(&mut account, clean, doubt);
                    awards.extend(apart.into_iter().map(|paid| (paid, Judged::Held)));
                    prop_assert_eq!(raise(&mut account, clean, doubt), []);
                }
                let sum = |wanted: &dyn Fn(Judged) -> bool| {
                    let own = awards.iter().filter(|(_, judged)| wanted(*judged));
                    own.map(|(payment, _)| payment.minutes).sum::<u32>()
                };
                prop_assert_eq!(account.awarded, sum(&|_| true));
                prop_assert_eq!(account.refused, sum(&|judged| judged == Judged::Refused));
                prop_assert_eq!(account.granted(), sum(&|judged| judged != Judged::Refused));
                prop_assert!(account.returned <= account.refused);
                prop_assert!(account.counted() <= most && most == account.settled);
                let held = sum(&|judged| judged == Judged::Held);
                prop_assert!(account.counted() >= clean);
                if !accepted && held == 0 {
                    prop_assert!((clean..=most_clean).contains(&account.counted()));
                }
            }
            let names: BTreeSet<_> = awards.iter().map(|(payment, _)| payment.n).collect();
            prop_assert_eq!(names.len(), awards.len());
        }
    }

    /// The case that it was made for, in numbers.
    #[test]
    fn clean_evidence_after_a_refusal_is_paid_and_the_refusal_cannot_be_undone_then() {
        let mut account = Account::new("l", unit(0));
        assert_eq!(raise(&mut account, 0, 30)[0].minutes, 30);
        account = account.refuse(30);
        assert_eq!(raise(&mut account, 0, 30), []);
        assert_eq!(account.waiting(), 0);
        let undone = account.clone().accept_refused(30).unwrap();
        assert_eq!((undone.granted(), undone.waiting()), (30, 0));
        assert_eq!(raise(&mut account, 20, 30), []);
        assert_eq!(account.waiting(), 20);
        assert_eq!(account.clone().accept_refused(30), None);
        assert_eq!(account.clone().accept_refused(11), None);
        assert_eq!(account.accept_refused(10).unwrap().counted(), 30);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Settle(u32, u32),
        Gather,
        Judge(prop::sample::Index, bool),
    }

    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Judged {
        Clean,
        Held,
        Accepted,
        Refused,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u32..25_000, 0_u32..25_000).prop_map(|(clean, more)| Step::Settle(clean, more)),
            (0_u32..40, 0_u32..40).prop_map(|(clean, more)| Step::Settle(clean, more)),
            Just(Step::Gather),
            (any::<prop::sample::Index>(), any::<bool>())
                .prop_map(|(which, accept)| Step::Judge(which, accept)),
            (any::<prop::sample::Index>(), any::<bool>())
                .prop_map(|(which, accept)| Step::Judge(which, accept)),
        ]
    }

    fn raise(account: &mut Account, clean: u32, doubt: u32) -> Vec<Payment> {
        let due = |minutes| Due {
            line: account.line.clone(),
            unit: account.unit.clone(),
            minutes,
        };
        let held = std::slice::from_ref(&*account);
        let (changed, payments) = settle_apart(held, &[due(clean)], &[due(doubt)]);
        if let Some(after) = changed.into_iter().next() {
            *account = after;
        }
        payments
    }

    fn put(accounts: &mut Vec<Account>, changed: Vec<Account>) {
        for account in changed {
            accounts.retain(|old| old.unit != account.unit);
            accounts.push(account);
        }
    }
}
