//! Awards that a person has to judge: accepted after all, or refused, together with the account that
//! their minutes stand in.

use super::{Dispatcher, drive::Held};
use crate::{
    Error, Kind, Result,
    award::{Account, AwardKey, Event, Payment, State, step},
    privacy::Participant,
    store::{Change, Commit, Committed},
};

impl Dispatcher {
    /// How often somebody may change the award or its participant under our hands.
    const TRIES: usize = 32;

    /// Awards what was [held](State::Held), or refused before, because a person says so. `campaign`
    /// is the name of the campaign that made it.
    ///
    /// # Errors
    ///
    /// [`Kind::InputInvalid`] for an award that nobody has to judge, or whose minutes were counted
    /// by other evidence after they had been refused: it stays as it is.
    /// [`Kind::ConfigurationInvalid`] for an award of another campaign.
    pub async fn accept_held(&self, key: AwardKey, campaign: &str) -> Result<()> {
        self.judge(key, campaign, Event::Approve).await?;
        self.governor.wake();
        Ok(())
    }

    /// Parks a held award, because a person says so: it is kept, and can be
    /// [accepted](Self::accept_held) later. Its minutes are free again, for other evidence to count;
    /// they are never asked about again, nor paid. What is refused already stays so.
    ///
    /// # Errors
    ///
    /// [`Kind::InputInvalid`] for an award that nobody has to judge;
    /// [`Kind::ConfigurationInvalid`] for an award of another campaign.
    pub async fn refuse_held(&self, key: AwardKey, campaign: &str) -> Result<()> {
        self.judge(key, campaign, Event::Refuse).await
    }

    /// Award and account change in one write, and only if neither has changed meanwhile: so of two
    /// judgements one holds, and minutes are given back exactly if their award is refused.
    async fn judge(&self, key: AwardKey, campaign: &str, event: Event) -> Result<()> {
        let accept = matches!(event, Event::Approve);
        for _ in 0..Self::TRIES {
            let held = self.load(key).await?;
            let now = self.clock.now();
            let refused = held.award.state.is_refused();
            let moved = match refused && !accept {
                true => None,
                false => Some(step(&held.award, event.clone(), now, 0)?.award),
            };
            let (participant, version, account) = self.account_of(&held, campaign).await?;
            let minutes = held.award.content.minutes();
            let uncounted = match refused {
                true => self.uncounted(participant, &account, campaign).await?,
                false => 0,
            };
            // One that was refused before refusing was counted may still be so.
            let account = match (refused, accept) {
                (false, true) => account,
                (false, false) => account.refuse(minutes),
                (true, false) if uncounted < minutes => return Ok(()),
                (true, false) => account.refuse(minutes),
                (true, true) if uncounted >= minutes => account,
                (true, true) => account.accept_refused(minutes).ok_or_else(taken)?,
            };
            let commit = Commit {
                change: Some(Change {
                    expected: Some(version),
                    accounts: vec![account],
                    // What was given back may be due already, by other evidence.
                    wake: Some(now),
                    ..Change::of(participant)
                }),
                moved: moved.map(|award| Held { award, ..held }.record()),
                ..Commit::default()
            };
            if self.store.commit(commit).await? == Committed::Done {
                return Ok(());
            }
        }
        Err(
            Error::new(Kind::StorageFailed, "others keep changing this participant")
                .hint("judge it again; nothing is lost"),
        )
    }

    /// The account that paid an award, with its participant and the version of that.
    async fn account_of(&self, held: &Held, campaign: &str) -> Result<(Participant, u64, Account)> {
        let stranger = || {
            Error::new(
                Kind::ConfigurationInvalid,
                "no account of this campaign has paid the award",
            )
            .with("campaign", campaign)
            .hint("judge it with the configuration that it was made under")
        };
        let participant = held.participant.ok_or_else(stranger)?;
        let holding = self.store.participant(participant).await?;
        let mut accounts = holding.accounts.into_iter();
        let account =
            accounts.find(|account| self.has_paid(account, &participant, campaign, held.award.key));
        Ok((participant, holding.version, account.ok_or_else(stranger)?))
    }

