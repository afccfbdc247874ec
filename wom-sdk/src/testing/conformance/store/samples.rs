//! Values to store: ordinary ones by number, and the extreme ones that a store may trip over.

use crate::{
    Activity, Body, Device, Digest, Provenance, Recording, Span, Timestamp,
    award::{Account, AwardKey, Content, Identity, State, Vouchers},
    campaign::Unit,
    checkout::{self, Charge, CheckoutId, CheckoutRecord},
    merchant::{Discount, Offer, OrderId},
    observation::{
        Attendance, Entry, Goal, Mark, Policy, Scan, Standing, Step, Study, Toward, Trace, Video,
    },
    privacy::Participant,
    protocol::{Bounds, Filter, Position},
    sale::{self, After, Bound, Made, OrderKey, Poster, Remedy, Sale, SaleId, Salt, Terms, Then},
    store::{AwardRecord, CursorRecord, DeliveryId, DeliveryRecord, DeliveryState, Owner},
};

/// Numbers from a seed, the same ones each time (SplitMix64).
#[derive(Debug)]
pub(super) struct Numbers(u64);

impl Numbers {
    /// From `WOM_TEST_SEED`, or else from the operating system; printed, so that a failure can be
    /// repeated.
    pub(super) fn seeded() -> Self {
        let given = std::env::var("WOM_TEST_SEED").ok();
        let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
            let mut bytes = [0; 8];
            aws_lc_rs::rand::fill(&mut bytes).unwrap();
            u64::from_le_bytes(bytes)
        });
        println!("seed {seed}: repeat with WOM_TEST_SEED={seed}");
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not zero.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(super) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_772_000_000 + seconds)
}

pub(super) fn owner() -> Owner {
    Owner {
        identity: Identity {
            registry: "http://127.0.0.1:1".into(),
            source: "1".into(),
        },
        keys: "0011223344556677".into(),
    }
}

pub(super) fn participant(n: u8) -> Participant {
    let mut bytes = AwardKey::direct(&owner().identity, &n.to_string()).0;
    // Distinct in the last byte too, whatever the digest says.
    bytes[31] = n;
    Participant(bytes)
}

/// An entry of many kinds: `key` names the record, `version` decides rank and content.
pub(super) fn entry(key: u64, version: u64) -> Entry {
    let span = Span::starting(at(i64::try_from(key % 100_000).unwrap() * 60), 60_000);
    let steps = u32::try_from(version % 1_000).unwrap();
    let body = match version % 11 {
        0 => Body::Withdrawn,
        1 => Body::Point {
            at: span.start(),
            activity: Activity::WALKING,
        },
        2 => Body::Interval {
            span,
            activity: Activity::new("cycling.indoor").unwrap(),
            steps: Some(steps),
        },
        3 => Body::Interval {
            span,
            activity: Activity::HIKING,
            steps: None,
        },
        4 => Body::Seconds {
            within: span,
            seconds: steps % 60,
            activity: Activity::SWIMMING,
        },
        5 => Body::Attendance(attendance(span, version)),
        6 => Body::Milestone {
            at: span.start(),
            name: format!("Sala «Ö», 'quoted' \"twice\"\n\0\u{1f6b2} {version}"),
            minutes: steps,
        },
        7 => Body::Tally {
            within: span,
            minutes: steps,
            activity: Activity::EXERCISE,
        },
        8 => Body::RangeReplaced { range: span },
        9 => Body::Study(study(span, version)),
        _ => Body::Steps { span, steps },
    };
    let (device, recording) = match version % 4 {
        0 => (Device::App, Recording::Manual),
        1 => (Device::Unknown, Recording::Unknown),
        2 => (Device::Phone, Recording::Attested),
        _ => (Device::Watch, Recording::Measured),
    };
    Entry {
        key: Digest::of([key.to_be_bytes()]),
        // Few revisions, so that often the content's digest decides.
        revision: version / 16,
        provenance: Provenance {
            stream: Digest::of([(version % 3).to_be_bytes()]),
            device,
            recording,
        },
        body,
    }
}

fn attendance(span: Span, version: u64) -> Attendance {
    let of = |what: &str| Digest::of([what.as_bytes(), &version.to_be_bytes()]);
    let standing = [Standing::Valid, Standing::Cancelled, Standing::NoAdmission];
    let policy = [Policy::Overlap, Policy::Measured, Policy::Scheduled];
    let later = Span::starting(span.end().plus_millis(60_000), 60_000);
    Attendance {
        ticket: of("ticket"),
        session: of("session"),
        activity: Activity::ATTENDING,
        slots: vec![span, later],
        policy: policy[version as usize % 3],
        standing: standing[version as usize / 3 % 3],
        scans: vec![
            Scan::entry(span.start()),
            Scan {
                automatic: version.is_multiple_of(2),
                ..Scan::exit(span.end())
            },
        ],
    }
}

