//! Death at every point: between any two writes or calls.

use super::*;
use crate::Retry;
use toy::{Reaper, look_after};

/// The code to show, asked for as long as it is worth while; none where the order was paid for.
async fn offered(shop: &Shop) -> Result<Option<(Sale, Ticket)>> {
    for _ in 0..20 {
        match shop.offer(&order("1"), "coffee", &coffee()).await {
            Ok(shown) => return Ok(Some(shown)),
            Err(error) if error.kind() == Kind::AlreadyPerformed => return Ok(None),
            Err(error) if error.retry() != Retry::Never => {}
            Err(error) => return Err(error),
        }
    }
    Err(busy())
}

fn pay_once(world: &World, ticket: &Ticket) {
    if world.till.paid() == 0 {
        world.till.pay(&ticket.otc);
    }
}

async fn buy(shop: &Shop, world: &World) -> Result<()> {
    if let Some((sale, ticket)) = offered(shop).await? {
        pay_once(world, &ticket);
        shop.wait(sale.id, minutes(3)).await?;
    }
    look_after(shop, minutes(3)).await;
    world.shelf.close("1");
    look_after(shop, minutes(3)).await;
    Ok(())
}

async fn give_up(shop: &Shop, world: &World) -> Result<()> {
    if !world.shelf.is_cancelled("1")
        && let Some((sale, ticket)) = offered(shop).await?
    {
        pay_once(world, &ticket);
        shop.wait(sale.id, minutes(3)).await?;
    }
    look_after(shop, minutes(3)).await;
    world.shelf.cancel("1");
    shop.cancel(&order("1")).await?;
    look_after(shop, minutes(30)).await;
    Ok(())
}

async fn come_late(shop: &Shop, world: &World) -> Result<()> {
    let before = shop.sales_of(&order("1")).await?;
    let waits = before.iter().all(|sale| sale.state == State::Waiting);
    if waits
        && !world.shelf.is_cancelled("1")
        && world.till.paid() == 0
        && let Some((sale, ticket)) = offered(shop).await?
    {
        shop.call_off(sale.id).await?;
        pay_once(world, &ticket);
    }
    world.shelf.cancel("1");
    shop.cancel(&order("1")).await?;
    look_after(shop, minutes(40)).await;
    for sale in shop.sales(Which::ForPerson, None, 9).await? {
        if matches!(sale.state, State::Late(_)) {
            shop.replace(sale.id, &order("2")).await?;
        }
    }
    look_after(shop, minutes(3)).await;
    world.shelf.close("2");
    look_after(shop, minutes(10)).await;
    Ok(())
}

async fn take(shop: &Shop, world: &World) -> Result<()> {
    let (poster, ticket) = loop {
        match shop.print("counter", &coffee()).await {
            Err(error) if error.retry() != Retry::Never => {}
            printed => break printed?,
        }
    };
    while world.till.paid() < 2 {
        world.till.pay(&ticket.otc);
    }
    for id in ["1", "2"] {
        if shop.sales_of(&order(id)).await?.is_empty() {
            // Whoever died may have been too slow: the cashier chooses.
            let chosen = shop.unclaimed(poster.id).await?.first().map(|sale| sale.id);
            shop.take(poster.id, &order(id), chosen).await?;
        }
    }
    look_after(shop, minutes(3)).await;
    world.shelf.close("1");
    world.shelf.close("2");
    look_after(shop, minutes(3)).await;
    Ok(())
}

/// Dies at each point in turn, is born again and does the same. Tells how many points there are.
async fn at_each_point(
    act: impl AsyncFn(&Shop, &World) -> Result<()>,
    check: impl AsyncFn(&World, u32),
) -> u32 {
    for point in 1.. {
        let world = World::new();
        world.shelf.order("1", 1_200);
        world.shelf.order("2", 1_300);
        let reaper = Reaper::at(point);
        let shop = world.process(Arc::clone(&reaper));
        let died = tokio::select! {
            done = act(&shop, &world) => { done.unwrap(); false }
            () = reaper.died.notified() => true,
        };
        if died {
            act(&world.shop, &world).await.unwrap();
        }
        world.run(minutes(60)).await;
        check(&world, point).await;
        if !died {
            assert!(reaper.passed() < point);
            return point - 1;
        }
    }
    unreachable!("there is an end")
}

async fn only(world: &World) -> Sale {
    let sales = world.shop.sales(Which::All, None, 9).await.unwrap();
    let [sale] = &sales[..] else {
        panic!("{} sales of one payment", sales.len());
    };
    sale.clone()
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_while_a_discount_is_given_gives_no_second_one() {
    let points = at_each_point(buy, async |world, point| {
        assert_eq!(world.till.paid(), 1, "{point}");
        assert_eq!(world.shelf.discounts("1"), 1, "{point}");
        assert_eq!(only(world).await.state, State::Redeemed, "{point}");
    })
    .await;
    assert!(points > 40, "{points}");
    println!("{points} points");
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_while_an_order_is_cancelled_leaves_no_code_behind() {
    let points = at_each_point(give_up, async |world, point| {
        assert_eq!((world.till.paid(), world.shelf.live()), (1, 0), "{point}");
        let state = only(world).await.state;
        let known = matches!(state, State::Withdrawn | State::Late(After::Cancel));
        assert!(known, "{point}: {state:?}");
    })
    .await;
    assert!(points > 40, "{points}");
    println!("{points} points");
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_forgets_no_late_payment_and_uses_it_once() {
    let points = at_each_point(come_late, async |world, point| {
        // Whoever died while calling off may have offered anew.
        let sales = world.shop.sales(Which::All, None, 9).await.unwrap();
        let paid: Vec<_> = sales.iter().filter(|sale| sale.paid.is_some()).collect();
        assert_eq!(paid.len(), world.till.paid(), "{point}");
        assert_eq!(world.shelf.discounts("1"), 0, "{point}");
        assert_eq!(world.shelf.discounts("2"), paid.len(), "{point}");
        for sale in &sales {
            let state = if sale.paid.is_some() {
                State::Redeemed
            } else {
                State::Lapsed
            };
            assert_eq!(sale.state, state, "{point}");
        }
    })
    .await;
    assert!(points > 40, "{points}");
    println!("{points} points");
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_uses_each_payment_of_a_poster_once() {
    let points = at_each_point(take, async |world, point| {
        let sales = world.shop.sales(Which::All, None, 9).await.unwrap();
        assert_eq!((world.till.paid(), sales.len()), (2, 2), "{point}");
        for sale in &sales {
            assert_eq!(sale.state, State::Redeemed, "{point}");
        }
        assert_eq!(world.shelf.discounts("1"), 1, "{point}");
        assert_eq!(world.shelf.discounts("2"), 1, "{point}");
    })
    .await;
    assert!(points > 40, "{points}");
    println!("{points} points");
}
