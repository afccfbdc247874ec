//! `kill -9` at every point of a sale in the real shop, on SQLite and on PostgreSQL: no second
//! discount, no payment without a state.
//!
//! The till is this test binary itself, started again: a real process, killed right before and right
//! after each write, each call that registers or verifies, and each change in the shop. Who comes after
//! it reads both sides and goes on. `WOM_VENDURE_DIES_AT` repeats one point;
//! `WOM_VENDURE_DEATHS=n` tries every n-th, another one for another `SEED`.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use wom_sdk::{
    Kind, Retry,
    award::Ticket,
    merchant::{Merchant as _, OrderId},
    sale::{After, Sale, State},
    shop::Shop,
};
use wom_store::testing::PgServer;

use crate::{
    bar::{self, Ahead, Bar, Till, coffee},
    mortal::{self, Point, Reaper, say},
};

const TILL: &str = "WOM_TILL";
const COURSE: &str = "WOM_TILL_COURSE";

/// What a till does, again and again until it is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Course {
    /// The discount gets onto a draft.
    Buy,
    /// So it does, and the order is cancelled then.
    GiveUp,
}

impl Course {
    const ALL: [(Self, &str); 2] = [(Self::Buy, "buy"), (Self::GiveUp, "give up")];

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(course, _)| *course == self);
        found.unwrap().1
    }

    fn named(name: &str) -> Self {
        let found = Self::ALL.iter().find(|(_, it)| *it == name);
        found.unwrap().0
    }
}

/// How a run ended.
#[derive(Debug)]
enum End {
    Died,
    /// After these points, each the last time that it was passed.
    Done(Vec<Point>),
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sale_survives_kill_9_at_every_point_on_sqlite() {
    die_everywhere(None, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sale_survives_kill_9_at_every_point_on_postgres() {
    if let Some(server) = PgServer::shared() {
        die_everywhere(Some(&server), 1).await;
    }
}

/// Dies at each point, up to so many times that it is passed.
async fn die_everywhere(server: Option<&PgServer>, times: u32) {
    let bar = Bar::open(150).await;
    let one = std::env::var("WOM_VENDURE_DIES_AT").ok();
    let one = one.map(|text| Point::read(&text));
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    // Where not every point is tried, the seed says which.
    let every = number("WOM_VENDURE_DEATHS").unwrap_or(1).max(1);
    let offset = number("SEED").unwrap_or(0) % every;
    let mut seen = BTreeSet::new();
    let mut tried = BTreeSet::new();
    for (course, _) in Course::ALL {
        // Once without dying, to see which points there are.
        let life = Life::begin(&bar, course, server).await;
        let End::Done(points) = life.run(None) else {
            panic!("nobody is to die");
        };
        life.check().await;
        for last in points {
            // What is passed often, as looks are, is no different after a few times.
            for time in 1..=last.time.min(times) {
                let point = Point {
                    time,
                    ..last.clone()
                };
                let wanted = one.as_ref().is_none_or(|one| *one == point);
                let now = u64::try_from(seen.len()).unwrap() % every == offset;
                if !wanted || !seen.insert(point.clone()) || !now {
                    continue;
                }
                tried.insert(point.clone());
                let life = Life::begin(&bar, course, server).await;
                let died = matches!(life.run(Some(&point)), End::Died);
                // How often something is looked at depends on how fast it goes.
                assert!(died || time > 1, "nobody died {point}");
                println!(
                    "{course:?}: {point}{}",
                    if died { "" } else { ": not reached" }
                );
                if died {
                    // What the dead have taken is free again then.
                    Ahead::of(&life.dir).forward(Duration::from_secs(120));
                    life.run(None);
                }
                life.check().await;
            }
        }
    }
    println!(
        "{} of {} points: no second discount, no payment without a state",
        tried.len(),
        seen.len()
    );
    let names: BTreeSet<_> = seen.iter().map(|point| point.name.as_str()).collect();
    for what in MUST {
        for when in ["before", "after"] {
            let name = format!("{when} {what}");
            assert!(one.is_some() || names.contains(name.as_str()), "no {name}");
        }
    }
}

/// What has to be among the points.
const MUST: [&str; 10] = [
    "applyCouponCodeToDraftOrder",
    "checkout to paid",
    "checkout to shown",
    "createPromotion",
    "deletePromotion",
    "register",
    "removeCouponCodeFromDraftOrder",
    "sale to applied",
    "sale to applying",
    "sale to withdrawing",
];

/// One order, and the tills that die over it.
struct Life<'a> {
    bar: &'a Bar,
    course: Course,
    dir: PathBuf,
    order: OrderId,
    paid: u64,
}

impl<'a> Life<'a> {
    async fn begin(bar: &'a Bar, course: Course, server: Option<&PgServer>) -> Self {
        let database = match server {
            Some(server) => Some(server.database().await),
            None => None,
        };
        let order = bar.vendure.draft().await;
        let dir = bar.counter(&order.0, database.as_deref());
        std::fs::write(dir.join("order"), &order.0).unwrap();
        Self {
            bar,
            course,
            dir,
            order,
            paid: bar.paid().await,
        }
    }

    /// One payment, one discount that the order shows, and a sale that says so.
    async fn check(&self) {
        assert_eq!(self.bar.paid().await, self.paid + 1, "paid once");
        let till = self.bar.till(&self.dir).await;
        let sales = till.shop.sales_of(&self.order).await.unwrap();
        let paid: Vec<&Sale> = sales.iter().filter(|sale| sale.paid.is_some()).collect();
        let [sale] = paid[..] else {
            panic!("{} sales of one payment", paid.len());
        };
        let code = till.adapter.code(&sale.key()).unwrap();
        let promotions = self.bar.vendure.promotions(&code).await;
        let told = self.bar.told(&self.order).await;
        match self.course {
            Course::Buy => {
                assert_eq!((told, promotions), ((vec![-500], 1900), 1));
                assert_eq!(sale.state, State::Applied);
                assert_eq!((sale.given, sale.total), (Some(500), Some(1900)));
            }
            Course::GiveUp => {
                assert_eq!((told, promotions), ((vec![], 2400), 0));
                let known = [State::Withdrawn, State::Late(After::Cancel)];
                assert!(known.contains(&sale.state), "{sale:?}");
            }
        }
        till.close().await;
    }

    /// Lets a till do it, to the end or to death at a point.
    fn run(&self, die_at: Option<&Point>) -> End {
        let mut till = Command::new(std::env::current_exe().unwrap());
        till.args(["death::child_sells", "--exact", "--nocapture"])
            .env(TILL, &self.dir)
            .env(COURSE, self.course.name())
            .stderr(Stdio::piped());
        Reaper::tell(&mut till, die_at);
        let output = till.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let said: Vec<_> = text.lines().filter_map(|it| it.strip_prefix('>')).collect();
        if said.contains(&"dies") {
            use std::os::unix::process::ExitStatusExt as _;
            assert_eq!(output.status.signal(), Some(9), "it was killed");
            return End::Died;
        }
        let panic = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&"done"), "the till broke: {text}\n{panic}");
        let passed = said.iter().filter_map(|line| line.strip_prefix("passed "));
        End::Done(passed.map(Point::read).collect())
    }
}

