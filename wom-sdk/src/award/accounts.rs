//! Accounts: what is due less what was awarded, once.

use serde::{Deserialize, Serialize};

use crate::campaign::{Due, Unit};

/// What one participant was awarded on one line for one unit. It only ever grows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Account {
    /// The line of the campaign.
    pub line: String,
    /// The day or named thing.
    pub unit: Unit,
    /// Minutes awarded so far.
    pub awarded: u32,
    /// How many awards made them up.
    pub n: u32,
}

/// One award that an account makes now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payment {
    /// The line of the campaign.
    pub line: String,
    /// The day or named thing.
    pub unit: Unit,
    /// Minutes to award: `due − awarded`, never zero.
    pub minutes: u32,
    /// The number of this award within its account, from 0.
    pub n: u32,
}

/// Brings accounts up to what is due. Returns the accounts that changed, as they are after, and
/// what each pays now. What was awarded stays awarded, even where less is due than before.
pub fn pay(accounts: &[Account], due: &[Due]) -> (Vec<Account>, Vec<Payment>) {
    let mut changed = Vec::new();
    let mut payments = Vec::new();
    for due in due {
        let held = accounts
            .iter()
            .find(|held| held.line == due.line && held.unit == due.unit);
        let (awarded, n) = held.map_or((0, 0), |held| (held.awarded, held.n));
        let minutes = due.minutes.saturating_sub(awarded);
        if minutes == 0 {
            continue;
        }
        changed.push(Account {
            line: due.line.clone(),
            unit: due.unit.clone(),
            awarded: due.minutes,
            n: n + 1,
        });
        payments.push(Payment {
            line: due.line.clone(),
            unit: due.unit.clone(),
            minutes,
            n,
        });
    }
    (changed, payments)
}
