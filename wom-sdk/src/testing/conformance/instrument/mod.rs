//! What every [`Instrument`] must do, whatever it reads.
//!
//! An adapter of your own passes all of it with a [`Fixture`] and one line:
//!
//! ```
//! # use std::sync::Arc;
//! # use wom_sdk::{Timestamp, instrument::Instrument, testing::conformance::instrument::Fixture};
//! # fn adapter() -> Arc<dyn Instrument> { unimplemented!() }
//! struct Visits;
//!
//! impl Fixture for Visits {
//!     fn adapter(&self) -> Arc<dyn Instrument> {
//!         adapter()
//!     }
//!
//!     fn sample(&self) -> Vec<u8> {
//!         b"card;visit;entered;left".to_vec() // a good file
//!     }
//! }
//!
//! wom_sdk::instrument_conformance!(Visits);
//! # fn main() {}
//! ```

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a conformance test fails by panicking"
)]

#[cfg(test)]
mod catches;

use std::{collections::BTreeSet, io::Write as _, sync::Arc};

use async_trait::async_trait;

use crate::{
    Clock as _, Error, Kind, Observation, Result, SystemClock, Timestamp,
    instrument::{CHUNK, Capabilities, Cursor, Input, Instrument, Refusal, Request, Sink, Verdict},
    observation::Merged,
};

/// Makes the adapter that is tested.
pub trait Fixture: Send + Sync {
    /// The adapter anew, as after a restart.
    fn adapter(&self) -> Arc<dyn Instrument>;

    /// A good file that it reads, with one observation at least.
    fn sample(&self) -> Vec<u8>;

