//! A worker that is killed at any instant, and what its words are held against: for tests, and for
//! whoever wants the evidence on a machine of their own.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    Error, Kind, Result, Retry,
    award::Request,
    dispatcher::Dispatcher,
    protocol::{Otc, Pin},
};

/// How many awards a [worker](work) has under way.
const AT_ONCE: usize = 8;

/// How often whoever has no answer asks again, and with which pause: three minutes, in which a data
/// base server that was killed is there again.
const TRIES: u32 = 1_800;
const PAUSE: Duration = Duration::from_millis(100);

/// How many minutes the award with this number is of: 1 to 7.
pub fn minutes(n: u32) -> u32 {
    n % 7 + 1
}

/// The caller's own key of the award with this number.
pub fn award_key(n: u32) -> String {
    format!("activity {n}")
}

/// What is asked for under that key.
pub fn request(n: u32) -> Result<Request> {
    Ok(Request::new(
        "H".parse()?,
        minutes(n),
        "43.72,12.63".parse()?,
    ))
}

/// Awards everything with these numbers, a few at once, and says a line as soon as somebody may
/// hold it to that: `accepted N`, `offered N OTC PIN`, and `finished` at the end. Whoever is killed
/// and asked again says the same.
///
/// # Errors
///
/// What cannot be mended by asking again.
pub async fn work(
    dispatcher: &Dispatcher,
    numbers: Range<u32>,
    say: impl Fn(&str) + Clone + Send + Sync + 'static,
) -> Result<()> {
    let mut tasks = JoinSet::new();
    for n in numbers {
        if tasks.len() >= AT_ONCE {
            ended(tasks.join_next().await)?;
        }
        let (dispatcher, say, request) = (dispatcher.clone(), say.clone(), request(n)?);
        tasks.spawn(async move {
            let key = award_key(n);
            insist(|| dispatcher.accept(&key, &request)).await?;
            say(&format!("accepted {n}"));
            let ticket = insist(|| dispatcher.award(&key, &request)).await?;
            let (otc, pin) = (ticket.otc.reveal(), ticket.pin.reveal());
            say(&format!("offered {n} {otc} {pin}"));
            Ok(())
        });
    }
    while let Some(one) = tasks.join_next().await {
        ended(Some(one))?;
    }
    say("finished");
    Ok(())
}

/// Whoever has no answer asks again, with the same key.
async fn insist<T, A: Future<Output = Result<T>>>(ask: impl Fn() -> A) -> Result<T> {
    let mut tries = 0;
    loop {
        match ask().await {
            Err(error) if error.retry() != Retry::Never && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            answered => return answered,
        }
    }
}

fn ended(one: Option<std::result::Result<Result<()>, tokio::task::JoinError>>) -> Result<()> {
    match one {
        None => Ok(()),
        Some(Ok(done)) => done,
        Some(Err(_)) => Err(Error::new(Kind::Internal, "a task of the worker died")),
    }
}

/// What workers have said, over all their lives.
#[derive(Debug, Default)]
pub struct Heard {
    /// Numbers that were accepted.
    pub accepted: BTreeSet<u32>,
    /// Codes that were offered, by number.
    pub offered: BTreeMap<u32, (Otc, Pin)>,
    /// Numbers that two codes were offered for.
    pub doubled: BTreeSet<u32>,
    /// Whether a worker came to its end.
    pub finished: bool,
}

impl Heard {
    /// Takes in a line of a worker; one that was cut off by its death says nothing.
    pub fn hear(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["accepted", n] => {
                self.accepted.extend(n.parse::<u32>());
            }
            ["offered", n, otc, pin] => {
                let (Ok(n), Ok(otc), Ok(pin)) = (n.parse(), otc.parse::<Otc>(), Pin::parse(pin))
                else {
                    return;
                };
                let offered = (otc, pin);
                let first = self.offered.entry(n).or_insert_with(|| offered.clone());
                if *first != offered {
                    self.doubled.insert(n);
                }
            }
            ["finished"] => self.finished = true,
            _ => {}
        }
    }

    /// What was accepted, and never offered.
    pub fn lost(&self) -> impl Iterator<Item = u32> {
        let offered = |n: &&u32| self.offered.contains_key(n);
        self.accepted.iter().filter(move |n| !offered(n)).copied()
    }
}

/// Chance that a seed decides (SplitMix64): the same everywhere.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Chance from this seed on.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that nobody chose.
    pub fn seed() -> u64 {
        let mut bytes = [0; 8];
        for (byte, drawn) in bytes.iter_mut().zip(Otc::random().reveal_bytes()) {
            *byte = drawn;
        }
        u64::from_be_bytes(bytes)
    }

    /// A number below this one, which is 1 or more.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

/// Who dies.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Victim {
    /// The worker.
    Worker,
    /// The worker, and again while it recovers.
    WorkerTwice,
    /// The Registry.
    Registry,
    /// Both at once.
    Both,
}

impl Victim {
    /// Everybody.
    pub const ALL: [Self; 4] = [Self::Worker, Self::WorkerTwice, Self::Registry, Self::Both];

    /// Whether the Registry dies.
    pub fn is_registry(self) -> bool {
        matches!(self, Self::Registry | Self::Both)
    }

    /// Whether the worker dies.
    pub fn is_worker(self) -> bool {
        self != Self::Registry
    }
}
