//! Sales and posters: moved on by version, found by shop, order and checkout, and one sale for each
//! place among the discounts of an order.

use std::sync::Arc;

use super::{
    Fixture, race,
    samples::{SHOP, at, order_id, poster, poster_in, sale, sale_in},
};
use crate::{
    Timestamp,
    sale::{OrderKey, Sale, SaleId, ShopId, State},
    store::{Store, Which},
};

/// A sale moves on from the version before only, and is listed when it is due.
pub async fn sales_move_by_version_and_come_in_order<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let first = sale(1, Some(1));
    let second = moved(&first, State::Applying);
    let third = moved(&second, State::Applied);
    let put = async |sale: &Sale| store.put_sale(sale).await.unwrap();
    assert!(!put(&second).await, "there is no version 1");
    assert_eq!(store.sale(first.id).await.unwrap(), None);
    assert!(put(&first).await);
    assert!(!put(&first).await, "it is there already");
    assert!(!put(&third).await, "a version is skipped");
    assert!(put(&second).await);
    assert!(!put(&second).await, "a version is repeated");
    assert_eq!(store.sale(first.id).await.unwrap(), Some(second));
    for (n, due) in [(2, Some(7)), (3, None), (4, Some(0)), (5, Some(3))] {
        assert!(put(&sale(n, due)).await);
    }
    let due = async |now, limit| {
        let due = store.due_sales(now, limit).await.unwrap();
        let seconds = due
            .iter()
            .map(|held| held.due.map(|due| due.since(at(0)) / 1000));
        seconds.collect::<Vec<_>>()
    };
    assert_eq!(due(at(-1), 99).await, []);
    assert_eq!(due(at(3), 99).await, [Some(0), Some(1), Some(3)]);
    assert_eq!(due(Timestamp::MAX, usize::MAX).await.len(), 4);
    assert_eq!(due(at(99), 2).await, [Some(0), Some(1)]);
    assert_eq!(due(at(99), 0).await, []);
    let over = Sale {
        due: None,
        ..moved(&sale(4, None), State::Redeemed)
    };
    assert!(put(&over).await);
    assert_eq!(due(at(99), 1).await, [Some(1)]);
}

/// Of those who take a place among the discounts of an order, one gets it: one discount is given. Who
/// lets it go lets another one have it.
pub async fn a_place_on_an_order_is_one_sales<F: Fixture>(fixture: &F) {
    let store = Arc::new(fixture.fresh().await);
    let wins = |results: &[bool]| results.iter().filter(|won| **won).count();
    let slot = OrderKey::new(SHOP, &order_id(0)).slot(0);
    let new = move |racer: u64| Sale {
        slot: Some(slot),
        ..sale(1_000 + racer, Some(0))
    };
    let made = race(&store, |store, racer| async move {
        store.put_sale(&new(racer as u64)).await.unwrap()
    })
    .await;
    assert_eq!(wins(&made), 1);
    let holder = new(made.iter().position(|won| *won).unwrap() as u64);

    // Those that stand already, as payments that came late, and are taken for the order.
    let late = |racer: u64| Sale {
        slot: None,
        ..sale(2_000 + racer, None)
    };
    for racer in 0..made.len() {
        assert!(store.put_sale(&late(racer as u64)).await.unwrap());
    }
    let bind = |store: Arc<F::Store>, racer: usize| async move {
        let bound = Sale {
            slot: Some(slot),
            ..moved(&late(racer as u64), State::Applying)
        };
        store.put_sale(&bound).await.unwrap()
    };
    assert_eq!(wins(&race(&store, bind).await), 0);
    let gone = Sale {
        slot: None,
        ..moved(&holder, State::Lapsed)
    };
    assert!(store.put_sale(&gone).await.unwrap());
    let bound = race(&store, bind).await;
    assert_eq!(wins(&bound), 1);
    let winner = bound.iter().position(|won| *won).unwrap() as u64;
    let held = store.sale(late(winner).id).await.unwrap().unwrap();
    assert_eq!((held.version, held.slot), (2, Some(slot)));
    // Its holder goes on with it.
    assert!(store.put_sale(&moved(&held, State::Applied)).await.unwrap());
}