fn study(span: Span, version: u64) -> Study {
    let film = Video {
        step: Step::Seek(Some(90_000)),
        position_ms: Some(500),
        length_ms: None,
        speed_percent: Some(150),
    };
    let at = span.start();
    Study {
        item: Digest::of(["item"]),
        session: version.is_multiple_of(2).then(|| Digest::of(["session"])),
        course: version.is_multiple_of(3).then(|| Digest::of(["course"])),
        nominal_s: version.is_multiple_of(5).then_some(3_600),
        toward: if version.is_multiple_of(2) {
            Toward::Both
        } else {
            Toward::Days
        },
        trace: match version % 7 {
            0 => Trace::interval(span.end(), 60_000, Some(span.end()), true),
            1 => Trace::interval(span.end(), 60_000, None, false),
            2 => Trace::Seconds {
                within: span,
                millis: 37_480,
            },
            3 => Trace::Milestone {
                at,
                goal: Goal::Passed,
            },
            4 => Trace::Point {
                at,
                mark: Mark::Video(film),
            },
            5 => Trace::Point {
                at,
                mark: Mark::Opened,
            },
            _ => Trace::Point {
                at,
                mark: Mark::Seen,
            },
        },
    }
}

/// Entries at the ends of what the types can hold.
pub(super) fn extreme_entries() -> Vec<Entry> {
    let ages = Timestamp::MAX.since(Timestamp::MIN);
    let extreme = |key: u64, revision: u64, body: Body| Entry {
        key: Digest::of([key.to_le_bytes()]),
        revision,
        body,
        ..entry(0, 3)
    };
    vec![
        extreme(1, u64::MAX, Body::Withdrawn),
        extreme(
            2,
            i64::MAX.unsigned_abs() + 1,
            Body::Steps {
                span: Span::starting(Timestamp::MIN, ages),
                steps: u32::MAX,
            },
        ),
        extreme(
            3,
            0,
            Body::Milestone {
                at: Timestamp::from_millis(-1),
                name: "n".repeat(128),
                minutes: u32::MAX,
            },
        ),
    ]
}

pub(super) fn account(line: &str, unit: Unit, awarded: u32) -> Account {
    Account {
        settled: awarded,
        awarded,
        refused: awarded / 3,
        n: awarded / 10,
        ..Account::new(line, unit)
    }
}

pub(super) fn day(text: &str) -> Unit {
    Unit::Day(text.parse().unwrap())
}

pub(super) fn content(sorts: u32) -> Content {
    let sort = |n: u32| Vouchers {
        aim: ["H", "HE", "N"][n as usize % 3].parse().unwrap(),
        minutes: n % 7 + 1,
        // Seventeen digits: what a careless number format rounds.
        place: Position::new(43.1 + f64::from(n) * 0.1 + 0.2, -12.345_678_901_234_567).unwrap(),
        at: at(i64::from(n)).plus_millis(1),
    };
    Content::new((0..sorts).map(sort).collect()).unwrap()
}

/// A new award, due at `due` seconds.
pub(super) fn award(n: u64, due: i64) -> AwardRecord {
    AwardRecord {
        key: AwardKey::direct(&owner().identity, &format!("award {n}")),
        version: 1,
        participant: None,
        content: content(1),
        accepted: at(0),
        state: State::Accepted,
        sealed: None,
        tries: 0,
        unclear: false,
        due: at(due),
    }
}

/// The same award one version on, in another state.
pub(super) fn moved(award: &AwardRecord, state: State, sealed: Option<Vec<u8>>) -> AwardRecord {
    AwardRecord {
        version: award.version + 1,
        state,
        sealed,
        ..award.clone()
    }
}

pub(super) fn award_states() -> Vec<State> {
    vec![
        State::Accepted,
        State::Creating,
        State::Created,
        State::Verifying,
        State::Verified,
        State::VerifyUnknown,
        State::Offered,
        State::Acknowledged,
        State::Held("impossible_speed".into()),
        State::Parked("source_unknown".into()),
    ]
}

pub(super) fn checkout(n: u64, due: Option<i64>) -> CheckoutRecord {
    CheckoutRecord {
        id: CheckoutId::new("http://127.0.0.1:1", "1", &format!("order {n}")),
        version: 1,
        charge: Charge::new(15).unwrap(),
        state: checkout::State::Created,
        sealed: None,
        tries: 0,
        unclear: false,
        since: at(0),
        due: due.map(at),
    }
}