    /// The time at which the sample is read.
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

/// Makes a test of every topic. The expression gives the fixture.
#[macro_export]
macro_rules! instrument_conformance {
    ($fixture:expr) => {
        $crate::instrument_conformance! { @topics $fixture;
            a_reading_that_is_given_up_can_be_done_again
            a_sink_that_fails_ends_the_reading
            an_empty_file_is_no_panic
            calls_are_not_believed_by_chance
            damage_is_refused_or_an_error
            it_says_what_it_is
            nothing_of_a_person_is_printed
            the_same_again_is_the_same
            what_it_does_not_offer_is_unsupported
        }
    };
    (@topics $fixture:expr; $($topic:ident)+) => {$(
        #[test]
        fn $topic() {
            let fixture = $fixture;
            $crate::testing::conformance::instrument::run(
                $crate::testing::conformance::instrument::$topic(&fixture),
            );
        }
    )+};
}

/// Runs one topic.
pub fn run(topic: impl Future<Output = ()>) {
    super::store::run(topic);
}

/// The topics by name, for harnesses of other languages.
pub async fn topic(name: &str, fixture: &dyn Fixture) {
    match name {
        "a_reading_that_is_given_up_can_be_done_again" => {
            a_reading_that_is_given_up_can_be_done_again(fixture).await;
        }
        "a_sink_that_fails_ends_the_reading" => a_sink_that_fails_ends_the_reading(fixture).await,
        "an_empty_file_is_no_panic" => an_empty_file_is_no_panic(fixture).await,
        "calls_are_not_believed_by_chance" => calls_are_not_believed_by_chance(fixture).await,
        "damage_is_refused_or_an_error" => damage_is_refused_or_an_error(fixture).await,
        "it_says_what_it_is" => it_says_what_it_is(fixture).await,
        "nothing_of_a_person_is_printed" => nothing_of_a_person_is_printed(fixture).await,
        "the_same_again_is_the_same" => the_same_again_is_the_same(fixture).await,
        "what_it_does_not_offer_is_unsupported" => {
            what_it_does_not_offer_is_unsupported(fixture).await;
        }
        other => panic!("there is no topic {other}"),
    }
}

/// The names that [`topic`] takes.
pub const TOPICS: &[&str] = &[
    "a_reading_that_is_given_up_can_be_done_again",
    "a_sink_that_fails_ends_the_reading",
    "an_empty_file_is_no_panic",
    "calls_are_not_believed_by_chance",
    "damage_is_refused_or_an_error",
    "it_says_what_it_is",
    "nothing_of_a_person_is_printed",
    "the_same_again_is_the_same",
    "what_it_does_not_offer_is_unsupported",
];

/// Name, summary and rule set are of the usual form, and the same after a restart.
pub async fn it_says_what_it_is(fixture: &dyn Fixture) {
    let (one, other) = (fixture.adapter(), fixture.adapter());
    let info = one.info();
    assert_eq!(info, other.info(), "what it says of itself changes");
    assert_eq!(
        one.capabilities(),
        other.capabilities(),
        "what it offers changes"
    );
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    assert!(
        info.name.len() <= 64 && info.name.contains('.') && info.name.split('.').all(word),
        "the name has a form like steps.fit: {}",
        info.name
    );
    assert!(!info.summary.trim().is_empty(), "it has no summary");
    let version = info
        .rules
        .split_once('/')
        .map(|(_, version)| version.parse::<u32>());
    assert!(
        matches!(version, Some(Ok(_))),
        "a rule set has a form like active-minutes/1"
    );
}

/// What the capabilities do not name answers [`Kind::Unsupported`].
pub async fn what_it_does_not_offer_is_unsupported(fixture: &dyn Fixture) {
    let (adapter, now) = (fixture.adapter(), fixture.now());
    let Capabilities {
        read_file,
        pull,
        webhook,
        refresh,
        ..
    } = adapter.capabilities();
    let mut sink = Kept::default();
    if !read_file {
        let input = Input::Bytes(fixture.sample());
        refused(adapter.read(input, now, &mut sink).await, "a file");
    }
    if !pull {
        refused(
            adapter.read(Input::Pull(None), now, &mut sink).await,
            "a pull",
        );
    }
    if !refresh {
        refused(adapter.refresh(&[], now, &mut sink).await, "a refresh");
    }
    if !webhook {
        let received = adapter.receive(&call(b"", &[], now));
        assert!(
            matches!(&received.verdict, Verdict::Refused(error) if error.kind() == Kind::Unsupported),
            "a webhook is not unsupported"
        );
    }
    assert!(
        sink.observations.is_empty(),
        "it read what it does not offer"
    );
}

/// Reading the sample again, anew, and from a file instead of bytes, merges to the same.
pub async fn the_same_again_is_the_same(fixture: &dyn Fixture) {
    if !fixture.adapter().capabilities().read_file {
        return;
    }
    let first = read(&*fixture.adapter(), fixture.sample(), fixture).await;
    assert!(
        !first.observations.is_empty(),
        "the sample holds no observation"
    );
    let same = fixture.adapter();
    let mut file = tempfile(&fixture.sample());
    for input in [
        Input::Bytes(fixture.sample()),
        Input::Path(file.path.clone()),
        Input::Reader(Box::new(std::io::Cursor::new(fixture.sample()))),
    ] {
        let mut again = Kept::default();
        same.read(input, fixture.now(), &mut again)
            .await
            .expect("the sample is good");
        assert_eq!(
            merged(&first),
            merged(&again),
            "another reading yields something else"
        );
    }
    file.remove();
    // The second time changes nothing of what the first has left.
    let mut both = Kept::default();
    both.observations.extend(first.observations.clone());
    both.observations.extend(first.observations.clone());
    assert_eq!(merged(&first), merged(&both));
}

/// An empty file yields nothing, or an error that says so.
pub async fn an_empty_file_is_no_panic(fixture: &dyn Fixture) {
    let adapter = fixture.adapter();
    if !adapter.capabilities().read_file {
        return;
    }
    let mut sink = Kept::default();
    let ended = adapter
        .read(Input::Bytes(Vec::new()), fixture.now(), &mut sink)
        .await;
    assert!(sink.observations.is_empty(), "an empty file holds nothing");
    blames_the_input(ended);
}

/// A file that is cut off or altered is refused in part or as a whole. It is never a panic, nor an
/// error that blames anything but the file, and what is said of it quotes no person.
pub async fn damage_is_refused_or_an_error(fixture: &dyn Fixture) {
    let adapter = fixture.adapter();
    if !adapter.capabilities().read_file {
        return;
    }
    let sample = fixture.sample();
    let people = people(&read(&*adapter, sample.clone(), fixture).await);
    for damaged in damages(&sample) {
        let mut sink = Kept::default();
        let ended = adapter
            .read(Input::Bytes(damaged), fixture.now(), &mut sink)
            .await;
        let mut said: Vec<_> = sink.refusals.iter().map(ToString::to_string).collect();
        said.extend(blames_the_input(ended));
        for said in said {
            let quoted = people.iter().any(|person| said.contains(person));
            assert!(!quoted, "a refusal or an error names a person");
        }
    }
}

/// An error of the sink comes out of the reading, and nothing is handed to the sink after it.
pub async fn a_sink_that_fails_ends_the_reading(fixture: &dyn Fixture) {
    let adapter = fixture.adapter();
    if !adapter.capabilities().read_file {
        return;
    }
    let mut sink = Kept {
        full: true,
        ..Kept::default()
    };
    let ended = adapter
        .read(Input::Bytes(fixture.sample()), fixture.now(), &mut sink)
        .await;
    let kind = ended.map_err(|error| error.kind());
    assert_eq!(kind, Err(Kind::StorageFailed), "the sink's error is lost");
    assert_eq!(sink.calls, 1, "a sink that failed is called again");
}

/// A reading that is dropped in the middle leaves nothing behind that hinders the next one.
pub async fn a_reading_that_is_given_up_can_be_done_again(fixture: &dyn Fixture) {
    let adapter = fixture.adapter();
    if !adapter.capabilities().read_file {
        return;
    }
    let whole = read(&*fixture.adapter(), fixture.sample(), fixture).await;
    let mut stuck = Kept {
        stuck: true,
        ..Kept::default()
    };
    let reading = adapter.read(Input::Bytes(fixture.sample()), fixture.now(), &mut stuck);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(100), reading).await;
    assert!(waited.is_err(), "it does not wait for the sink");
    let again = read(&*adapter, fixture.sample(), fixture).await;
    assert_eq!(
        merged(&whole),
        merged(&again),
        "what was given up hinders the next reading"
    );
}

