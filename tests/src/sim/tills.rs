//! Tills that ask for payments, customers who pay in time, late or never, and what is told of it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use wom_sdk::{
    Digest, Kind,
    award::Ticket,
    checkout::{Charge, CheckoutId, State},
    store::Store as _,
};

use super::{
    SETTLES_MS, Scene,
    process::Hands,
    registry::{hex, identity},
    world::lock,
};
use crate::fuzz::Rng;

/// What the shop saw.
#[derive(Debug, Default)]
pub(super) struct Shop {
    shown: Mutex<BTreeMap<CheckoutId, [u8; 16]>>,
    told: Mutex<BTreeMap<CheckoutId, Vec<State>>>,
}

impl Shop {
    /// A code comes onto a display.
    fn show(&self, scene: &Scene, id: CheckoutId, ticket: &Ticket) {
        let otc = ticket.otc.reveal_bytes();
        scene.world.log(format_args!("shown {}", hex(&otc)));
        if *lock(&self.shown).entry(id).or_insert(otc) != otc {
            scene
                .world
                .fail("never doubled", "two codes were shown for one checkout");
        }
    }

    /// A change is told.
    pub(super) fn tell(&self, scene: &Scene, id: CheckoutId, state: State) {
        scene
            .world
            .log(format_args!("told {id:?} {}", state.name()));
        let mut told = lock(&self.told);
        let told = told.entry(id).or_default();
        told.push(state);
        if told.iter().filter(|state| is_paid(state)).count() > 1 {
            scene
                .world
                .fail("exactly one paid", "a payment was told twice");
        }
    }
}

/// One checkout, from the order to a decision.
pub(super) async fn till(scene: Arc<Scene>, number: usize) {
    let world = &scene.world;
    let mut rng = Rng::new(world.seed, "till", number as u64);
    let reference = format!("order {number}");
    let charge = Charge::new(u32::try_from(1 + rng.below(50)).unwrap_or(1)).expect("in range");
    world.sleep_until(scene.moment(&mut rng)).await;
    let Some(ticket) = show(&scene, &reference, &charge).await else {
        scene.done();
        return;
    };
    let called_off = Arc::new(AtomicBool::new(false));
    if rng.one_in(2) {
        let (paying, called_off) = (Arc::clone(&scene), Arc::clone(&called_off));
        let ticket = ticket.clone();
        let most = *rng.pick(&[60_000, 280_000, 900_000, 4_000_000]);
        tokio::spawn(async move { pay(&paying, &ticket, most, &called_off).await });
    }
    if rng.one_in(3) {
        world.sleep_ms(1_000, 200_000).await;
        called_off.store(true, Ordering::Relaxed);
        cancel(&scene, &reference).await;
    }
    decided(&scene, &reference).await;
    scene.done();
}

/// Asks for a code until there is one to show; none if the checkout ended before.
async fn show(scene: &Arc<Scene>, reference: &str, charge: &Charge) -> Option<Ticket> {
    let world = &scene.world;
    loop {
        let (own, asked) = (reference.to_owned(), charge.clone());
        let show = |hands: Hands| async move {
            let id = hands.desk.id(&own);
            (id, hands.desk.charge(&own, &asked).await)
        };
        match scene.process().call(show).await {
            Some((id, Ok(ticket))) => {
                scene.shop.show(scene, id, &ticket);
                return Some(ticket);
            }
            Some((_, Err(error))) if error.kind() == Kind::InputInvalid => return None,
            Some((_, Err(error))) => {
                world.heard_error(format_args!("{reference}"), &error);
                // The Registry has forgotten a code that is written down for good: another order.
                if error.kind() == Kind::OtcUnknown {
                    return None;
                }
            }
            None => {}
        }
        world.sleep_ms(500, 20_000).await;
    }
}

/// The customer pays once.
async fn pay(scene: &Arc<Scene>, ticket: &Ticket, most_ms: u64, called_off: &AtomicBool) {
    let world = &scene.world;
    world.sleep_ms(1_000, most_ms).await;
    // A code that was shown on doubt becomes good while the customer stands there.
    for _ in 0..12 {
        match scene.registry.pay(&ticket.otc, &ticket.pin) {
            Ok(()) => return,
            Err(_) if scene.registry.lost(&ticket.otc) => return,
            Err(error) if error.kind() == Kind::OtcUnknown => {
                world.log(format_args!("the customer's wallet says: no such code"));
            }
            Err(error) => {
                world.fail("never doubled", format!("the bill: {}", error.code()));
                return;
            }
        }
        world.sleep_ms(5_000, 20_000).await;
    }
    // One that was shown on doubt and called off before it became good never does: so much the better.
    let wanted = !called_off.load(Ordering::Relaxed);
    if wanted && world.now() > world.weather.calm().plus_millis(SETTLES_MS) {
        world.fail(
            "a shown code can be paid",
            "the customer's wallet says: no such code",
        );
    }
}

async fn cancel(scene: &Arc<Scene>, reference: &str) {
    loop {
        let own = reference.to_owned();
        let cancel = |hands: Hands| async move { hands.desk.cancel(&own).await };
        match scene.process().call(cancel).await {
            Some(Ok(_)) => return,
            Some(Err(error)) if error.kind() == Kind::AlreadyPerformed => return,
            Some(Err(error)) => scene.world.heard_error(format_args!("cancel"), &error),
            None => {}
        }
        scene.world.sleep_ms(500, 10_000).await;
    }
}

/// Waits until the shop knows.
async fn decided(scene: &Arc<Scene>, reference: &str) {
    loop {
        let own = reference.to_owned();
        let wait =
            |hands: Hands| async move { hands.desk.wait(&own, Duration::from_secs(60)).await };
        match scene.process().call(wait).await {
            Some(Ok(State::Shown)) | None => {}
            Some(Ok(state)) => {
                scene
                    .world
                    .log(format_args!("{reference} is {}", state.name()));
                return;
            }
            Some(Err(error)) => scene.world.heard_error(format_args!("wait"), &error),
        }
        scene.world.sleep_ms(500, 10_000).await;
    }
}

/// After everything, late looks included: who paid is known, and nobody else.
pub(super) async fn check(scene: &Arc<Scene>, tills: usize) {
    let fail = |message: String| scene.world.fail("payments are told", message);
    for number in 0..tills {
        let reference = format!("order {number}");
        let identity = identity();
        let id = CheckoutId::new(&identity.registry, "till", &reference);
        let nonce = Digest::of([b"nonce/1".as_slice(), &id.0]).to_hex();
        let Ok(Some(record)) = scene.truth.memory.checkout(id).await else {
            fail(format!("{reference} is lost"));
            continue;
        };
        let told = match record.state {
            State::Paid { at } | State::PaidAfterExpiry { at } | State::PaidAfterCancel { at } => {
                Some(at)
            }
            _ => None,
        };
        let shown = lock(&scene.shop.shown).get(&id).copied();
        let forgotten = shown.is_some_and(|otc| {
            scene
                .registry
                .lost(&wom_sdk::protocol::Otc::from_bytes(otc))
        });
        if told != scene.registry.paid(&nonce) && !forgotten {
            let state = record.state.name();
            fail(format!(
                "{reference} is {state}, which is not what the Registry says"
            ));
        }
        if record.due.is_some() && !forgotten {
            fail(format!(
                "{reference} is still looked after: {}",
                record.state.name()
            ));
        }
    }
}

fn is_paid(state: &State) -> bool {
    matches!(
        state,
        State::Paid { .. } | State::PaidAfterExpiry { .. } | State::PaidAfterCancel { .. }
    )
}
