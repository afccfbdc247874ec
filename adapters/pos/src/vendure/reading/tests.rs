//! What a real shop answered, as orders.

use serde_json::Value;

use super::*;
use crate::vendure::wire::{Answer, It, List, Promotion, parse};

const CAPTURES: &str = include_str!("../../../tests/captures/vendure_answers.json");

fn captured(what: &str) -> Vec<u8> {
    let captures: Value = serde_json::from_str(CAPTURES).unwrap();
    let all = captures["answers"].as_array().unwrap();
    let it = all.iter().find(|it| it["what"] == what);
    serde_json::to_vec(&it.unwrap_or_else(|| panic!("{what}"))["answer"]).unwrap()
}

fn order(what: &str) -> ShopOrder {
    let answer: Answer<It<Option<ShopOrder>>> = parse(&captured(what)).unwrap();
    answer.data.unwrap().it.unwrap()
}

fn codes() -> Codes {
    Codes::new("WOM-").unwrap()
}

#[test]
fn a_discount_is_what_lines_and_total_show() {
    for (what, way, total, ours, open) in [
        ("a draft", Way::Draft, 2400, vec![], true),
        (
            "a draft with a discount of ours",
            Way::Draft,
            1900,
            vec![-500],
            true,
        ),
        (
            "and with one of the shop's own",
            Way::Draft,
            1710,
            vec![-500],
            true,
        ),
        (
            "a code that is not valid yet: listed, and no discount",
            Way::Draft,
            2400,
            vec![],
            true,
        ),
        ("a shopper's cart", Way::Cart, 1200, vec![], true),
        ("paid", Way::Paid, 2400, vec![], true),
        ("being modified", Way::Paid, 2400, vec![], true),
        (
            "paid, then given a discount",
            Way::Paid,
            1900,
            vec![-500],
            false,
        ),
        (
            "cancelled: the code is still listed",
            Way::Closed,
            0,
            vec![],
            false,
        ),
    ] {
        let shop = order(what);
        let read = shop.read(&codes(), true);
        let own = read.lines.iter().filter(|line| line.reference.is_some());
        let own: Vec<_> = own.map(|line| line.amount).collect();
        assert_eq!(
            (shop.way(), read.total, own, read.open),
            (way, total, ours, open),
            "{what}"
        );
        let lines: i64 = read.lines.iter().map(|line| line.amount).sum();
        assert_eq!(lines, total, "{what}");
        let strict = shop.read(&codes(), false);
        assert_eq!(strict.open, open && way != Way::Paid, "{what}");
    }
}

#[test]
fn what_is_listed_is_not_yet_given() {
    let early = order("a code that is not valid yet: listed, and no discount");
    assert!(early.lists("wom-a2"));
    assert_eq!(early.reduction("a2", &codes()), 0);
    let cancelled = order("cancelled: the code is still listed");
    assert!(cancelled.lists("WOM-A4"));
    assert_eq!(cancelled.reduction("a4", &codes()), 0);
    let given = order("a draft with a discount of ours");
    assert_eq!(given.reduction("A1", &codes()), 500);
    assert_eq!(given.reduction("a2", &codes()), 0);
}

#[test]
fn what_was_paid_back_cannot_be_paid_back_again() {
    let paid = order("paid");
    assert_eq!(paid.refundable().unwrap().left(), 2400);
    let given = order("paid, then given a discount");
    assert_eq!(given.refundable().unwrap().left(), 1900);
    assert!(order("a draft").refundable().is_none());
    let between = order("being modified");
    assert_eq!(between.before_modifying(), Some("PaymentSettled"));
}

#[test]
fn each_change_changes_the_version() {
    let version = |what| order(what).read(&codes(), true).version;
    let all = [
        "a draft",
        "a draft with a discount of ours",
        "and with one of the shop's own",
        "paid",
        "being modified",
        "paid, then given a discount",
    ];
    let versions: std::collections::BTreeSet<_> = all.into_iter().map(version).collect();
    assert_eq!(versions.len(), all.len());
}

#[test]
fn a_promotion_tells_its_order_and_what_it_gives() {
    let answer: Answer<It<List<Promotion>>> = parse(&captured("promotions by a code")).unwrap();
    let mut promotion = answer.data.unwrap().it.items.remove(0);
    let of = |discount| crate::vendure::promotion::Action::of(&discount).unwrap();
    let five = of(wom_sdk::merchant::Discount::Amount(500));
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    assert_eq!(promotion.order(), Some(OrderId("1".to_owned())));
    assert!(promotion.gives(&five, now));
    assert!(!promotion.gives(&of(wom_sdk::merchant::Discount::Amount(501)), now));
    assert!(!promotion.gives(&of(wom_sdk::merchant::Discount::BasisPoints(500)), now));
    assert!(!promotion.gives(&five, "2099-01-02T00:00:00Z".parse().unwrap()));
    promotion.description = "<p>order/7</p>".to_owned();
    assert_eq!(promotion.order(), Some(OrderId("7".to_owned())));
    promotion.description = "for the museum".to_owned();
    assert_eq!(promotion.order(), None);
    promotion.enabled = false;
    assert!(!promotion.gives(&five, now));
}

#[test]
fn a_lapsed_session_is_told_by_its_code() {
    let answer: Answer<It<Option<ShopOrder>>> = parse(&captured("no session")).unwrap();
    assert_eq!(answer.errors.unwrap()[0].code(), "FORBIDDEN");
}
