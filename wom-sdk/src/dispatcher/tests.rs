use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::{
    SystemClock,
    award::Identity,
    privacy::MemoryKeyStore,
    protocol::{Otc, Pin},
    store::MemoryStore,
};

/// A Registry that fails by script and remembers what it made good.
#[derive(Debug)]
pub(super) struct Scripted {
    identity: Identity,
    failures: Mutex<Vec<(&'static str, Error)>>,
    verified: Mutex<Vec<Otc>>,
}

impl Scripted {
    pub(super) fn failing(mut failures: Vec<(&'static str, Error)>) -> Arc<Self> {
        failures.reverse();
        let identity = Identity {
            registry: "http://127.0.0.1".to_owned(),
            source: "s".to_owned(),
        };
        Arc::new(Self {
            identity,
            failures: Mutex::new(failures),
            verified: Mutex::default(),
        })
    }

    fn fails(&self, call: &str) -> Result<()> {
        let mut failures = self.failures.lock().unwrap();
        match failures.last() {
            Some((other, _)) if *other == call => Err(failures.pop().unwrap().1),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Issuer for Scripted {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn create(&self, content: &Content, _nonce: &str) -> Result<Ticket> {
        self.fails("create")?;
        let (otc, pin) = (Otc::random(), Pin::random());
        Ok(Ticket {
            link: otc.reveal().into(),
            otc,
            pin,
            minutes: content.minutes(),
        })
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        // A lost answer: the work was done all the same.
        let failed = self.fails("verify");
        self.verified.lock().unwrap().push(otc.clone());
        failed
    }
}

fn request(minutes: u32) -> Request {
    Request::new(
        "H".parse().unwrap(),
        minutes,
        "43.72,12.63".parse().unwrap(),
    )
}

pub(super) async fn dispatcher(issuer: &Arc<Scripted>) -> Dispatcher {
    let store = Arc::new(MemoryStore::new());
    let keys = Arc::new(MemoryKeyStore::default());
    Dispatcher::open(store, Arc::clone(issuer) as _, keys, Arc::new(SystemClock))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_key_gives_the_same_code_until_it_is_acknowledged() {
    let issuer = Scripted::failing(Vec::new());
    let awards = dispatcher(&issuer).await;
    let first = awards.award("run 42", &request(30)).await.unwrap();
    assert_eq!(awards.award("run 42", &request(30)).await.unwrap(), first);
    let other = awards.award("run 42", &request(31)).await.unwrap_err();
    assert_eq!(other.kind(), Kind::AwardKeyReused);
    awards.acknowledge("run 42").await.unwrap();
    awards.acknowledge("run 42").await.unwrap();
    let again = awards.award("run 42", &request(30)).await.unwrap_err();
    assert_eq!(again.kind(), Kind::AlreadyDelivered);
    assert_eq!(issuer.verified.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn one_key_at_once_from_many_tasks_is_one_award() {
    let issuer = Scripted::failing(Vec::new());
    let awards = dispatcher(&issuer).await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let awards = awards.clone();
            tokio::spawn(async move { awards.award("k", &request(5)).await.unwrap() })
        })
        .collect();
    let mut tickets = Vec::new();
    for task in tasks {
        tickets.push(task.await.unwrap());
    }
    assert!(tickets.iter().all(|ticket| *ticket == tickets[0]));
    assert_eq!(issuer.verified.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_never_give_two_codes() {
    let lost = || Error::new(Kind::OutcomeUnknown, "lost");
    let down = || Error::new(Kind::RegistryFailed, "500");
    let issuer = Scripted::failing(vec![
        ("create", lost()),
        ("create", Error::new(Kind::NetworkUnreachable, "no network")),
        ("verify", lost()),
        ("verify", down()),
        ("verify", down()),
        ("verify", down()),
        ("verify", down()),
    ]);
    let awards = dispatcher(&issuer)
        .await
        .with_patience(Duration::from_secs(3600));
    // The paused runtime moves the timer on, and this clock follows it.
    let started = tokio::time::Instant::now();
    let awards = Dispatcher {
        clock: Arc::new(Paused(started)),
        ..awards
    };
    let ticket = awards.award("k", &request(5)).await.unwrap();
    let verified = issuer.verified.lock().unwrap();
    assert_eq!(verified.len(), 5);
    assert!(verified.iter().all(|otc| *otc == ticket.otc));
}

#[tokio::test]
async fn what_cannot_go_on_is_parked_with_its_reason_and_can_be_resumed() {
    let unknown = Error::new(Kind::SourceUnknown, "404");
    let issuer = Scripted::failing(vec![("create", unknown)]);
    let awards = dispatcher(&issuer).await;
    let error = awards.award("k", &request(5)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::SourceUnknown);
    let parked = &awards.store.numbers().await.unwrap().awards[0];
    assert_eq!((parked.state.as_str(), parked.count), ("parked", 1));
    assert_eq!(parked.reason.as_deref(), Some("source_unknown"));
    let key = AwardKey::direct(&issuer.identity, "k");
    assert_eq!(
        awards.bring(key).await.unwrap_err().kind(),
        Kind::SourceUnknown
    );
    assert!(awards.award("k", &request(5)).await.is_ok());
}

#[derive(Debug)]
struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
            .plus_millis(i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

#[tokio::test]
async fn what_others_are_asked_for_is_not_kept_in_memory_only() {
    let towards = |registry: &str| Scripted {
        identity: Identity {
            registry: registry.to_owned(),
            source: "s".to_owned(),
        },
        failures: Mutex::default(),
        verified: Mutex::default(),
    };
    let request = Request::new("H".parse().unwrap(), 5, "0,0".parse().unwrap());
    let awards = Dispatcher::in_memory(towards("http://127.0.0.1:9")).await;
    awards.unwrap().award("walk 1", &request).await.unwrap();
    let refused = Dispatcher::in_memory(towards("https://wom.social")).await;
    assert_eq!(refused.unwrap_err().kind(), Kind::ConfigurationInvalid);
}