#[test]
fn child_sells() {
    let Ok(dir) = std::env::var(TILL) else {
        return;
    };
    let course = Course::named(&std::env::var(COURSE).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(work(PathBuf::from(dir), course));
}

async fn work(dir: PathBuf, course: Course) {
    let reaper = Reaper::told();
    let ground = |ground| mortal::ground(ground, &reaper);
    let till = Till::open(&dir, ground).await.unwrap();
    let order = OrderId(std::fs::read_to_string(dir.join("order")).unwrap());
    let before = till.shop.sales_of(&order).await.unwrap();
    if before.iter().all(|sale| sale.state == State::Waiting)
        && let Some((_, ticket)) = offered(&till.shop, &order).await
    {
        bar::pay(dir.parent().unwrap(), &ticket).await;
    }
    let sales = till.shop.sales_of(&order).await.unwrap();
    let id = sales[0].id;
    let over = |state: &State| !matches!(state, State::Waiting | State::Applying);
    till.until(id, over).await;
    if course == Course::GiveUp {
        till.shop.cancel(&order).await.unwrap();
        let over = |state: &State| matches!(state, State::Withdrawn | State::Late(_));
        till.until(id, over).await;
    }
    till.close().await;
    reaper.say_passed();
    say("done");
}

/// The code to show, asked for as long as it is worth while; none where the order was paid for.
async fn offered(shop: &Shop, order: &OrderId) -> Option<(Sale, Ticket)> {
    for _ in 0..20 {
        match shop.offer(order, "coffee", &coffee()).await {
            Ok(shown) => return Some(shown),
            Err(error) if error.kind() == Kind::AlreadyPerformed => return None,
            Err(error) if error.retry() != Retry::Never => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("no code can be had");
}