/// Sales are found by shop and by whose turn it is, by order and by checkout.
pub async fn sales_are_found<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let states = [
        (State::Waiting, 1),
        (State::Redeemed, 0),
        (State::Manual, 2),
        (State::Attention("discount_gone".into()), 2),
        (State::Lapsed, 0),
        (State::Applying, 1),
    ];
    let mut all = Vec::new();
    for (n, (state, turn)) in (1..).zip(states) {
        let due = (turn == 1).then_some(5);
        let held = Sale {
            state,
            ..sale(n, due)
        };
        assert_eq!(held.turn().number(), turn);
        assert!(store.put_sale(&held).await.unwrap());
        all.push(held);
    }
    assert!(store.put_sale(&sale_in("other", 1, Some(1))).await.unwrap());
    all.sort_by_key(|sale| sale.id);
    let shop = ShopId::new(SHOP);
    for (which, least) in [(Which::All, 0), (Which::Open, 1), (Which::ForPerson, 2)] {
        let expected = all.iter().filter(|sale| sale.turn().number() >= least);
        let expected: Vec<_> = expected.cloned().collect();
        for page in [1, 2, 99] {
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let some = store.sales(shop, which, after, page).await.unwrap();
                assert!(some.len() <= page);
                let Some(last) = some.last() else { break };
                after = Some(last.id);
                listed.extend(some);
            }
            assert_eq!(listed, expected, "{which:?}, {page} at a time");
        }
    }
    // From another shop's on: its own alone.
    let other = sale_in("other", 1, None).id;
    let own = store
        .sales(shop, Which::All, Some(other), 99)
        .await
        .unwrap();
    assert_eq!(own.len(), all.iter().filter(|sale| sale.id > other).count());

    let second = Sale {
        id: SaleId::new(SHOP, &order_id(1), "tea", 0),
        slot: None,
        state: State::Recorded,
        ..sale(1, None)
    };
    assert!(store.put_sale(&second).await.unwrap());
    let key = OrderKey::new(SHOP, &order_id(1));
    let mut both = vec![second.id, sale(1, None).id];
    both.sort();
    let found = store.sales_of(key).await.unwrap();
    assert_eq!(found.iter().map(|sale| sale.id).collect::<Vec<_>>(), both);
    let none = OrderKey::new("other", &order_id(2));
    assert_eq!(store.sales_of(none).await.unwrap(), []);
    // The one that is over is not asked for; the other shop has another checkout in life.
    let paid = store.sales_paid_by(sale(1, None).checkout).await.unwrap();
    let ids: Vec<_> = paid.iter().map(|sale| sale.id).collect();
    let mut open = vec![sale(1, None).id, sale_in("other", 1, None).id];
    open.sort();
    assert_eq!(ids, open);
}

/// A poster moves on from the version before only, is listed when it is due, and by its shop.
pub async fn posters_move_by_version<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let (first, other) = (poster(1, Some(4)), poster_in("other", 2, Some(3)));
    assert!(store.put_poster(&first).await.unwrap());
    assert!(!store.put_poster(&first).await.unwrap());
    assert!(store.put_poster(&other).await.unwrap());
    assert!(store.put_poster(&poster(3, None)).await.unwrap());
    let ended = first.end(at(5));
    let counted = ended.counted(7, at(6));
    assert!(
        !store.put_poster(&counted).await.unwrap(),
        "a version is skipped"
    );
    assert!(store.put_poster(&ended).await.unwrap());
    assert!(
        !store.put_poster(&ended).await.unwrap(),
        "a version is repeated"
    );
    let due = store.due_posters(at(5), 9).await.unwrap();
    assert_eq!(due, [other.clone(), ended]);
    assert_eq!(store.due_posters(at(5), 1).await.unwrap().len(), 1);
    assert_eq!(store.due_posters(at(2), 9).await.unwrap(), []);
    assert!(store.put_poster(&counted).await.unwrap());
    assert_eq!(store.poster(first.id).await.unwrap(), Some(counted.clone()));
    let mut own = vec![counted, poster(3, None)];
    own.sort_by_key(|poster| poster.id);
    assert_eq!(store.posters(ShopId::new(SHOP)).await.unwrap(), own);
    assert_eq!(store.posters(ShopId::new("other")).await.unwrap(), [other]);
}

fn moved(sale: &Sale, state: State) -> Sale {
    Sale {
        version: sale.version + 1,
        state,
        ..sale.clone()
    }
}
