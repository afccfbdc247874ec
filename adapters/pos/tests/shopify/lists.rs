//! What changed, as the adapter lists it.

use wom_sdk::{Kind, instrument::Cursor, merchant::Merchant as _};

use crate::{FIVE, listed::listed, shop::Shop, trouble::Trouble};

const THROTTLED: &str = r#"{"errors":[{"extensions":{"code":"THROTTLED"}}]}"#;

#[tokio::test]
async fn what_changed_is_listed_and_nobody_is_asked_for() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    assert_eq!(adapter.orders(None).await.unwrap(), (Vec::new(), None));
    let drafts: Vec<_> = (0..120).map(|_| shop.draft("OPEN")).collect();
    adapter.apply(&drafts[3], &FIVE, "k").await.unwrap();
    let order = shop.complete(&drafts[3], "PAID", None);
    let (found, cursor) = listed(&adapter, None).await;
    assert!(drafts.iter().chain([&order]).all(|id| found.contains(id)));
    shop.change(|books| books.clock += 1_000);
    shop.alter(&order, |order| order.cancelled = true);
    let (found, next) = listed(&adapter, cursor.clone()).await;
    // The draft is called, though only its order changed.
    assert!(found.contains(&order) && found.contains(&drafts[3]));
    assert!(!found.contains(&drafts[0]));
    assert_ne!(next, cursor);
    let (_, last) = adapter.orders(next.clone()).await.unwrap();
    assert_eq!(last, next);
    // More than one call takes; the shop throttles half-way, and then forgets where a page ended.
    let flood: Vec<_> = (0..300).map(|_| shop.draft("OPEN")).collect();
    shop.troubles.next("{draftOrders(first:50", Trouble::None);
    shop.troubles.next(
        "{draftOrders(first:50",
        Trouble::Status(200, None, THROTTLED),
    );
    shop.troubles
        .next("{draftOrders(first:50", Trouble::Status(500, None, ""));
    let (found, _) = listed(&adapter, next.clone()).await;
    assert!(flood.iter().all(|draft| found.contains(draft)));
    assert!(shop.troubles.are_over());
    let error = adapter
        .orders(Some(Cursor("x".to_owned())))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);

    let asked = shop.change(|books| std::mem::take(&mut books.asked));
    assert!(asked.len() > 10);
    for (name, fields) in asked {
        for personal in [
            "customer",
            "email",
            "phone",
            "note",
            "shippingAddress",
            "billingAddress",
        ] {
            assert!(
                !fields.iter().any(|field| field == personal),
                "{name} asks for {personal}"
            );
        }
    }
}

#[tokio::test]
async fn what_the_index_tells_late_is_listed_all_the_same() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let at = |second: i64| {
        let draft = shop.draft("OPEN");
        shop.change(|books| books.drafts.values_mut().last().unwrap().updated = second);
        draft
    };
    at(1_000);
    let (_, cursor) = adapter.orders(None).await.unwrap();
    let late = at(990);
    let (found, _) = adapter.orders(cursor).await.unwrap();
    assert!(found.contains(&late), "{found:?}");
}

#[tokio::test]
async fn more_changes_of_one_second_than_one_look_takes_are_all_listed() {
    for is_bought in [false, true] {
        let shop = Shop::start().await;
        let adapter = shop.adapter();
        let flood: Vec<_> = (0..450).map(|_| shop.draft("OPEN")).collect();
        let flood = match is_bought {
            true => flood
                .iter()
                .map(|draft| shop.complete(draft, "PAID", None))
                .collect(),
            false => flood,
        };
        shop.change(|books| {
            let orders = books.orders.values_mut();
            for sold in books.drafts.values_mut().chain(orders) {
                sold.updated = 1_000;
            }
        });
        let (found, _) = listed(&adapter, None).await;
        assert!(flood.iter().all(|id| found.contains(id)), "{is_bought}");
    }
}
