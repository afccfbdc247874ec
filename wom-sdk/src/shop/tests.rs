mod death;
mod model;
mod toy;

use std::time::Duration;

use super::*;
use crate::{
    Kind, Zone,
    checkout::CheckoutId,
    instrument::Request,
    sale::{After, Remedy, Resolution, Stacking, Turn},
    store::Which,
};
use toy::{Fault, World, coffee, order};

const SECOND: Duration = Duration::from_secs(1);

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_paid_for_gets_its_discount_once() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    let again = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    assert_eq!(again.1, ticket, "the same code");
    assert_eq!(sale.terms.agreed, 120);
    assert_eq!(world.shelf.discounts("1"), 0);
    world.till.pay(&ticket.otc);
    let sale = world.shop.wait(sale.id, minutes(2)).await.unwrap();
    assert_eq!(
        (&sale.state, sale.given, sale.total),
        (&State::Applied, Some(120), Some(1_080))
    );
    assert_eq!(world.shelf.discounts("1"), 1);
    let error = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyPerformed);
    world.shelf.close("1");
    world.run(minutes(2)).await;
    assert_eq!(world.sale(sale.id).await.state, State::Redeemed);
    assert_eq!(world.shelf.discounts("1"), 1);
    let (first, last) = (Timestamp::MIN, Timestamp::MAX);
    let report = world.shop.report(&Zone::UTC, first, last).await.unwrap();
    assert_eq!(report.rows.len(), 1);
    assert_eq!(
        (report.rows[0].discounts, report.rows[0].money),
        (Some(1), Some(120))
    );
}

