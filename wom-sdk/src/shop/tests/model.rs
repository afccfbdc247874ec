//! Random customers, cashiers, faults and deaths, held against what the shop's and the Registry's
//! books say in the end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use toy::{Reaper, look_after};

/// What happens.
#[derive(Clone, Debug)]
enum Happening {
    /// A till offers something for an order.
    Offer(u8, bool),
    /// A customer pays a code that was shown: one of the last, or an old one.
    Pay(u8),
    /// A customer pays the poster.
    PayPoster,
    /// A cashier takes a payment of the poster for an order.
    Take(u8),
    /// The shop cancels an order, and may tell us.
    Cancel(u8, bool),
    /// The customer pays the order's rest and goes.
    Close(u8),
    /// The basket changes.
    Price(u8, i64),
    /// A person decides about what waits for one.
    Decide(u8, u8),
    /// Time passes, and workers work: so many seconds.
    Work(u16),
    /// A worker dies at one of its next points, while others work.
    Die(u8),
    /// The Registry is down, or up again.
    Down(bool),
}

fn happenings() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        6 => (0_u8..3, any::<bool>()).prop_map(|(order, tea)| Offer(order, tea)),
        6 => (0_u8..4).prop_map(Pay),
        1 => Just(PayPoster),
        2 => (0_u8..3).prop_map(Take),
        2 => (0_u8..3, any::<bool>()).prop_map(|(order, told)| Cancel(order, told)),
        2 => (0_u8..3).prop_map(Close),
        1 => (0_u8..3, 0_i64..2_000).prop_map(|(order, price)| Price(order, price)),
        2 => any::<(u8, u8)>().prop_map(|(which, how)| Decide(which, how)),
        8 => (1_u16..600).prop_map(Work),
        3 => (1_u8..30).prop_map(Die),
        1 => any::<bool>().prop_map(Down),
    ]
}

async fn happen(world: &World, shown: &mut Vec<crate::protocol::Otc>, happening: &Happening) {
    let poster = world.shop.print("counter", &coffee()).await.ok();
    let id = |n: &u8| order(&n.to_string());
    let shop = &world.shop;
    match happening {
        Happening::Offer(n, tea) => {
            let name = if *tea { "tea" } else { "coffee" };
            if let Ok((_, ticket)) = shop.offer(&id(n), name, &coffee()).await {
                shown.push(ticket.otc);
            }
        }
        Happening::Pay(back) => {
            let at = shown.len().checked_sub(1 + usize::from(*back));
            if let Some(otc) = at.and_then(|at| shown.get(at)) {
                world.till.pay(otc);
                // A code that may be paid once is: but for the oldest of four, now and then.
                if *back < 3 {
                    let otc = otc.clone();
                    shown.retain(|held| *held != otc);
                }
            }
        }
        Happening::PayPoster => {
            if let Some((_, ticket)) = &poster {
                world.till.pay(&ticket.otc);
            }
        }
        Happening::Take(n) => {
            if let Some((poster, _)) = &poster {
                let _ = shop.take(poster.id, &id(n), None).await;
            }
        }
        Happening::Cancel(n, told) => {
            world.shelf.cancel(&n.to_string());
            if *told {
                let _ = shop.cancel(&id(n)).await;
            }
        }
        Happening::Close(n) => world.shelf.close(&n.to_string()),
        Happening::Price(n, price) => world.shelf.price(&n.to_string(), *price),
        Happening::Decide(which, how) => {
            let waiting = shop.sales(Which::ForPerson, None, 99).await.unwrap();
            if let Some(sale) = waiting.get(usize::from(*which) % waiting.len().max(1)) {
                let _ = match how % 4 {
                    0 => shop.replace(sale.id, &id(&(how % 3))).await,
                    1 => {
                        shop.resolve(sale.id, Resolution::Recorded, "apologised")
                            .await
                    }
                    2 => {
                        shop.resolve(sale.id, Resolution::Granted("F".into()), "a code")
                            .await
                    }
                    _ => shop.confirm(sale.id).await,
                };
            }
        }
        Happening::Work(seconds) => {
            let time = Duration::from_secs(u64::from(*seconds));
            let other = world.process(Arc::default());
            tokio::join!(look_after(shop, time), look_after(&other, time));
        }
        Happening::Die(point) => {
            let reaper = Reaper::at(u32::from(*point));
            let mortal = world.process(Arc::clone(&reaper));
            let work = look_after(&mortal, minutes(2));
            tokio::select! {
                () = work => {}
                () = reaper.died.notified() => {}
            }
        }
        Happening::Down(down) => world.till.down(*down),
    }
}

