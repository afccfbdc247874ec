//! What is done with any bytes: the whole way from an answer to observations, without the network.

use wom_sdk::{
    Body, Timestamp,
    instrument::{Request, Verdict},
    observation::Attendance,
};

use super::{
    PretixConfig, Terms,
    api::{ANSWER_BYTES, parse},
    config::Events,
    door::{Door, LARGEST, Look},
    name::Slug,
    plan::Plan,
    ticket::{Ticket, Witness},
    wire::{Event, Item, Order, Page, Scanned, Subevent, Whereabouts},
};

/// Reads these bytes as every answer that there is. A line each: an event, a product, a date and an
/// order are looked at together.
pub(crate) fn answer(data: &[u8]) {
    if data.len() > ANSWER_BYTES {
        return;
    }
    parse::<Page<Order>>(data).ok();
    parse::<Page<Scanned>>(data).ok();
    parse::<Page<Item>>(data).ok();
    parse::<Page<Subevent>>(data).ok();
    parse::<Page<Event>>(data).ok();
    parse::<Whereabouts>(data).ok();
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (event, item) = (parse::<Event>(next()), parse::<Item>(next()));
    let (date, order) = (parse::<Subevent>(next()).ok(), parse::<Order>(next()));
    let config = PretixConfig {
        nominal_minutes: Some(60),
        ..PretixConfig::default()
    };
    let (Ok(event), Ok(item), Ok(order), Ok(terms), Some(slug)) =
        (event, item, order, Terms::new(&config), Slug::new("o"))
    else {
        return;
    };
    let witness = Witness::new("localhost", &slug, terms);
    let now = Timestamp::from_seconds(1_800_000_000);
    for position in &order.positions {
        let date = date.as_ref().filter(|_| position.subevent.is_some());
        let nominal_ms = witness.terms.nominal_ms(position.item);
        let plan = Plan::new(&event, date, &item, nominal_ms);
        let ticket = Ticket {
            event: &event,
            order: &order,
            position,
            item: Some(&item),
        };
        let Ok(found) = witness.look(ticket, plan, now, now) else {
            continue;
        };
        assert!(found.observations.len() <= position.checkins.len() * 4 + 40);
        for observation in &found.observations {
            if let Body::Attendance(it) = &observation.body {
                let again = Attendance::new(it.ticket, it.session, it.slots.clone());
                assert!(again.is_ok_and(|again| again.slots == it.slots));
                assert!(it.scans.len() <= Attendance::MOST_SCANS);
            }
        }
    }
}

/// Takes these bytes as a webhook, at a door that everybody may knock at.
pub(crate) fn call(data: &[u8]) {
    let config = PretixConfig::default();
    let (Ok(events), Some(slug)) = (Events::new(&config), Slug::new("womdemo")) else {
        return;
    };
    let Ok(door) = Door::new(&config, slug, events) else {
        return;
    };
    let request = Request {
        method: "POST",
        query: "",
        headers: &[],
        body: data,
        received_at: Timestamp::EPOCH,
    };
    let received = door.receive(&request);
    assert!(matches!(received.reply.status, 204 | 413));
    assert_eq!(received.reply.status == 413, data.len() > LARGEST);
    if let Verdict::Read(hint) = received.verdict {
        assert!(Look::from_hint(&hint).is_some(), "a hint is understood");
    }
}