#[tokio::test(start_paused = true)]
async fn many_tills_and_workers_give_one_discount() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    world.shelf.slow(3_000);
    let offers = (0..8).map(|n| {
        let shop = world.shop.clone();
        let name = if n % 2 == 0 { "coffee" } else { "tea" };
        tokio::spawn(async move { shop.offer(&order("1"), name, &coffee()).await.ok() })
    });
    let mut tickets = Vec::new();
    for offer in offers.collect::<Vec<_>>() {
        tickets.extend(offer.await.unwrap());
    }
    let id = tickets[0].0.id;
    assert!(
        tickets.iter().all(|(sale, _)| sale.id == id),
        "two codes for one order"
    );
    world.till.pay(&tickets[0].1.otc);
    let workers = (0..8).map(|_| {
        let (shops, desks) = (world.shops(), world.desks());
        tokio::spawn(async move {
            let stop = || tokio::time::sleep(minutes(2));
            let (shops, desks) = tokio::join!(shops.run(stop()), desks.run(stop()));
            shops.and(desks).unwrap();
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    assert_eq!(world.shelf.discounts("1"), 1);
    assert_eq!(world.shelf.asked(), 1);
    assert_eq!(world.sale(id).await.state, State::Applied);
}

#[tokio::test(start_paused = true)]
async fn a_discount_that_was_not_answered_is_looked_for_before_it_is_asked_again() {
    for (fault, asked) in [
        (Fault::LoseReply, 1),
        (Fault::LoseRequest, 2),
        (Fault::Later(9_000), 1),
    ] {
        let world = World::new();
        world.shelf.order("1", 1_200);
        let (sale, ticket) = world
            .shop
            .offer(&order("1"), "coffee", &coffee())
            .await
            .unwrap();
        world.shelf.fail("apply", fault);
        world.till.pay(&ticket.otc);
        let sale = world.shop.wait(sale.id, minutes(2)).await.unwrap();
        assert_eq!(sale.state, State::Applied, "{fault:?}");
        assert_eq!(
            (world.shelf.asked(), world.shelf.discounts("1")),
            (asked, 1),
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_asks_for_a_pause_is_left_alone_for_as_long() {
    for (asked, given) in [(600, 600), (10, 120), (1_000_000, 3_600)] {
        let world = World::new();
        world.shelf.fail("orders", Fault::Busy(asked));
        let error = world.shop.pull().await.unwrap_err();
        assert_eq!(error.kind(), Kind::RateLimited);
        let source = format!("shop/{}", world.shop.name);
        let held = world.shop.store().cursor(&source).await.unwrap().unwrap();
        let left = held.due.since(world.shop.now()) / 1_000;
        assert!((given - 2..=given).contains(&left), "{asked}: {left}");
        assert_eq!(held.failed.as_deref(), Some("rate_limited"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_order_keeps_no_code_and_its_payment_is_kept_in_mind() {
    let world = World::new();
    // Before anybody paid: the code is watched.
    world.shelf.order("1", 1_200);
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    world.shelf.cancel("1");
    let told = world.shop.cancel(&order("1")).await.unwrap();
    assert_eq!(told[0].state, State::Lapsed);
    world.till.pay(&ticket.otc);
    world.run(minutes(30)).await;
    let late = world.sale(sale.id).await;
    assert_eq!(
        (&late.state, late.turn()),
        (&State::Late(After::Cancel), Turn::Person)
    );
    assert_eq!(late.remedies()[0], Remedy::FreshCode);
    let listed = world.shop.sales(Which::ForPerson, None, 9).await.unwrap();
    assert_eq!(listed, [late]);
    // On the order that takes its place.
    world.shelf.order("2", 1_300);
    let replaced = world.shop.replace(sale.id, &order("2")).await.unwrap();
    assert_eq!(
        (&replaced.state, replaced.given),
        (&State::Applied, Some(130))
    );
    assert_eq!(
        (world.shelf.discounts("1"), world.shelf.discounts("2")),
        (0, 1)
    );

    // After the discount was on it: the shop lets its code live again, so it is taken back.
    world.shelf.cancel("2");
    world.run(minutes(2)).await;
    assert_eq!(world.sale(sale.id).await.state, State::Withdrawn);
    assert_eq!(world.shelf.live(), 0, "the code lives again");
}

#[tokio::test(start_paused = true)]
async fn where_another_worker_was_faster_the_sale_is_told_as_it_stands() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    world.shelf.cancel("1");
    let lapsed = world.shop.cancel(&order("1")).await.unwrap().remove(0);
    world.till.pay(&ticket.otc);
    world.run(minutes(30)).await;
    let now = world.shop.gone_on(lapsed.clone()).await.unwrap();
    assert_eq!(
        (&lapsed.state, &now.state),
        (&State::Lapsed, &State::Late(After::Cancel))
    );
    assert_eq!(now, world.sale(sale.id).await);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_under_way_in_the_shop_is_taken_back_after_it_is_there() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    world.shelf.fail("apply", Fault::Later(9_000));
    world.till.pay(&ticket.otc);
    let asked = world.shop.wait(sale.id, 3 * SECOND).await.unwrap();
    assert_eq!((&asked.state, world.shelf.asked()), (&State::Applying, 1));
    world.shelf.cancel("1");
    world.shop.cancel(&order("1")).await.unwrap();
    world.run(minutes(2)).await;
    assert_eq!(world.sale(sale.id).await.state, State::Late(After::Cancel));
    assert_eq!(world.shelf.live(), 0, "it came after it was taken back");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_cancelled_in_the_shop_is_noticed_without_a_word() {
    let world = World::new();
    for id in ["1", "2", "3"] {
        world.shelf.order(id, 1_200);
    }
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    let (other, _) = world
        .shop
        .offer(&order("2"), "coffee", &coffee())
        .await
        .unwrap();
    world.run(minutes(1)).await;
    world.shelf.fail("orders", Fault::LoseReply);
    for _ in 0..3 {
        world.shelf.price("3", 900);
    }
    world.shelf.close("3");
    world.shelf.close("2");
    world.shelf.cancel("1");
    world.run(minutes(3)).await;
    assert_eq!(world.sale(sale.id).await.state, State::Lapsed);
    assert_eq!(
        world.sale(other.id).await.state,
        State::Lapsed,
        "it is closed without it"
    );
    world.till.pay(&ticket.otc);
    world.run(minutes(30)).await;
    assert_eq!(world.sale(sale.id).await.state, State::Late(After::Cancel));
    let record = world
        .shop
        .store()
        .cursor("shop/bar")
        .await
        .unwrap()
        .unwrap();
    assert!(record.version > 3 && record.sealed.is_some());
    // Asked twice a minute, by however many.
    let other = world.process(Arc::default());
    let before = record.version;
    tokio::join!(world.run(minutes(5)), toy::look_after(&other, minutes(5)));
    let record = world
        .shop
        .store()
        .cursor("shop/bar")
        .await
        .unwrap()
        .unwrap();
    assert!(
        (14..=22).contains(&(record.version - before)),
        "{}",
        record.version - before
    );
}

#[tokio::test(start_paused = true)]
async fn any_number_may_watch_and_the_registry_is_asked_by_who_looks_after_it() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    let open = world.shop.watch(sale.id, minutes(2)).await.unwrap();
    assert_eq!((open.state, world.till.polls()), (State::Waiting, 0));
    let watching: Vec<_> = (0..50)
        .map(|_| {
            let (shop, id) = (world.shop.clone(), sale.id);
            tokio::spawn(async move { shop.watch(id, minutes(2)).await.unwrap().state })
        })
        .collect();
    world.till.pay(&ticket.otc);
    world.run(minutes(1)).await;
    // One look finds the payment, and two count whether there was a second.
    assert_eq!(world.till.polls(), 3);
    for watched in watching {
        assert_eq!(watched.await.unwrap(), State::Applied);
    }
    assert_eq!(world.shelf.discounts("1"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_expired_code_that_is_paid_is_found_before_another_is_shown() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    let lapsed = world.shop.wait(sale.id, minutes(7)).await.unwrap();
    assert_eq!(lapsed.state, State::Lapsed);
    // Not paid: another one.
    let (second, other) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    assert!(second.id != sale.id && other != ticket);
    world.run(minutes(7)).await;
    world.till.pay(&ticket.otc);
    let error = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyPerformed);
    assert_eq!(world.sale(sale.id).await.state, State::Late(After::Expiry));
    let given = world.shop.replace(sale.id, &order("1")).await.unwrap();
    assert_eq!(given.state, State::Applied);
}

#[tokio::test(start_paused = true)]
async fn a_late_payment_gets_one_fresh_code_whatever_is_lost_on_the_way() {
    for fault in [Fault::Refuse, Fault::LoseRequest, Fault::LoseReply] {
        let world = World::new();
        world.shelf.order("1", 1_200);
        let offered = world.shop.offer(&order("1"), "coffee", &coffee()).await;
        let (sale, ticket) = offered.unwrap();
        let early = world.shop.grant(sale.id, "too early").await.unwrap_err();
        assert_eq!(early.kind(), Kind::InputInvalid);
        world.shop.call_off(sale.id).await.unwrap();
        world.till.pay(&ticket.otc);
        world.run(minutes(2)).await;
        assert_eq!(world.sale(sale.id).await.state, State::Late(After::Cancel));

        world.shelf.fail("issue", fault);
        let lost = world.shop.grant(sale.id, "next time").await.unwrap_err();
        assert_ne!(lost.retry(), crate::Retry::Never, "{fault:?}");
        // Nothing else can be given for it any more.
        let other = world.shop.replace(sale.id, &order("1")).await.unwrap_err();
        assert_eq!(other.kind(), Kind::InputInvalid);
        let (granted, code) = world.shop.grant(sale.id, "next time").await.unwrap();
        assert_eq!(granted.state, State::Granted);
        assert_eq!(granted.reference, Some(sale.fresh_key()));
        assert_ne!(sale.fresh_key(), sale.key());
        let again = world.shop.grant(sale.id, "next time").await.unwrap();
        assert_eq!(again.1, code);
        let issued = world.shelf.issued.lock().unwrap();
        assert_eq!(issued.keys().collect::<Vec<_>>(), [&code]);
        assert_eq!(issued[&code], coffee().discount);
    }
}

#[tokio::test(start_paused = true)]
async fn two_payments_of_one_code_are_one_discount_and_one_entry() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    world.till.pay(&ticket.otc);
    world.till.pay(&ticket.otc);
    world.shop.wait(sale.id, minutes(2)).await.unwrap();
    world.run(minutes(1)).await;
    let open = world.shop.sales(Which::ForPerson, None, 9).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (&open[0].state, open[0].index),
        (&State::Late(After::Double), 1)
    );
    assert_eq!(world.shelf.discounts("1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_till_that_takes_no_discounts_has_the_cashier_confirm() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    world.shelf.by_hand();
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    assert_eq!(world.shop.ticket(&sale).await.unwrap().unwrap(), ticket);
    assert_eq!(world.shop.to_type_in(&sale), None);
    world.till.pay(&ticket.otc);
    let sale = world.shop.wait(sale.id, minutes(2)).await.unwrap();
    assert_eq!(sale.state, State::Manual);
    assert_eq!(world.shop.ticket(&sale).await.unwrap(), None);
    assert_eq!(
        world.shop.confirm(sale.id).await.unwrap().state,
        State::Applied
    );
    world.shelf.close("1");
    let changed = world.shop.changed(&order("1")).await.unwrap();
    assert_eq!(changed[0].state, State::Redeemed);
    assert!(world.shop.confirm(sale.id).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_code_that_a_shopper_types_in_is_seen_on_the_order() {
    let world = World::new();
    world.shelf.by_code();
    world.shelf.order("1", 1_200);
    let (sale, ticket) = world
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    world.till.pay(&ticket.otc);
    let sale = world.shop.wait(sale.id, minutes(2)).await.unwrap();
    assert_eq!(sale.state, State::Manual);
    let code = world.shop.to_type_in(&sale).unwrap();
    // Saying so is not enough.
    let said = world.shop.confirm(sale.id).await.unwrap();
    assert_eq!(said.state, State::Manual);
    assert!(world.shelf.type_in("1", &code, 120));
    world.run(minutes(1)).await;
    let sale = world.sale(sale.id).await;
    assert_eq!((&sale.state, sale.given), (&State::Applied, Some(120)));
    assert_eq!(world.shop.to_type_in(&sale), None);

    // One that nobody typed in goes with its order.
    world.shelf.order("2", 1_200);
    let offered = world.shop.offer(&order("2"), "coffee", &coffee()).await;
    let (sale, ticket) = offered.unwrap();
    world.till.pay(&ticket.otc);
    let sale = world.shop.wait(sale.id, minutes(2)).await.unwrap();
    let code = world.shop.to_type_in(&sale).unwrap();
    world.shelf.cancel("2");
    world.shop.cancel(&order("2")).await.unwrap();
    world.run(minutes(1)).await;
    assert_eq!(world.sale(sale.id).await.state, State::Late(After::Cancel));
    assert!(!world.shelf.type_in("1", &code, 120), "the code lives on");
    // And is good for another order then.
    world.shelf.order("3", 1_200);
    let other = world.shop.replace(sale.id, &order("3")).await.unwrap();
    assert_eq!(other.state, State::Manual);
    assert!(world.shelf.type_in("3", &code, 120));
    world.shelf.close("3");
    world.shop.changed(&order("3")).await.unwrap();
    assert_eq!(world.sale(sale.id).await.state, State::Redeemed);
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_before_there_is_a_code_looks_again_soon() {
    let world = World::new();
    world.shelf.order("1", 1_200);
    let read = world.shop.read(&order("1")).await.unwrap();
    let sale = world.shop.begin(&read, "coffee", &coffee()).await.unwrap();
    world.run(SECOND * 2).await;
    let looked = world.sale(sale.id).await;
    assert!(looked.version > 1 && looked.due.unwrap().since(world.shop.now()) < 4_000);
    let offered = world.shop.offer(&order("1"), "coffee", &coffee()).await;
    world.till.pay(&offered.unwrap().1.otc);
    // Nobody waits for it.
    world.run(SECOND * 15).await;
    assert_eq!(world.sale(sale.id).await.state, State::Applied);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_names_an_order_and_is_believed_nothing_else() {
    let world = World::new();
    let heard = |body: &[u8]| {
        let (reply, order) = world.shop.receive(&Request {
            method: "POST",
            query: "",
            headers: &[],
            body,
            received_at: Timestamp::EPOCH,
        });
        (reply.status, order)
    };
    assert_eq!(heard(b"7"), (200, Some(order("7"))));
    assert_eq!(heard(b""), (204, None));
    assert_eq!(heard(b"\xff"), (400, None));
}

#[tokio::test(start_paused = true)]
async fn each_payment_of_a_poster_is_taken_once() {
    let world = World::new();
    let (poster, ticket) = world.shop.print("counter", &coffee()).await.unwrap();
    assert_eq!(
        world.shop.print("counter", &coffee()).await.unwrap().1,
        ticket
    );
    let orders: Vec<_> = (0..6).map(|n| n.to_string()).collect();
    for order in &orders {
        world.shelf.order(order, 1_200);
    }
    let empty = world
        .shop
        .take(poster.id, &order("0"), None)
        .await
        .unwrap_err();
    assert_eq!(empty.kind(), Kind::InputInvalid);
    // All within the same millisecond.
    for _ in 0..4 {
        world.till.pay(&ticket.otc);
    }
    let taking = orders.iter().map(|id| {
        let (shop, id) = (world.shop.clone(), order(id));
        tokio::spawn(async move { shop.take(poster.id, &id, None).await.ok() })
    });
    let mut taken = Vec::new();
    for one in taking.collect::<Vec<_>>() {
        taken.extend(one.await.unwrap());
    }
    assert_eq!(taken.len(), 4);
    taken.sort_by_key(|sale| sale.index);
    let indexes: Vec<_> = taken.iter().map(|sale| sale.index).collect();
    assert_eq!(indexes, [0, 1, 2, 3]);
    let given: usize = orders
        .iter()
        .map(|order| world.shelf.discounts(order))
        .sum();
    assert_eq!(given, 4);

    // One that nobody takes in time is not the next customer's, unless the cashier says so.
    world.till.pay(&ticket.otc);
    world.run(minutes(6)).await;
    let left = orders
        .iter()
        .find(|order| world.shelf.discounts(order) == 0);
    let left = order(left.unwrap());
    assert!(world.shop.take(poster.id, &left, None).await.is_err());
    let [old] = &world.shop.unclaimed(poster.id).await.unwrap()[..] else {
        panic!("it is listed");
    };
    let taken = world
        .shop
        .take(poster.id, &left, Some(old.id))
        .await
        .unwrap();
    assert_eq!(taken.state, State::Applied);

    world.shop.end(poster.id).await.unwrap();
    tokio::time::sleep(SECOND).await;
    world.till.pay(&ticket.otc);
    world.run(minutes(10)).await;
    let open = world.shop.sales(Which::ForPerson, None, 9).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].state, State::Late(After::End));
    let ended = world.shop.print("counter", &coffee()).await.unwrap_err();
    assert_eq!(ended.kind(), Kind::InputInvalid);
    let none = CheckoutId::new("http://r", "p", "none");
    assert!(world.shop.poster(none).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_order_has_as_many_discounts_as_it_may() {
    let rules = Rules {
        per_order: 2,
        stacking: Stacking::Added,
        ..Rules::default()
    };
    let world = World::with(rules);
    world.shelf.order("1", 1_000);
    for (name, given) in [("coffee", 100), ("tea", 90)] {
        let (sale, ticket) = world
            .shop
            .offer(&order("1"), name, &coffee())
            .await
            .unwrap();
        world.till.pay(&ticket.otc);
        let sale = world.shop.wait(sale.id, minutes(2)).await.unwrap();
        assert_eq!((&sale.state, sale.given), (&State::Applied, Some(given)));
    }
    let full = world
        .shop
        .offer(&order("1"), "cake", &coffee())
        .await
        .unwrap_err();
    assert_eq!(full.kind(), Kind::AlreadyPerformed);
    assert!(full.advice().is_some());

    let one = World::new();
    one.shelf.order("1", 1_000);
    let (sale, _) = one
        .shop
        .offer(&order("1"), "coffee", &coffee())
        .await
        .unwrap();
    let shown = one.shop.offer(&order("1"), "tea", &coffee()).await;
    assert_eq!(shown.unwrap_err().kind(), Kind::InputInvalid);
    assert_eq!(
        one.shop.call_off(sale.id).await.unwrap().state,
        State::Lapsed
    );
    assert!(one.shop.offer(&order("1"), "tea", &coffee()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_down_is_not_asked_all_the_time_for_a_poster() {
    let world = World::new();
    let (_, _) = world.shop.print("counter", &coffee()).await.unwrap();
    world.till.down(true);
    let before = world.till.polls();
    world.run(minutes(20)).await;
    let polls = world.till.polls() - before;
    assert!((3..=6).contains(&polls), "{polls}");
}
