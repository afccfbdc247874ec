//! What the shop's reading of an order says of its discount.

use super::{
    Action, LEASE_MS,
    moves::{TRIES, attention, enter, late, pause_ms, withdraw},
};
use crate::{
    MINUTE_MS, Timestamp,
    merchant::Order,
    sale::{After, Bound, Sale, State, Then},
};

/// The pause between two looks while a try may be under way at the shop.
const HOLD_LOOK_MS: i64 = 2_000;
/// Looks at an order that carries the discount, until it is closed or cancelled: soon at a till, for
/// a week in a web shop. What a webhook tells comes sooner.
const LOOKS_MS: [i64; 16] = [
    5_000,
    15_000,
    30_000,
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    60 * MINUTE_MS,
    6 * 60 * MINUTE_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
];
/// Looks at an order that was closed with the discount: one that is cancelled after that may let the
/// discount's code live again.
const REDEEMED_LOOKS_MS: [i64; 6] = [
    60 * MINUTE_MS,
    23 * 60 * MINUTE_MS,
    DAY_MS,
    2 * DAY_MS,
    3 * DAY_MS,
    7 * DAY_MS,
];
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// When an order is read first after the discount was put on it.
pub(super) fn first_look(now: Timestamp) -> Timestamp {
    now.plus_millis(LOOKS_MS[0])
}

/// A closed order on which nothing is to be paid, and without our discount. One that was paid has a
/// total, or, where it was free, our discount.
pub(super) fn is_cancelled(sale: &Sale, order: &Order) -> bool {
    !order.open && order.total <= 0 && sale.reduction(order) == 0
}

pub(super) fn applying(
    sale: &mut Sale,
    order: &Order,
    now: Timestamp,
    random: u64,
) -> Option<Action> {
    sale.order = Some(Bound::to(order));
    let reduction = sale.reduction(order);
    if reduction > 0 {
        let shown = order.lines.iter().find(|line| sale.is_own(line));
        let reference = shown.and_then(|line| line.reference.clone());
        sale.reference = reference.or(sale.reference.take());
        sale.hold = None;
        shown_on(sale, order, reduction, now);
        return None;
    }
    if is_cancelled(sale, order) {
        match sale.reference.is_some() || sale.hold.is_some() {
            true => withdraw(sale, Then::Late, now),
            false => late(sale, After::Cancel, now),
        }
        return None;
    }
    if sale.reference.is_some() {
        // It is done, and to be seen: never done again by itself.
        sale.tries += 1;
        match sale.tries < TRIES {
            true => sale.due = Some(now.plus_millis(pause_ms(sale.tries, random))),
            false => attention(sale, "not_shown", now),
        }
        return None;
    }
    if let Some(hold) = sale.hold.filter(|hold| *hold > now) {
        sale.due = Some(hold.min(now.plus_millis(HOLD_LOOK_MS)));
        return None;
    }
    if !order.open {
        attention(sale, "order_closed", now);
        return None;
    }
    if order.currency != sale.terms.currency {
        attention(sale, "currency_differs", now);
        return None;
    }
    let money = sale.terms.on(order);
    if money <= 0 {
        attention(sale, "nothing_to_reduce", now);
        return None;
    }
    let lease = now.plus_millis(LEASE_MS);
    sale.hold = Some(lease);
    sale.due = Some(lease);
    Some(Action::Apply(money))
}

pub(super) fn applied(sale: &mut Sale, order: &Order, now: Timestamp) {
    sale.order = Some(Bound::to(order));
    let reduction = sale.reduction(order);
    if reduction > 0 && !sale.by_hand {
        return shown_on(sale, order, reduction, now);
    }
    if is_cancelled(sale, order) {
        return withdraw(sale, Then::Withdrawn, now);
    }
    match (sale.by_hand, order.open) {
        (true, true) => look_later(sale, now),
        (true, false) => {
            sale.total = Some(order.total);
            redeem(sale, now);
        }
        (false, true) => attention(sale, "discount_gone", now),
        (false, false) => attention(sale, "discount_lost", now),
    }
}

/// Whether the code of a manual sale is on the order by now.
pub(super) fn typed_in(sale: &mut Sale, order: &Order, now: Timestamp) {
    sale.order = Some(Bound::to(order));
    let reduction = sale.reduction(order);
    if reduction > 0 {
        return shown_on(sale, order, reduction, now);
    }
    if is_cancelled(sale, order) {
        return withdraw(sale, Then::Late, now);
    }
    match order.open {
        true => look_later(sale, now),
        false => attention(sale, "order_closed", now),
    }
}

/// The shop shows the discount.
fn shown_on(sale: &mut Sale, order: &Order, reduction: i64, now: Timestamp) {
    sale.given = Some(reduction);
    sale.total = Some(order.total);
    if reduction > sale.terms.agreed {
        return attention(sale, "discount_differs", now);
    }
    if !order.open {
        return redeem(sale, now);
    }
    if sale.state == State::Applied {
        return look_later(sale, now);
    }
    if order.total < sale.terms.floor {
        return attention(sale, "below_floor", now);
    }
    enter(sale, State::Applied, Some(first_look(now)), now);
}

pub(super) fn redeem(sale: &mut Sale, now: Timestamp) {
    let due = now.plus_millis(REDEEMED_LOOKS_MS[0]);
    enter(sale, State::Redeemed, Some(due), now);
}

pub(super) fn look_later(sale: &mut Sale, now: Timestamp) {
    sale.tries += 1;
    let redeemed = sale.state == State::Redeemed;
    let looks = if redeemed {
        &REDEEMED_LOOKS_MS[..]
    } else {
        &LOOKS_MS
    };
    let pause = usize::try_from(sale.tries).ok().and_then(|n| looks.get(n));
    sale.due = pause.map(|pause| now.plus_millis(*pause));
    if pause.is_none() && !redeemed {
        attention(sale, "not_bought", now);
    }
}