/// A call without a signature, or with junk for one, never tells to read anything.
pub async fn calls_are_not_believed_by_chance(fixture: &dyn Fixture) {
    let (adapter, now) = (fixture.adapter(), fixture.now());
    let junk: &[u8] = b"\xff\x00junk";
    let headers: [&[(&str, &[u8])]; 3] = [
        &[],
        &[
            ("authorization", junk),
            ("x-signature", junk),
            ("webhook-signature", junk),
        ],
        &[
            ("webhook-id", b"1"),
            ("webhook-timestamp", b"0"),
            ("webhook-signature", b"v1,AAAA"),
        ],
    ];
    for headers in headers {
        for body in [b"".as_slice(), b"{}", junk, &fixture.sample()] {
            let received = adapter.receive(&call(body, headers, now));
            let read = matches!(received.verdict, Verdict::Read(_) | Verdict::Once { .. });
            // Some senders sign nothing: there is nothing to believe, and the hint is only where to look.
            let tells = received.reply.status < 300;
            assert!(!read || tells, "a call was taken and refused at once");
            assert!(
                (200..=599).contains(&received.reply.status),
                "no status of HTTP"
            );
        }
    }
}

/// The adapter's `Debug` form and its refusals show nobody of the sample.
pub async fn nothing_of_a_person_is_printed(fixture: &dyn Fixture) {
    let adapter = fixture.adapter();
    if !adapter.capabilities().read_file {
        return;
    }
    let kept = read(&*adapter, fixture.sample(), fixture).await;
    let mut shown = vec![format!("{adapter:?}")];
    shown.extend(kept.refusals.iter().map(|refusal| format!("{refusal:?}")));
    for person in people(&kept) {
        let printed = shown.iter().any(|shown| shown.contains(&person));
        assert!(!printed, "a person of the sample is printed");
    }
}

/// What a sink was given.
#[derive(Default)]
struct Kept {
    observations: Vec<Observation>,
    refusals: Vec<Refusal>,
    calls: usize,
    full: bool,
    stuck: bool,
}

