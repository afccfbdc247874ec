//! A receiver of claims: it takes some, fails before it has them or after, and hands them on.

use std::sync::Arc;

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, MINUTE_MS, Result,
    claim::{Claim, ClaimSink},
};

use super::{SETTLES_MS, Scene, bugs::Bug, callers, process::Process, weather::Fault};

/// The receiver, as one process calls it.
struct Receiver {
    scene: Arc<Scene>,
    process: Arc<Process>,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receiver({})", self.process)
    }
}

#[async_trait]
impl ClaimSink for Receiver {
    async fn deliver(&self, claims: &[Claim]) -> Result<()> {
        let world = &self.scene.world;
        self.process.may_die("deliver").await;
        if world.strikes(Fault::Unreachable) || world.strikes(Fault::RequestLost) {
            if world.has(Bug::SinkAnswersEarly) {
                return Ok(());
            }
            return Err(Error::new(Kind::NetworkUnreachable, "the receiver is away"));
        }
        for claim in claims {
            take(&self.scene, claim);
        }
        self.process.may_die("delivered").await;
        match world.strikes(Fault::AnswerLost) {
            true => Err(Error::new(
                Kind::OutcomeUnknown,
                "the receiver does not confirm",
            )),
            false => Ok(()),
        }
    }
}

/// The receiver has a claim for good: its person redeems it, once, however often it comes.
fn take(scene: &Arc<Scene>, claim: &Claim) {
    if scene.ledger.is_given_up(claim.key) {
        return;
    }
    let award = scene.truth.award(claim.key);
    let Some(participant) = award.and_then(|award| award.participant) else {
        return;
    };
    let Some(person) = scene.ledger.person(participant) else {
        return;
    };
    scene.handed_over.hand_over(scene, claim.key, &claim.ticket);
    if !scene.ledger.collected(person, claim.key, &claim.content) {
        return;
    }
    let (scene, ticket) = (Arc::clone(scene), claim.ticket.clone());
    let minutes = claim.content.minutes();
    scene.begins();
    tokio::spawn(async move {
        if callers::collect(&scene, &ticket, minutes).await {
            scene.done();
        }
    });
}

/// Hands claims over now and then, and at the end what is left.
pub(super) async fn push(scene: Arc<Scene>) {
    let world = &scene.world;
    let until = scene.settled_by.plus_millis(SETTLES_MS - 3 * MINUTE_MS);
    while world.now() < until {
        let process = Arc::clone(scene.process());
        let receiver = Receiver {
            scene: Arc::clone(&scene),
            process: Arc::clone(&process),
        };
        let work =
            |hands: super::process::Hands| async move { hands.dispatcher.push(&receiver, 3).await };
        if let Some(Err(error)) = process.call(work).await {
            world.heard_error(format_args!("push"), &error);
        }
        match world.now() < scene.quiet_from {
            true => world.sleep_ms(10_000, 4_000_000).await,
            false => world.sleep_ms(10_000, 60_000).await,
        }
    }
    scene.done();
}
