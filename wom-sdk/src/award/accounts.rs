//! Accounts: what is due less what was awarded, once.

use serde::{Deserialize, Serialize};

use super::Content;
use crate::campaign::{Due, Unit};

/// What one participant gave on one line for one unit. Every number only ever grows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Account {
    /// The line of the campaign.
    pub line: String,
    /// The day or named thing.
    pub unit: Unit,
    /// Minutes that were judged due: the person can collect them.
    pub settled: u32,
    /// Minutes of these that were gathered into awards.
    pub awarded: u32,
    /// How many payments made those up.
    pub n: u32,
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
    let mut changed = Vec::new();
    for due in due {
        let held = accounts
            .iter()
            .find(|held| held.line == due.line && held.unit == due.unit);
        if due.minutes <= held.map_or(0, |held| held.settled) {
            continue;
        }
        let new = || Account {
            line: due.line.clone(),
            unit: due.unit.clone(),
            settled: 0,
            awarded: 0,
            n: 0,
        };
        changed.push(Account {
            settled: due.minutes,
            ..held.cloned().unwrap_or_else(new)
        });
    }
    changed
}

/// Gathers everything that is settled and was not awarded yet. Returns the accounts that changed,
/// as they are after, and what they pay.
pub fn gather(accounts: &[Account]) -> (Vec<Account>, Vec<Payment>) {
    let mut changed = Vec::new();
    let mut payments = Vec::new();
    for account in accounts {
        let mut account = account.clone();
        let before = account.n;
        while account.settled > account.awarded {
            let minutes = (account.settled - account.awarded).min(Content::MAX_MINUTES);
            payments.push(Payment {
                line: account.line.clone(),
                unit: account.unit.clone(),
                minutes,
                n: account.n,
            });
            account.awarded += minutes;
            account.n += 1;
        }
        if account.n != before {
            changed.push(account);
        }
    }
    (changed, payments)
}

/// Minutes that are settled and wait to be gathered.
pub fn uncollected(accounts: &[Account]) -> u64 {
    let waiting = |account: &Account| u64::from(account.settled.saturating_sub(account.awarded));
    accounts.iter().map(waiting).sum()
}

#[cfg(test)]
mod tests {
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
            let mut names = std::collections::BTreeSet::new();
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
    }

    fn put(accounts: &mut Vec<Account>, changed: Vec<Account>) {
        for account in changed {
            accounts.retain(|old| old.unit != account.unit);
            accounts.push(account);
        }
    }
}
