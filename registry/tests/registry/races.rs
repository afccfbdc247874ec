//! What may happen once happens once, for any number of callers, of servers in this process and of
//! processes on one directory.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use tokio::task::JoinSet;
use wom_registry::{Registry, RegistryOptions, RequestState, TestRegistry};
use wom_sdk::protocol::{SessionKey, message::RedeemedVoucher};

use crate::common::*;

const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_redeems_gets_the_vouchers() {
    let world = World::new().await;
    many_redeems(&world, std::slice::from_ref(&world.client)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_payments_gets_the_vouchers() {
    let world = World::new().await;
    many_payments(&world, std::slice::from_ref(&world.client)).await;
    many_payers(&world, std::slice::from_ref(&world.client)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_directory_are_one_registry() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::at(dir.path(), |_| ()).await;
    let second = TestRegistry::start(dir.path()).await.unwrap();
    let clients = [world.client.clone(), Client::new(second.url()).await];
    many_redeems(&world, &clients).await;
    many_payments(&world, &clients).await;
    many_payers(&world, &clients).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_directory_are_one_registry() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::at(dir.path(), |_| ()).await;
    let mut children = [spawn(dir.path()), spawn(dir.path())];
    let mut clients = Vec::new();
    for child in &mut children {
        clients.push(Client::new(&url_of(child)).await);
    }
    many_redeems(&world, &clients).await;
    many_payments(&world, &clients).await;
    many_payers(&world, &clients).await;
    for mut child in children {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

/// Not a test: the process that the test above starts. It serves until its standard input ends.
#[test]
#[ignore = "runs within another test"]
fn serve_as_a_child() {
    let Some(dir) = std::env::var_os("WOM_REGISTRY_CHILD") else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let registry = runtime.block_on(TestRegistry::start(dir)).unwrap();
    println!("\nurl {}", registry.url());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
    runtime.block_on(registry.stop()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_may_open_an_empty_directory_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut opening = JoinSet::new();
    for _ in 0..4 {
        let (dir, options) = (dir.path().to_owned(), RegistryOptions::new().key_bits(2048));
        opening.spawn(async move { Registry::open(dir, options).await.unwrap() });
    }
    let opened = opening.join_all().await;
    assert!(
        opened
            .windows(2)
            .all(|two| two[0].public_key() == two[1].public_key())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_three_are_looked_at() {
    let world = World::new().await;
    let created = world.client.issue(&world.instrument, "H", 5).await;
    let mut guesses = JoinSet::new();
    for guess in 0..CALLERS {
        let (client, otc) = (world.client.clone(), created.otc.clone());
        let pin = other_than(&created.password);
        guesses.spawn(async move {
            let _ = guess;
            client
                .redeem(&otc, &pin, &SessionKey::random())
                .await
                .problem()
        });
    }
    let answers = guesses.join_all().await;
    let of = |status| answers.iter().filter(|(other, _)| *other == status).count();
    assert_eq!((of(422), of(410)), (3, CALLERS - 3));
    // The right one does not help any more.
    let answer = world
        .client
        .redeem(&created.otc, &created.password, &SessionKey::random())
        .await;
    assert_eq!(answer.problem(), (410, "request-void".into()));
    let book = world
        .registry
        .request_book(&created.otc)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(book.state, RequestState::Void);
    assert_eq!(world.registry.books().await.unwrap().total.redeemed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_that_share_vouchers_lose_nothing() {
    let world = World::new().await;
    let purse = world.client.earn(&world.instrument, "H", 12).await;
    let second = world.client.earn(&world.instrument, "H", 12).await;
    // Sets in opposite order over two records, each pair with one voucher in common.
    let mut paying = JoinSet::new();
    for turn in 0..12 {
        let charged = world.client.charge(&world.pos, 2, vec![]).await;
        let mut vouchers = vec![purse[turn].clone(), second[turn.div_ceil(2)].clone()];
        if turn % 2 == 0 {
            vouchers.reverse();
        }
        let client = world.client.clone();
        paying.spawn(async move {
            client
                .confirm(&charged.otc, &charged.password, &vouchers)
                .await
                .status
        });
    }
    let paid = paying
        .join_all()
        .await
        .iter()
        .filter(|status| **status == 200)
        .count();
    // Turns 2k-1 and 2k share a voucher of the second record: 0, 1|2, 3|4, …, 9|10, 11.
    assert_eq!(paid, 7);
    let books = world.registry.books().await.unwrap();
    assert_eq!((books.total.spent, books.paid), (14, 14));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_for_many_takes_all_payers() {
    let world = World::new().await;
    let charged = world
        .client
        .charge(&world.pos, 1, vec![("persistent", true.into())])
        .await;
    let purse = world
        .client
        .earn(&world.instrument, "H", CALLERS as u32)
        .await;
    let mut paying = JoinSet::new();
    for voucher in purse {
        let (client, charged) = (world.client.clone(), charged.clone());
        paying.spawn(async move {
            client
                .confirm(&charged.otc, &charged.password, &[voucher])
                .await
                .status
        });
    }
    assert!(paying.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(
        world
            .client
            .status(&world.pos, &charged.otc)
            .await
            .confirmations
            .len(),
        CALLERS
    );
    assert_eq!(
        world.registry.books().await.unwrap().total.spent,
        CALLERS as u64
    );
}

async fn many_redeems(world: &World, clients: &[Client]) {
    let before = world.registry.books().await.unwrap().total;
    let created = world.client.issue(&world.instrument, "H", 9).await;
    let mut redeeming = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, created) = (clients[caller % clients.len()].clone(), created.clone());
        redeeming.spawn(async move {
            let session = SessionKey::random();
            let answer = client
                .redeem(&created.otc, &created.password, &session)
                .await;
            match answer.status {
                200 => Some(redeemed(&session, &answer).vouchers.len()),
                _ => {
                    assert_eq!(
                        answer.problem(),
                        (400, "operation-already-performed".into())
                    );
                    None
                }
            }
        });
    }
    let got: Vec<_> = redeeming.join_all().await.into_iter().flatten().collect();
    assert_eq!(got, [9]);
    let after = world.registry.books().await.unwrap().total;
    assert_eq!(after.redeemed, before.redeemed + 9);
}

/// Many payments, all with the same vouchers.
async fn many_payments(world: &World, clients: &[Client]) {
    let before = world.registry.books().await.unwrap();
    let purse = world.client.earn(&world.instrument, "H", 5).await;
    let mut paying = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, purse) = (clients[caller % clients.len()].clone(), purse.clone());
        let charged = world.client.charge(&world.pos, 5, vec![]).await;
        paying.spawn(async move { pay(&client, &charged, &purse).await });
    }
    let answers = paying.join_all().await;
    assert_eq!(
        answers.iter().filter(|(status, _)| *status == 200).count(),
        1
    );
    let refused = (422, "wrong-parameter".to_owned());
    assert_eq!(
        answers.iter().filter(|answer| **answer == refused).count(),
        CALLERS - 1
    );
    let after = world.registry.books().await.unwrap();
    assert_eq!(after.total.spent, before.total.spent + 5);
    assert_eq!(
        (after.paid, after.payments),
        (before.paid + 5, before.payments + 1)
    );
}

/// One payment, many payers with vouchers of their own.
async fn many_payers(world: &World, clients: &[Client]) {
    let before = world.registry.books().await.unwrap();
    let purse = world
        .client
        .earn(&world.instrument, "H", CALLERS as u32)
        .await;
    let charged = world.client.charge(&world.pos, 1, vec![]).await;
    let mut paying = JoinSet::new();
    for (caller, voucher) in purse.into_iter().enumerate() {
        let (client, charged) = (clients[caller % clients.len()].clone(), charged.clone());
        paying.spawn(async move { pay(&client, &charged, &[voucher]).await });
    }
    let answers = paying.join_all().await;
    assert_eq!(
        answers.iter().filter(|(status, _)| *status == 200).count(),
        1
    );
    let refused = (400, "operation-already-performed".to_owned());
    assert_eq!(
        answers.iter().filter(|answer| **answer == refused).count(),
        CALLERS - 1
    );
    let after = world.registry.books().await.unwrap();
    assert_eq!(after.total.spent, before.total.spent + 1);
}

async fn pay(
    client: &Client,
    charged: &wom_sdk::protocol::message::RegisterAnswer,
    vouchers: &[RedeemedVoucher],
) -> (u16, String) {
    let answer = client
        .confirm(&charged.otc, &charged.password, vouchers)
        .await;
    match answer.status {
        200 => (200, String::new()),
        _ => answer.problem(),
    }
}

fn spawn(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "races::serve_as_a_child",
            "--ignored",
            "--nocapture",
        ])
        .env("WOM_REGISTRY_CHILD", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn url_of(child: &mut Child) -> String {
    use std::io::BufRead as _;

    let mut output = std::io::BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let line = output.find_map(|line| line.unwrap().strip_prefix("url ").map(ToOwned::to_owned));
    line.unwrap()
}