pub(super) fn checkout_states() -> Vec<checkout::State> {
    use checkout::State;
    let at = at(7).plus_millis(1);
    vec![
        State::Created,
        State::Registered,
        State::Verifying,
        State::Verified,
        State::Shown,
        State::Paid { at },
        State::Expired,
        State::Cancelled,
        State::PaidAfterExpiry { at },
        State::PaidAfterCancel { at },
        State::Failed("pos_unknown".into()),
    ]
}

/// A charge that uses everything a charge can say.
pub(super) fn charge() -> Charge {
    let corner = |latitude, longitude| Position::new(latitude, longitude).unwrap();
    let filter = Filter::default()
        .aim("HE".parse().unwrap())
        .bounds(Bounds::new(corner(45.1, 7.300_000_000_000_001), corner(36.2, 18.9)).unwrap())
        .max_age_days(14)
        .unwrap();
    Charge {
        amount: 10_000,
        filter: Some(filter),
        patience_ms: i64::MAX,
        persistent: true,
    }
}

/// The shop that samples are of.
pub(super) const SHOP: &str = "bar «Ö»";

pub(super) fn order_id(n: u64) -> OrderId {
    OrderId(format!("order {n} \0 'q'"))
}

/// A sale of the order with this number, in its first place.
pub(super) fn sale(n: u64, due: Option<i64>) -> Sale {
    sale_in(SHOP, n, due)
}

pub(super) fn sale_in(shop: &str, n: u64, due: Option<i64>) -> Sale {
    let made = Made {
        id: SaleId::new(shop, &order_id(n), "coffee", 0),
        shop: shop.into(),
        offer: "coffee".into(),
        terms: Terms {
            amount: 15,
            filter: charge().filter,
            discount: Discount::BasisPoints(1_000),
            agreed: i64::MAX,
            currency: "EUR".into(),
            floor: 1,
            remedies: vec![Remedy::FreshCode, Remedy::RecordOnly],
        },
        checkout: checkout(n, None).id,
        index: 0,
        salt: Salt([n.to_be_bytes()[7]; 16]),
    };
    let order = Bound {
        id: order_id(n),
        version: "1".into(),
    };
    let slot = OrderKey::new(shop, &order.id).slot(0);
    Sale {
        due: due.map(at),
        ..Sale::waiting(made, order, slot, at(0))
    }
}

pub(super) fn sale_states() -> Vec<sale::State> {
    use sale::State;
    let mut states = vec![
        State::Waiting,
        State::Lapsed,
        State::Unclaimed,
        State::Applying,
        State::Applied,
        State::Manual,
        State::Redeemed,
        State::Withdrawn,
        State::Refunded,
        State::Granted,
        State::Recorded,
        State::Attention("discount_gone".into()),
    ];
    let afters = [After::Cancel, After::Double, After::End, After::Expiry];
    states.extend(afters.map(State::Late));
    let thens = [Then::Late, Then::Refunded, Then::Withdrawn];
    states.extend(thens.map(State::Withdrawing));
    states
}

pub(super) fn poster(n: u64, due: Option<i64>) -> Poster {
    poster_in(SHOP, n, due)
}

pub(super) fn poster_in(shop: &str, n: u64, due: Option<i64>) -> Poster {
    Poster {
        id: checkout(n, None).id,
        version: 1,
        shop: shop.into(),
        name: "coffee".into(),
        offer: Offer {
            title: "A «coffee»".into(),
            charge: charge(),
            discount: Discount::Amount(120),
        },
        seen: 0,
        made: at(0),
        ended: None,
        due: due.map(at),
    }
}

pub(super) fn delivery(n: u64) -> DeliveryId {
    DeliveryId(Digest::of([n.to_be_bytes()]))
}

/// A delivery that just came in.
pub(super) fn delivered(n: u64, due: i64) -> DeliveryRecord {
    DeliveryRecord {
        id: delivery(n),
        version: 1,
        source: "gate «Ö»".into(),
        state: DeliveryState::Waiting,
        sealed: Some(vec![1, 0, 255]),
        received: at(0),
        tries: 0,
        due: at(due),
    }
}

pub(super) fn cursor(version: u64) -> CursorRecord {
    CursorRecord {
        source: "gate «Ö»".into(),
        version,
        sealed: (version > 1).then(|| version.to_be_bytes().to_vec()),
        due: at(1),
        failed: version.is_multiple_of(2).then(|| "rate_limited".into()),
    }
}
