//! What is held for a person to judge: records that somebody typed in, and those who judge them.

use std::sync::Arc;

use wom_sdk::{
    Error, Recording, Span, Timestamp,
    observation::Entry,
    rules::{Finding, Judgement, Reason, RuleSet},
    store::Store as _,
};

use super::{MINUTE_MS, Scene, ledger::CAMPAIGN};
use crate::fuzz::Rng;

static TYPED_IN: Reason = Reason {
    code: "typed_in",
    en: "somebody typed it in",
    it: "qualcuno l’ha scritto a mano",
};

/// The rule set of a run: another one, which holds what somebody typed in.
#[derive(Debug)]
pub(super) struct Doubting(pub(super) Arc<dyn RuleSet>);

impl RuleSet for Doubting {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn judge(&self, entries: &[&Entry], now: Timestamp) -> Judgement {
        let (typed, clean): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().copied().partition(|entry| is_typed(entry));
        let mut judgement = self.0.judge(&clean, now);
        judgement.findings.extend(typed.iter().map(|entry| Finding {
            key: entry.key,
            span: entry.body.span().unwrap_or(Span::starting(now, 0)),
            millis: 0,
            reason: &TYPED_IN,
            hold: true,
        }));
        judgement
    }

    fn judge_accepting(&self, entries: &[&Entry], now: Timestamp) -> Judgement {
        let believed = entries.iter().map(|entry| {
            let mut entry = Entry::clone(entry);
            if is_typed(&entry) {
                entry.provenance.recording = Recording::Measured;
            }
            entry
        });
        let believed: Vec<_> = believed.collect();
        self.0.judge(&believed.iter().collect::<Vec<_>>(), now)
    }

    fn reason(&self, code: &str) -> Option<&'static Reason> {
        (code == TYPED_IN.code).then_some(&TYPED_IN)
    }
}

fn is_typed(entry: &Entry) -> bool {
    entry.provenance.recording == Recording::Manual
}

/// Somebody who judges what is held, changes their mind, and does not know of the other who judges.
pub(super) async fn reviewer(scene: Arc<Scene>, number: usize) {
    let world = &scene.world;
    let mut rng = Rng::new(world.seed, "reviewer", number as u64);
    let mut moments: Vec<_> = (0..rng.below(6)).map(|_| scene.moment(&mut rng)).collect();
    moments.sort();
    for moment in moments {
        world.sleep_until(moment).await;
        judge(&scene, true).await;
    }
    // In the end everything is judged that is still held.
    world
        .sleep_until(scene.settled_by.plus_millis(MINUTE_MS / 2))
        .await;
    while judge(&scene, false).await > 0
        || world.now() < scene.settled_by.plus_millis(2 * MINUTE_MS)
    {
        world.sleep_ms(1_000, 10_000).await;
    }
    scene.done();
}

/// Judges what is held, and with `again` what was refused before. Gives how much was held.
async fn judge(scene: &Arc<Scene>, again: bool) -> usize {
    let world = &scene.world;
    let open = scene.truth.memory.unacknowledged(None, usize::MAX).await;
    let mut held = 0;
    for award in open.unwrap_or_default() {
        let refused = award.state.is_refused();
        if !award.state.is_withheld() || (refused && !(again && world.chance(300))) {
            continue;
        }
        held += usize::from(!refused);
        let (key, accept) = (award.key, refused || world.chance(400));
        let judging = |hands: super::process::Hands| async move {
            match accept {
                true => hands.dispatcher.accept_held(key, CAMPAIGN).await,
                false => hands.dispatcher.refuse_held(key, CAMPAIGN).await,
            }
        };
        let word = if accept { "accepts" } else { "refuses" };
        match scene.process().call(judging).await {
            Some(Ok(())) => world.log(format_args!("somebody {word} {key:?}")),
            // Somebody else was faster, or other records have shown the same.
            Some(Err(error)) => told(scene, &error),
            None => {}
        }
    }
    held
}

fn told(scene: &Scene, error: &Error) {
    scene.world.heard_error(format_args!("review"), error);
}