    /// Whether one of an account's payments is this award: a payment is named by its number.
    fn has_paid(
        &self,
        account: &Account,
        participant: &Participant,
        campaign: &str,
        key: AwardKey,
    ) -> bool {
        (0..account.n.min(account.awarded)).any(|n| {
            let payment = Payment {
                line: account.line.clone(),
                unit: account.unit.clone(),
                minutes: 0,
                n,
            };
            AwardKey::of_payments(self.identity(), campaign, participant, &[payment]) == key
        })
    }

    /// Minutes of an account in refused awards that the account does not know as refused.
    async fn uncounted(
        &self,
        participant: Participant,
        account: &Account,
        campaign: &str,
    ) -> Result<u32> {
        let awards = self.store.awards_of(participant).await?;
        let own = awards.iter().filter(|award| {
            award.state.is_refused() && self.has_paid(account, &participant, campaign, award.key)
        });
        let refused: u32 = own.map(|award| award.content.minutes()).sum();
        Ok(refused.saturating_sub(account.refused))
    }
}

fn taken() -> Error {
    Error::new(
        Kind::InputInvalid,
        "the minutes of the refused award were counted by other evidence since",
    )
    .with("state", State::REFUSED)
    .hint("there is nothing left to award; leave it refused")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        Timestamp,
        award::{Content, Vouchers},
        campaign::Unit,
        dispatcher::{
            new_record,
            tests::{Scripted, dispatcher},
        },
        store::AwardRecord,
    };

    const WHO: Participant = Participant([1; 32]);

    fn payment(n: u32, minutes: u32) -> Payment {
        Payment {
            line: "health".to_owned(),
            unit: Unit::Day("2026-03-01".parse().unwrap()),
            minutes,
            n,
        }
    }

    fn held(awards: &Dispatcher, payment: Payment) -> AwardRecord {
        let sort = Vouchers {
            aim: "H".parse().unwrap(),
            minutes: payment.minutes,
            place: "43.72,12.63".parse().unwrap(),
            at: Timestamp::EPOCH,
        };
        let key = AwardKey::of_payments(awards.identity(), "walks", &WHO, &[payment]);
        let content = Content::new(vec![sort]).unwrap();
        AwardRecord {
            state: State::Held("too_fast".to_owned()),
            ..new_record(key, WHO, content, None, Timestamp::EPOCH)
        }
    }

    /// Two held awards of 20 and 10 minutes, on one account.
    async fn two_held() -> (Dispatcher, [AwardKey; 2]) {
        let awards = dispatcher(&Scripted::failing(Vec::new())).await;
        let records = [payment(0, 20), payment(1, 10)].map(|payment| held(&awards, payment));
        let keys = [records[0].key, records[1].key];
        let account = Account {
            settled: 30,
            awarded: 30,
            n: 2,
            ..Account::new("health", payment(0, 1).unit)
        };
        let commit = Commit {
            change: Some(Change {
                accounts: vec![account],
                ..Change::of(WHO)
            }),
            awards: records.into(),
            ..Commit::default()
        };
        assert_eq!(awards.store.commit(commit).await.unwrap(), Committed::Done);
        (awards, keys)
    }

    async fn account(awards: &Dispatcher) -> Account {
        let holding = awards.store.participant(WHO).await.unwrap();
        holding.accounts.into_iter().next().unwrap()
    }

    async fn put(awards: &Dispatcher, account: Account) {
        let change = Change {
            accounts: vec![account],
            ..Change::of(WHO)
        };
        let commit = Commit {
            change: Some(change),
            ..Commit::default()
        };
        awards.store.commit(commit).await.unwrap();
    }

    #[tokio::test]
    async fn refusing_gives_minutes_back_and_accepting_takes_them_again_while_they_are_there() {
        let (awards, [large, small]) = two_held().await;
        awards.refuse_held(large, "walks").await.unwrap();
        awards.refuse_held(large, "walks").await.unwrap();
        assert_eq!(account(&awards).await.refused, 20);
        let woken = awards.store.waking(Timestamp::MAX, 9).await.unwrap();
        assert_eq!(woken, [WHO], "other evidence may be due already");
        awards.accept_held(large, "walks").await.unwrap();
        assert_eq!(account(&awards).await.refused, 0);
        let again = awards.refuse_held(large, "walks").await.unwrap_err();
        assert_eq!(
            again.kind(),
            Kind::InputInvalid,
            "it may be anybody's by now"
        );

        awards.refuse_held(small, "walks").await.unwrap();
        let returned = Account {
            returned: 1,
            ..account(&awards).await
        };
        put(&awards, returned.clone()).await;
        let late = awards.accept_held(small, "walks").await.unwrap_err();
        assert_eq!(late.kind(), Kind::InputInvalid);
        assert!(late.to_string().contains("other evidence"), "{late}");
        assert_eq!(account(&awards).await, returned);
        let state = awards.store.award(small).await.unwrap().unwrap().state;
        assert!(state.is_refused());
        // Neither goes on by itself, or because somebody mended something.
        assert!(awards.resume(small).await.is_err());
    }

    #[tokio::test]
    async fn an_award_of_another_campaign_or_of_nobody_is_left_alone() {
        let (awards, [large, _]) = two_held().await;
        for judged in [
            awards.refuse_held(large, "runs").await,
            awards.accept_held(large, "runs").await,
        ] {
            assert_eq!(judged.unwrap_err().kind(), Kind::ConfigurationInvalid);
        }
        assert!(
            awards.resume(large).await.is_err(),
            "a person has to judge it"
        );
        let state = awards.store.award(large).await.unwrap().unwrap().state;
        assert_eq!(state, State::Held("too_fast".to_owned()));
        assert_eq!(account(&awards).await.refused, 0);
    }

    /// Before refusals were counted an award was parked, and its account left as it was.
    #[tokio::test]
    async fn what_was_refused_before_can_be_accepted_once_or_given_back_once() {
        let (awards, [large, small]) = two_held().await;
        for key in [large, small] {
            let held = awards.store.award(key).await.unwrap().unwrap();
            let parked = AwardRecord {
                version: held.version + 1,
                state: State::Parked(State::REFUSED.to_owned()),
                ..held
            };
            assert!(awards.store.advance(&parked).await.unwrap());
        }
        awards.accept_held(large, "walks").await.unwrap();
        assert_eq!(account(&awards).await.refused, 0);
        awards.refuse_held(small, "walks").await.unwrap();
        awards.refuse_held(small, "walks").await.unwrap();
        assert_eq!(account(&awards).await.refused, 10);
    }

    #[tokio::test]
    async fn of_many_who_judge_at_once_the_account_says_what_the_award_says() {
        let (awards, keys) = two_held().await;
        let awards = Arc::new(awards);
        let mut judges = tokio::task::JoinSet::new();
        for n in 0..16 {
            let awards = Arc::clone(&awards);
            judges.spawn(async move {
                let key = keys[n / 2 % 2];
                match n % 2 {
                    0 => awards.accept_held(key, "walks").await,
                    _ => awards.refuse_held(key, "walks").await,
                }
            });
        }
        while let Some(judged) = judges.join_next().await {
            // Whoever comes too late is told so.
            let _ = judged.unwrap();
        }
        let mut refused = 0;
        for key in keys {
            let record = awards.store.award(key).await.unwrap().unwrap();
            if record.state.is_refused() {
                refused += record.content.minutes();
            }
        }
        assert_eq!(account(&awards).await.refused, refused);
    }
}