#[async_trait]
impl Sink for Kept {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!(chunk.len() <= CHUNK, "a chunk of more than {CHUNK}");
        self.calls += 1;
        if self.stuck {
            std::future::pending::<()>().await;
        }
        if self.full {
            return Err(Error::new(Kind::StorageFailed, "the disk is full"));
        }
        self.observations.extend(chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        assert!(!refusal.code.is_empty(), "a refusal without a code");
        assert!(!refusal.message.is_empty(), "a refusal without a sentence");
        self.refusals.push(refusal);
        Ok(())
    }

    async fn resume_at(&mut self, _: Cursor) -> Result<()> {
        Ok(())
    }
}

async fn read(adapter: &dyn Instrument, bytes: Vec<u8>, fixture: &dyn Fixture) -> Kept {
    let mut sink = Kept::default();
    let ended = adapter
        .read(Input::Bytes(bytes), fixture.now(), &mut sink)
        .await;
    ended.expect("the sample is good");
    sink
}

/// The merge of everything, by subject and key.
fn merged(kept: &Kept) -> Vec<String> {
    let mut people = std::collections::BTreeMap::<_, Merged>::new();
    for observation in &kept.observations {
        let (subject, entry) = observation.clone().into_entry();
        people.entry(subject).or_default().insert(entry);
    }
    let entries = people.into_iter().flat_map(|(subject, merged)| {
        let who = (subject.namespace().to_owned(), subject.reveal().to_owned());
        let entries: Vec<_> = merged
            .entries()
            .map(|entry| format!("{who:?} {entry:?}"))
            .collect();
        entries
    });
    entries.collect()
}

/// Ids that are long enough to be looked for in a text.
fn people(kept: &Kept) -> BTreeSet<String> {
    let ids = kept
        .observations
        .iter()
        .map(|observation| observation.subject.reveal());
    ids.filter(|id| id.len() >= 4)
        .map(ToOwned::to_owned)
        .collect()
}

/// What is said of an error; one that does not blame the input is a defect.
fn blames_the_input(ended: Result<()>) -> Option<String> {
    let error = ended.err()?;
    let blamed = matches!(
        error.kind(),
        Kind::InputInvalid | Kind::InputTruncated | Kind::LimitExceeded | Kind::PayloadInvalid
    );
    assert!(
        blamed,
        "a bad file does not end in an error of its own: {error:?}"
    );
    Some(format!("{error:?}"))
}

/// Cut off at places, and altered at places, always the same ones.
fn damages(sample: &[u8]) -> Vec<Vec<u8>> {
    const PLACES: usize = 48;
    let mut damages = Vec::new();
    for n in 0..PLACES {
        let at = sample.len() * n / PLACES;
        damages.push(sample[..at].to_vec());
        for byte in [0x00, b'"', 0xff] {
            let mut altered = sample.to_vec();
            if let Some(place) = altered.get_mut(at) {
                *place = byte;
            }
            damages.push(altered);
        }
    }
    damages.push(vec![0xff; 4096]);
    damages.push(vec![b'['; 4096]);
    damages
}

fn refused(ended: Result<()>, what: &str) {
    let kind = ended.map_err(|error| error.kind());
    assert_eq!(kind, Err(Kind::Unsupported), "{what} is not unsupported");
}

fn call<'a>(body: &'a [u8], headers: &'a [(&'a str, &'a [u8])], now: Timestamp) -> Request<'a> {
    Request {
        method: "POST",
        query: "",
        headers,
        body,
        received_at: now,
    }
}

/// A file that is gone when it is no longer needed.
struct TemporaryFile {
    path: std::path::PathBuf,
}

impl TemporaryFile {
    fn remove(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        self.remove();
    }
}

fn tempfile(content: &[u8]) -> TemporaryFile {
    let name = format!(
        "wom-conformance-{}",
        crate::protocol::Otc::random().reveal()
    );
    let path = std::env::temp_dir().join(name);
    std::fs::File::create_new(&path)
        .unwrap()
        .write_all(content)
        .unwrap();
    TemporaryFile { path }
}
