//! What is done with any bytes: the whole way from an answer to an order, without the network.

use wom_sdk::{Timestamp, instrument::Verdict};

use super::{
    api::ANSWER_BYTES,
    code::Codes,
    door::look,
    promotion::Action,
    wire::{Answer, Changed, Channel, It, List, Outcome, Promotion, ShopOrder, parse},
};

/// Reads these bytes as every answer that there is.
pub(crate) fn answer(data: &[u8]) {
    if data.len() > ANSWER_BYTES {
        return;
    }
    parse::<Answer<It<Outcome>>>(data).ok();
    parse::<Answer<It<Channel>>>(data).ok();
    parse::<Answer<It<List<Changed>>>>(data).ok();
    let (Ok(codes), Ok(action)) = (
        Codes::new("WOM-"),
        Action::of(&wom_sdk::merchant::Discount::Amount(500)),
    ) else {
        return;
    };
    if let Ok(answer) = parse::<Answer<It<List<Promotion>>>>(data) {
        for promotion in answer.data.into_iter().flat_map(|data| data.it.items) {
            promotion.gives(&action, Timestamp::EPOCH);
            promotion.order();
        }
    }
    let Ok(answer) = parse::<Answer<It<Option<ShopOrder>>>>(data) else {
        return;
    };
    if let Some(order) = answer.data.and_then(|data| data.it) {
        let read = order.read(&codes, true);
        assert_eq!(read, order.read(&codes, true));
        order.refundable();
        order.before_modifying();
        for line in read.lines {
            let Some(key) = line.reference else { continue };
            assert!(codes.code(&key).is_ok(), "a reference is a key");
            order.reduction(&key, &codes);
        }
    }
}

/// Takes these bytes as a webhook whose signature holds.
pub(crate) fn call(data: &[u8]) {
    let received = look(data);
    assert!(matches!(received.reply.status, 200 | 400));
    if let Verdict::Read(hint) = received.verdict {
        assert!((1..=64).contains(&hint.0.len()));
    }
}
