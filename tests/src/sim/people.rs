//! Persons who tap now and then and collect what is theirs.

use std::sync::Arc;

use wom_sdk::{Result, claim::Claim, privacy::Participant};

use super::{Scene, TAPS_MS, callers, process::Hands};
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
    scene.handed_over.hand_over(scene, claim.key, &claim.ticket);
    scene.ledger.collected(person, claim.key, &claim.content);
    let minutes = claim.content.minutes();
    if callers::collect(scene, &claim.ticket, minutes).await {
        callers::acknowledge(scene, claim.key).await;
    }
}
