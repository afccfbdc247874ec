//! What there is to show: what waits, the codes that are there, and what the person has already.

use std::{cmp::Reverse, collections::BTreeMap};

use wom_sdk::{
    Day, Result, Subject, Zone,
    award::{AwardKey, Reason, State, Ticket},
    campaign::Unit,
    claim::{Claim, Given},
    protocol::Aim,
    rules,
    store::AwardRecord,
};

use crate::Programme;

/// What a person sees.
pub(super) struct View {
    /// The instrument, as addresses have it.
    pub(super) name: String,
    /// The instrument, as people call it.
    pub(super) title: String,
    /// The Registry's address.
    pub(super) registry: String,
    /// What can be collected and has no code yet.
    pub(super) waiting: Vec<Row>,
    /// The codes that are there: usually one; one for each month.
    pub(super) codes: Vec<Code>,
    /// What somebody has to look at first, and why.
    pub(super) held: Vec<(Row, Option<&'static rules::Reason>)>,
    /// What was collected, as long as the campaign knows.
    pub(super) collected: Vec<Row>,
}

/// Minutes, newest day first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Row {
    /// What for; `None` where the campaign does not know any more.
    pub(super) aim: Option<Aim>,
    /// When; `None` for what counts once, whenever it happened.
    pub(super) day: Option<Day>,
    pub(super) minutes: u64,
}

/// A code that is good.
pub(super) struct Code {
    pub(super) key: AwardKey,
    pub(super) ticket: Ticket,
    pub(super) reasons: Vec<Row>,
}

impl View {
    pub(super) async fn of(programme: &Programme, person: &Subject) -> Result<Self> {
        let claims = programme.claims();
        let handed = claims.handed(person).await?;
        let (given, awards) = (claims.history(person).await?, claims.awards(person).await?);
        let (waiting, collected) = tell_apart(&given, &awards, &programme.zone);
        let held = awards
            .iter()
            .filter(|award| matches!(award.state, State::Held(_)));
        let held = held.flat_map(|award| {
            let reason = claims.held_for(award);
            let own = rows(sums(award.content.reasons(&programme.zone)));
            own.into_iter().map(move |row| (row, reason))
        });
        let mut held: Vec<_> = held.collect();
        held.sort_by_key(|(row, _)| (Reverse(row.day), row.aim));
        let code = |claim: Claim| Code {
            key: claim.key,
            reasons: rows(sums(claim.content.reasons(&programme.zone))),
            ticket: claim.ticket,
        };
        let mut codes: Vec<_> = handed.into_iter().map(code).collect();
        // A code that comes later stands after those that the person knows.
        let accepted = |code: &Code| awards.iter().find(|award| award.key == code.key);
        codes.sort_by_key(|code| accepted(code).map(|award| award.accepted));
        Ok(Self {
            name: programme.name.clone(),
            title: programme.title().to_owned(),
            registry: programme.registry(),
            waiting,
            codes,
            held,
            collected,
        })
    }
}

pub(super) fn total(rows: &[Row]) -> u64 {
    rows.iter().map(|row| row.minutes).sum()
}

type Sums = BTreeMap<(Option<Day>, Option<Aim>), u64>;

/// What waits, and what was collected.
///
/// Accounts know what was made into awards, and do not know what became of these: an award that
/// nobody acknowledged is on its way and waits, or was handed over, or is held for somebody to
/// look at. None of that was collected. What was refused is in no account any more.
fn tell_apart(given: &[Given], awards: &[AwardRecord], zone: &Zone) -> (Vec<Row>, Vec<Row>) {
    let (mut waiting, mut collected) = (Sums::new(), Sums::new());
    for given in given {
        let day = match &given.unit {
            Unit::Day(day) => Some(*day),
            Unit::Named(_) | Unit::Session(_) => None,
        };
        let key = (day, given.aim);
        *waiting.entry(key).or_default() += u64::from(given.minutes.saturating_sub(given.awarded));
        *collected.entry(key).or_default() += u64::from(given.awarded);
    }
    for award in awards.iter().filter(|award| !award.state.is_refused()) {
        for reason in award.content.reasons(zone) {
            take(&mut collected, reason);
            if award.state != State::Offered && !award.state.is_withheld() {
                add(&mut waiting, reason);
            }
        }
    }
    (rows(waiting), rows(collected))
}

