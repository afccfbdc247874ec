use proptest::prelude::*;

use super::*;
use crate::{
    Timestamp, Zone,
    checkout::CheckoutId,
    merchant::{Discount, OrderId},
    protocol::Filter,
    sale::{Made, SaleId, Salt, Tally, Terms, Then},
};

fn of(sales: &[Sale], zone: &Zone, from: Timestamp, until: Timestamp) -> Report {
    let mut tally = Tally::new(zone, from, until);
    sales.iter().for_each(|sale| tally.add(sale));
    tally.report()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn sale(n: u32, offer: &str, paid: &str, state: State) -> Sale {
    let order = OrderId(n.to_string());
    let made = Made {
        id: SaleId::new("bar", &order, offer, 0),
        shop: "bar".into(),
        offer: offer.into(),
        terms: Terms {
            amount: 60,
            filter: (offer == "tea").then(|| Filter::default().aim("H".parse().unwrap())),
            discount: Discount::Amount(500),
            agreed: 500,
            currency: if state == State::Unclaimed { "" } else { "EUR" }.into(),
            floor: 1,
            remedies: Vec::new(),
        },
        checkout: CheckoutId::new("http://r", "p", &n.to_string()),
        index: 0,
        salt: Salt([7; 16]),
    };
    let unclaimed = Sale::unclaimed(made, at(paid), at(paid));
    let late = match state {
        State::Late(after) => Some(after),
        _ => None,
    };
    Sale {
        given: (state == State::Redeemed).then_some(i64::from(100 + n)),
        late,
        state,
        ..unclaimed
    }
}

fn everything(sales: &[Sale]) -> Report {
    let zone = "Europe/Rome".parse().unwrap();
    of(sales, &zone, Timestamp::MIN, Timestamp::MAX)
}

#[test]
fn payments_and_discounts_are_counted_by_offer_aim_and_month() {
    let march = "2026-03-31T21:59:59Z";
    let april = "2026-03-31T22:00:00Z";
    let mut unpaid = sale(9, "tea", april, State::Lapsed);
    unpaid.paid = None;
    let mut recorded = sale(10, "coffee", april, State::Recorded);
    recorded.late = Some(After::Expiry);
    let mut granted = sale(11, "coffee", april, State::Granted);
    granted.late = Some(After::Cancel);
    let sales = [
        sale(1, "coffee", march, State::Redeemed),
        sale(2, "coffee", april, State::Redeemed),
        sale(3, "coffee", april, State::Redeemed),
        sale(4, "coffee", april, State::Refunded),
        sale(5, "coffee", april, State::Applied),
        sale(6, "coffee", april, State::Late(After::Cancel)),
        sale(7, "coffee", april, State::Unclaimed),
        sale(8, "tea", april, State::Withdrawing(Then::Withdrawn)),
        unpaid,
        recorded,
        granted,
    ];
    let report = everything(&sales);
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| {
            let counts = [row.payments, row.wom, row.discounts, row.granted];
            let others = [row.returned, row.pending, row.unpaid];
            let counts = counts.map(Option::unwrap);
            (
                &*row.offer,
                &*row.aim,
                &*row.month,
                counts,
                row.money,
                row.average,
                others.map(Option::unwrap),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                "coffee",
                "",
                "2026-03",
                [1, 60, 1, 0],
                Some(101),
                Some(101),
                [0, 0, 0]
            ),
            (
                "coffee",
                "",
                "2026-04",
                [8, 480, 2, 1],
                Some(205),
                Some(103),
                [1, 1, 0]
            ),
            (
                "tea",
                "H",
                "2026-04",
                [1, 60, 0, 0],
                Some(0),
                None,
                [0, 1, 1]
            ),
        ]
    );
    let unused: Vec<_> = report
        .not_used
        .iter()
        .map(|line| (line.cause, line.payments))
        .collect();
    assert_eq!(
        unused,
        [
            (Cause::AfterCancel, Some(1)),
            (Cause::AfterExpiry, Some(1)),
            (Cause::Unclaimed, Some(1)),
        ]
    );
    let zone = "Europe/Rome".parse().unwrap();
    let only_april = of(&sales, &zone, at(april), Timestamp::MAX);
    assert_eq!(only_april.rows.len(), 2);
}