/// What must hold at any time: no discount without a payment, and none twice.
fn check_always(world: &World) -> Result<(), TestCaseError> {
    let mut by_code = BTreeMap::<_, Vec<_>>::new();
    for (code, order) in world.shelf.all() {
        by_code.entry(code).or_default().push(order);
    }
    for orders in by_code.values() {
        prop_assert_eq!(
            orders.len(),
            1,
            "a payment gave two discounts: {:?}",
            orders
        );
    }
    prop_assert!(
        by_code.len() <= world.till.paid(),
        "more discounts than payments"
    );
    for n in 0..3 {
        prop_assert!(
            world.shelf.discounts(&n.to_string()) <= 1,
            "two discounts on order {}",
            n
        );
    }
    Ok(())
}

/// What must hold once nothing goes wrong any more and time has passed.
async fn check_at_last(world: &World) -> Result<(), TestCaseError> {
    let sales = world.shop.sales(Which::All, None, 999).await.unwrap();
    let paid: Vec<_> = sales.iter().filter(|sale| sale.paid.is_some()).collect();
    let rightly = paid
        .iter()
        .filter(|sale| sale.index == 0 || sale.offer == "counter");
    prop_assert_eq!(
        rightly.count(),
        world.till.paid_rightly(),
        "a payment without a state"
    );
    prop_assert!(
        paid.len() <= world.till.paid(),
        "a payment that nobody made"
    );
    for sale in &paid {
        let order = sale.order.as_ref().map(|order| order.id.0.clone());
        let given = world.shelf.all();
        let given = given.iter().find(|(code, _)| *code == sale.key());
        match &sale.state {
            State::Applied | State::Redeemed => {
                prop_assert_eq!(given.map(|(_, order)| order), order.as_ref(), "{:?}", sale);
            }
            State::Attention(_) => {}
            state => prop_assert!(given.is_none(), "{:?} has a discount", state),
        }
        let over = !matches!(
            sale.state,
            State::Waiting | State::Lapsed | State::Applying | State::Withdrawing(_)
        );
        prop_assert!(over, "it hangs: {:?}", sale);
        if order.is_some_and(|order| world.shelf.is_cancelled(&order)) {
            let gone = !matches!(sale.state, State::Applied);
            prop_assert!(gone, "applied to a cancelled order: {:?}", sale);
        }
    }
    let asked = sales
        .iter()
        .filter(|sale| matches!(sale.state, State::Attention(_)));
    if asked.count() == 0 {
        prop_assert_eq!(
            world.shelf.live(),
            0,
            "a cancelled order's code lives again"
        );
    }
    Ok(())
}

async fn play(happenings: &[Happening], seed: u64) -> Result<(), TestCaseError> {
    let world = World::new();
    for n in 0..3 {
        world.shelf.order(&n.to_string(), 1_000 + n);
    }
    let mut shown = Vec::new();
    world.shelf.fail_by_chance(Some(seed));
    for happening in happenings {
        happen(&world, &mut shown, happening).await;
        check_always(&world)?;
    }
    world.shelf.fail_by_chance(None);
    world.till.down(false);
    // Codes that ran out are watched for a day, and orders read for three weeks.
    world.run(Duration::from_secs(25 * 86_400)).await;
    check_always(&world)?;
    check_at_last(&world).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        // WOM_SALES plays more of them.
        std::env::var("WOM_SALES").ok().and_then(|n| n.parse().ok()).unwrap_or(25)
    ))]

    #[test]
    fn whatever_happens_a_payment_is_one_discount_at_most_and_never_without_a_state(
        happenings in prop::collection::vec(happenings(), 1..40), seed in any::<u64>()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(&happenings, seed))?;
    }
}
