//! Persons who tap now and then and collect what is theirs.

use std::sync::Arc;

use wom_sdk::{
    Result,
    claim::{Claim, Claims},
    privacy::Participant,
    store::Store as _,
};

use super::{Scene, TAPS_MS, callers, process::Hands, records::Records};
use crate::fuzz::Rng;

/// One person: taps during the run, and after the last day has settled until nothing is left.
pub(super) async fn person(scene: Arc<Scene>, number: usize) {
    let world = &scene.world;
    let mut rng = Rng::new(world.seed, "person", number as u64);
    for _ in 0..rng.below(3) {
        let at = scene.moment(&mut rng);
        if at > world.now() {
            world.sleep_until(at).await;
            if rng.one_in(2) {
                // With the telephone and the tablet at once.
                tokio::join!(tap(&scene, number), tap(&scene, number));
            } else {
                tap(&scene, number).await;
            }
        }
    }
    world
        .sleep_until(scene.settled_by.plus_millis(TAPS_MS))
        .await;
    while tap(&scene, number).await != Some(0) {
        world.sleep_ms(5_000, 30_000).await;
    }
    scene.done();
}

/// One person asks to be forgotten, until it is done.
pub(super) async fn forgotten(scene: Arc<Scene>, number: usize) {
    let world = &scene.world;
    let mut rng = Rng::new(world.seed, "forgotten", number as u64);
    world.sleep_until(scene.moment(&mut rng)).await;
    scene.ledger.forgets(number);
    let mut known = Vec::new();
    for participant in scene.ledger.participants(number) {
        let holding = scene.truth.memory.participant(participant).await;
        if !holding.unwrap_or_default().entries.is_empty() {
            known.push(participant);
        }
    }
    loop {
        let erase = |hands: Hands| async move {
            let claims = Claims::new(hands.collector, hands.dispatcher);
            claims.erase(&Records::subject(number)).await
        };
        match scene.process().call(erase).await {
            Some(Ok(codes)) => {
                world.log(format_args!(
                    "person {number} is forgotten, {codes} codes given up"
                ));
                break;
            }
            Some(Err(error)) => world.heard_error(format_args!("forget {number}"), &error),
            None => {}
        }
        world.sleep_ms(500, 30_000).await;
    }
    if !known
        .iter()
        .all(|participant| scene.ledger.is_erased(*participant))
    {
        let message = "observations stay of somebody who is forgotten";
        world.fail("who is erased is forgotten", message);
    }
    scene.done();
}

/// Asks for everything that is there, and collects it. Gives how many claims there were.
async fn tap(scene: &Arc<Scene>, person: usize) -> Option<usize> {
    let mut count = 0;
    for participant in scene.ledger.participants(person) {
        let claims = |hands: Hands| async move { claims(&hands, participant).await };
        match scene.process().call(claims).await {
            Some(Ok(claims)) => {
                count += claims.len();
                for claim in claims {
                    take(scene, person, claim).await;
                }
            }
            Some(Err(error)) => {
                scene
                    .world
                    .heard_error(format_args!("person {person}"), &error);
                return None;
            }
            None => return None,
        }
    }
    Some(count)
}

async fn claims(hands: &Hands, participant: Participant) -> Result<Vec<Claim>> {
    hands.collector.gather(participant).await?;
    hands.dispatcher.bring_all(participant).await
}

async fn take(scene: &Arc<Scene>, person: usize, claim: Claim) {
    if scene.ledger.is_given_up(claim.key) {
        return;
    }
    scene.handed_over.hand_over(scene, claim.key, &claim.ticket);
    scene.ledger.collected(person, claim.key, &claim.content);
    let minutes = claim.content.minutes();
    if callers::collect(scene, &claim.ticket, minutes).await {
        callers::acknowledge(scene, claim.key).await;
    }
}