fn sums(reasons: Vec<Reason>) -> Sums {
    let mut sums = Sums::new();
    for reason in reasons {
        add(&mut sums, reason);
    }
    sums
}

fn add(sums: &mut Sums, reason: Reason) {
    let sum = sums.entry((Some(reason.day), Some(reason.aim)));
    *sum.or_default() += u64::from(reason.minutes);
}

/// Takes minutes off their day and aim, or else off what has no day, or no aim any more.
fn take(sums: &mut Sums, reason: Reason) {
    let mut minutes = u64::from(reason.minutes);
    let (day, aim) = (Some(reason.day), Some(reason.aim));
    for key in [(day, aim), (None, aim), (day, None), (None, None)] {
        if let Some(sum) = sums.get_mut(&key) {
            let taken = minutes.min(*sum);
            (*sum, minutes) = (*sum - taken, minutes - taken);
        }
    }
}

fn rows(sums: Sums) -> Vec<Row> {
    let row = |((day, aim), minutes)| Row { aim, day, minutes };
    let mut rows: Vec<_> = sums.into_iter().map(row).collect();
    rows.retain(|row| row.minutes > 0);
    rows.sort_by_key(|row| (Reverse(row.day), row.aim));
    rows
}

#[cfg(test)]
mod tests {
    use wom_sdk::{
        Timestamp,
        award::{Content, Vouchers},
    };

    use super::*;

    fn given(unit: &str, minutes: u32, awarded: u32) -> Given {
        Given {
            line: "health".to_owned(),
            aim: Some("H".parse().unwrap()),
            unit: unit.parse().unwrap(),
            minutes,
            awarded,
        }
    }

    fn award(state: State, at: &str, minutes: u32) -> AwardRecord {
        let content = Content::new(vec![Vouchers {
            aim: "H".parse().unwrap(),
            minutes,
            place: "43.72,12.63".parse().unwrap(),
            at: at.parse().unwrap(),
        }]);
        AwardRecord {
            key: AwardKey([0; 32]),
            version: 1,
            participant: None,
            content: content.unwrap(),
            accepted: Timestamp::MIN,
            state,
            sealed: None,
            tries: 0,
            unclear: false,
            due: Timestamp::MIN,
        }
    }

    fn told(rows: &[Row]) -> Vec<String> {
        let told = |row: &Row| {
            let day = row.day.map_or("once".to_owned(), |day| day.to_string());
            format!("{day} {}", row.minutes)
        };
        rows.iter().map(told).collect()
    }

    #[test]
    fn what_is_on_its_way_waits_and_what_is_handed_over_or_held_was_not_collected() {
        let given = [
            given("2026-03-01", 40, 30),
            given("2026-03-02", 20, 20),
            given("2026-03-03", 15, 15),
            given("=first week", 60, 60),
        ];
        let awards = [
            award(State::Offered, "2026-03-01T00:00:00Z", 10),
            award(State::Created, "2026-03-02T00:00:00Z", 5),
            award(
                State::Held("too_fast".to_owned()),
                "2026-03-03T00:00:00Z",
                15,
            ),
            // Refused: the account does not know of these minutes any more.
            award(
                State::Parked(State::REFUSED.to_owned()),
                "2026-03-01T00:00:00Z",
                20,
            ),
            // The milestone, which vouchers date and the account does not.
            award(State::Offered, "2026-03-04T00:00:00Z", 60),
        ];
        let (waiting, collected) = tell_apart(&given, &awards, &Zone::UTC);
        assert_eq!(told(&waiting), ["2026-03-02 5", "2026-03-01 10"]);
        assert_eq!(told(&collected), ["2026-03-02 15", "2026-03-01 20"]);
        assert_eq!((total(&waiting), total(&collected)), (15, 35));
    }

    #[test]
    fn what_counts_once_stands_last_and_has_no_day() {
        let given = [given("=first week", 60, 60), given("2026-03-02", 20, 20)];
        let (waiting, collected) = tell_apart(&given, &[], &Zone::UTC);
        assert_eq!(told(&waiting), [""; 0]);
        assert_eq!(told(&collected), ["2026-03-02 20", "once 60"]);
    }
}
