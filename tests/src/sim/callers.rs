//! Programs that award under keys of their own, and the persons who then hold a code.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use wom_sdk::{
    Kind, Timestamp,
    award::{AwardKey, Request, Ticket},
};

use super::{
    Scene,
    registry::{hex, identity},
    world::{lock, nonce},
};
use crate::fuzz::Rng;

/// Codes that were handed over, by award.
#[derive(Debug, Default)]
pub(super) struct HandedOver {
    codes: Mutex<BTreeMap<AwardKey, [u8; 16]>>,
    redeemed: Mutex<BTreeSet<[u8; 16]>>,
}

impl HandedOver {
    fn is_given_up(&self, scene: &Scene, ticket: &Ticket) -> bool {
        let codes = lock(&self.codes);
        let otc = ticket.otc.reveal_bytes();
        let mut own = codes.iter().filter(|(_, code)| **code == otc);
        own.any(|(key, _)| scene.ledger.is_given_up(*key))
    }

    /// Checks a code at the moment in which somebody gets it.
    pub(super) fn hand_over(&self, scene: &Scene, key: AwardKey, ticket: &Ticket) {
        let otc = ticket.otc.reveal_bytes();
        let world = &scene.world;
        world.log(format_args!("handed over {} for {key:?}", hex(&otc)));
        let before = lock(&self.codes).insert(key, otc);
        if before.is_some_and(|before| before != otc) {
            world.fail("never doubled", "two codes were handed over for one award");
        }
        // Another device of the same person may have acknowledged it meanwhile.
        let over = before.is_some() && scene.truth.is_acknowledged(key);
        if !over && scene.truth.kept_ticket(key).as_ref() != Some(ticket) {
            world.fail(
                "handed over only from what is persisted",
                "the code that was handed over is not the one in the store",
            );
        }
    }
}

/// One award that a program asks for, until its person has the vouchers.
pub(super) async fn award(scene: Arc<Scene>, number: usize) {
    let world = &scene.world;
    let mut rng = Rng::new(world.seed, "caller", number as u64);
    let minutes = u32::try_from(1 + rng.below(90)).unwrap_or(1);
    let name = format!("award {number}");
    let key = AwardKey::direct(&identity(), &name);
    world.sleep_until(scene.moment(&mut rng)).await;
    let request = request(minutes);
    if rng.one_in(2) {
        accept(&scene, &name, key, &request, rng.one_in(2)).await;
    }
    let ticket = ask(&scene, &name, key, &request).await;
    if rng.one_in(3) {
        ask(&scene, &name, key, &request).await;
    }
    if rng.one_in(8) {
        reuse(&scene, &name, minutes + 1).await;
    }
    if !collect(&scene, &ticket, minutes).await {
        return;
    }
    acknowledge(&scene, key).await;
    if rng.one_in(3) {
        ask_in_vain(&scene, &name, request).await;
    }
    scene.done();
}

fn request(minutes: u32) -> Request {
    let place = "43.72,12.63".parse().expect("a position");
    Request::new("H".parse().expect("an aim"), minutes, place).at(Timestamp::from_seconds(0))
}

/// Has it accepted, perhaps while somebody asks for its code: what is said to be accepted is on the disk.
async fn accept(
    scene: &Arc<Scene>,
    name: &str,
    key: AwardKey,
    request: &Request,
    is_asked_for: bool,
) {
    let process = scene.process();
    let call = |then_award: bool| {
        let (own, asked) = (name.to_owned(), request.clone());
        process.call(move |hands| async move {
            match then_award {
                true => hands.dispatcher.award(&own, &asked).await.map(drop),
                false => hands.dispatcher.accept(&own, &asked).await.map(drop),
            }
        })
    };
    let asking = async {
        if is_asked_for {
            let _ = call(true).await;
        }
    };
    let accepting = async {
        scene.world.sleep_ms(0, 100).await;
        match call(false).await {
            Some(Ok(())) => check_accepted(scene, key),
            Some(Err(error)) => scene.world.heard_error(format_args!("{name}"), &error),
            None => {}
        }
    };
    tokio::join!(asking, accepting);
}