#[test]
fn csv_and_json_say_the_same_and_nothing_else() {
    let mut odd = sale(1, "=1+1, \"x\"", "2026-03-01T10:00:00Z", State::Redeemed);
    odd.note = Some("a note".into());
    let report = everything(&[
        odd.clone(),
        sale(2, "tea", "2026-03-01T10:00:00Z", State::Late(After::End)),
    ]);
    let csv = report.to_csv();
    assert_eq!(
        csv,
        "line,shop,offer,aim,month,payments,wom,discounts,currency,money,average,granted,returned,pending,unpaid\r\n\
         offer,bar,\"'=1+1, \"\"x\"\"\",,2026-03,1,60,1,EUR,101,101,0,0,0,0\r\n\
         offer,bar,tea,H,2026-03,1,60,0,EUR,0,,0,0,0,0\r\n\
         not_used_after_end,,,,,1,60,,,,,,,,\r\n"
    );
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["rows"][0]["money"], 101);
    assert_eq!(json["not_used"][0]["cause"], "after_end");
    for told in [csv, report.to_json()] {
        assert!(!told.contains("a note") && !told.contains(&odd.key()));
    }
}

#[test]
fn what_is_published_leaves_few_payments_out() {
    let sales = |offer: &'static str, n: u32, base: u32| {
        (0..n).map(move |i| sale(base + i, offer, "2026-03-01T10:00:00Z", State::Redeemed))
    };
    let mut all: Vec<_> = sales("coffee", 12, 0).chain(sales("tea", 2, 20)).collect();
    all.extend(sales("cake", 7, 40));
    // Two alone would be told by the sum: the next one goes with them.
    let report = everything(&all).published();
    let shown: Vec<_> = report
        .rows
        .iter()
        .map(|row| (&*row.offer, row.payments))
        .collect();
    assert_eq!(shown, [("coffee", Some(12)), ("", Some(9))]);
    assert_eq!(report.published(), report);
    // One that was not used is the difference between payments and discounts.
    all.push(sale(
        99,
        "coffee",
        "2026-03-01T10:00:00Z",
        State::Late(After::Cancel),
    ));
    let report = everything(&all).published();
    let coffee = &report.rows[0];
    assert_eq!((coffee.payments, coffee.discounts), (Some(13), None));
    assert_eq!((coffee.money, coffee.average), (None, None));
    assert_eq!(report.not_used[0].payments, None);
    let few: Vec<_> = sales("tea", 4, 20).collect();
    assert_eq!(everything(&few).published().rows, []);
}

fn states() -> impl Strategy<Value = State> {
    prop::sample::select(vec![
        State::Redeemed,
        State::Redeemed,
        State::Redeemed,
        State::Applied,
        State::Refunded,
        State::Granted,
        State::Recorded,
        State::Unclaimed,
        State::Late(After::Cancel),
        State::Late(After::Double),
    ])
}

proptest! {
    /// Every payment is in one row and in one of its columns or among those not used; and nothing that
    /// is published is of 1 to 4 payments, nor is a difference within a row.
    #[test]
    fn sums_fit_and_small_numbers_are_not_published(
        happened in prop::collection::vec((states(), 0_usize..4, 1_u32..4), 0..80)
    ) {
        let offers = ["coffee", "tea", "cake", "lunch"];
        let sales: Vec<_> = (0_u32..).zip(happened).map(|(n, (state, offer, month))| {
            sale(n, offers[offer], &format!("2026-0{month}-10T10:00:00Z"), state)
        }).collect();
        let report = everything(&sales);
        let total = |get: fn(&Row) -> Option<u64>| report.rows.iter().filter_map(get).sum::<u64>();
        let unused: u64 = report.not_used.iter().filter_map(|line| line.payments).sum();
        prop_assert_eq!(total(|row| row.payments), sales.len() as u64);
        let columns = total(|row| row.discounts) + total(|row| row.granted)
            + total(|row| row.returned) + total(|row| row.pending);
        prop_assert_eq!(columns + unused, sales.len() as u64);
        let published = report.published();
        let few = |count: Option<u64>| (1..FEW).contains(&count.unwrap_or(0));
        for row in &published.rows {
            for count in [row.payments, row.discounts, row.granted, row.returned, row.pending] {
                prop_assert!(!few(count), "{:?}", row);
            }
            if let (Some(payments), Some(discounts)) = (row.payments, row.discounts) {
                prop_assert!(!few(Some(payments - discounts)), "{:?}", row);
            } else {
                prop_assert!(row.money.is_none() && row.average.is_none());
            }
        }
        prop_assert!(published.not_used.iter().all(|line| !few(line.payments)));
        let shown: u64 = published.rows.iter().filter_map(|row| row.payments).sum();
        prop_assert!(!few(Some(sales.len() as u64 - shown)) || shown == 0);
    }
}