fn check_accepted(scene: &Scene, key: AwardKey) {
    if scene.truth.award(key).is_none() {
        let message = "what is said to be accepted is not on the disk";
        scene.world.fail("never lost", message);
    }
}

/// Asks until there is a code.
async fn ask(scene: &Arc<Scene>, name: &str, key: AwardKey, request: &Request) -> Ticket {
    let world = &scene.world;
    loop {
        let (own, asked) = (name.to_owned(), request.clone());
        let award = |hands: super::process::Hands| async move {
            hands.dispatcher.award(&own, &asked).await
        };
        match scene.process().call(award).await {
            Some(Ok(ticket)) => {
                scene.handed_over.hand_over(scene, key, &ticket);
                return ticket;
            }
            Some(Err(error)) => {
                world.heard_error(format_args!("{name}"), &error);
                if error.kind() == Kind::DeadlineExceeded {
                    check_accepted(scene, key);
                }
                if matches!(error.kind(), Kind::AlreadyDelivered | Kind::AwardKeyReused) {
                    world.fail("never lost", format!("{name} is refused: {}", error.code()));
                }
            }
            None => {}
        }
        if let Some(ticket) = scene.registry.early(&nonce(key)) {
            scene.handed_over.hand_over(scene, key, &ticket);
            return ticket;
        }
        world.sleep_ms(500, 30_000).await;
    }
}

/// The same key for something else must be refused.
async fn reuse(scene: &Arc<Scene>, name: &str, minutes: u32) {
    let (own, other) = (name.to_owned(), request(minutes));
    let award =
        |hands: super::process::Hands| async move { hands.dispatcher.award(&own, &other).await };
    if let Some(Ok(_)) = scene.process().call(award).await {
        scene.world.fail(
            "one key is one award",
            "another content was awarded under a used key",
        );
    }
}

/// What was acknowledged is never given out again.
async fn ask_in_vain(scene: &Arc<Scene>, name: &str, request: Request) {
    let own = name.to_owned();
    let award =
        |hands: super::process::Hands| async move { hands.dispatcher.award(&own, &request).await };
    if let Some(Ok(_)) = scene.process().call(award).await {
        scene.world.fail(
            "never doubled",
            "a code was given out after its acknowledgement",
        );
    }
}

/// The person redeems. Whether the code was good; a Registry that forgot it is nobody else's fault.
pub(super) async fn collect(scene: &Arc<Scene>, ticket: &Ticket, minutes: u32) -> bool {
    let world = &scene.world;
    // Whoever taps last may have a dozen codes, and minutes for them.
    let last = world.now() >= scene.settled_by;
    world
        .sleep_ms(100, if last { 10_000 } else { 60_000 })
        .await;
    loop {
        // By the same person, who got it before or with another device.
        if lock(&scene.handed_over.redeemed).contains(&ticket.otc.reveal_bytes()) {
            return true;
        }
        match scene.registry.redeem(&ticket.otc, &ticket.pin) {
            Ok(brought) if brought == minutes => {
                lock(&scene.handed_over.redeemed).insert(ticket.otc.reveal_bytes());
                return true;
            }
            Ok(_) => {
                world.fail("books balance", "a code brought another number of vouchers");
                return false;
            }
            Err(_) if scene.registry.lost(&ticket.otc) => return true,
            Err(error) if error.kind() == Kind::OtcUnknown => {
                world.log(format_args!("the person's wallet says: no such code"));
                // Who was forgotten in the midst of it has given it up.
                if scene.handed_over.is_given_up(scene, ticket) {
                    return true;
                }
            }
            Err(error) => {
                world.fail(
                    "never doubled",
                    format!("the person's code: {}", error.code()),
                );
                return false;
            }
        }
        world.sleep_ms(10_000, 120_000).await;
    }
}

/// Acknowledges until it is written.
pub(super) async fn acknowledge(scene: &Arc<Scene>, key: AwardKey) {
    loop {
        let acknowledge = |hands: super::process::Hands| async move {
            hands.dispatcher.acknowledge_key(key).await
        };
        match scene.process().call(acknowledge).await {
            Some(Ok(())) => return,
            Some(Err(error)) => scene.world.heard_error(format_args!("acknowledge"), &error),
            None => {}
        }
        scene.world.sleep_ms(500, 20_000).await;
    }
}
