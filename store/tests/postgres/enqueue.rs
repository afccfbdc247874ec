//! Awards that are accepted within the application's own transaction.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use wom_sdk::{
    Kind, Result, SystemClock,
    award::{Content, Handle, Identity, Issuer, Request, Ticket},
    dispatcher::Dispatcher,
    privacy::MemoryKeyStore,
    protocol::{Otc, Pin},
    store::Store,
};
use wom_store::{DatabaseUrl, EnqueueSql, PostgresStore};

use crate::values::{connect, database, identity, open};

/// A Registry that does what it is asked.
#[derive(Debug)]
struct Willing {
    identity: Identity,
    verified: Mutex<Vec<Otc>>,
}

#[async_trait]
impl Issuer for Willing {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn create(&self, content: &Content, _nonce: &str) -> Result<Ticket> {
        let otc = Otc::random();
        Ok(Ticket {
            link: otc.reveal().into(),
            otc,
            pin: Pin::random(),
            minutes: content.minutes(),
        })
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        self.verified.lock().unwrap().push(otc.clone());
        Ok(())
    }
}

struct App {
    url: DatabaseUrl,
    store: Arc<PostgresStore>,
    issuer: Arc<Willing>,
    dispatcher: Dispatcher,
}

impl App {
    async fn new() -> Option<Self> {
        Self::of(identity()).await
    }

    async fn of(identity: Identity) -> Option<Self> {
        let url = database().await?;
        let store = Arc::new(open(&url).await);
        let issuer = Arc::new(Willing {
            identity,
            verified: Mutex::default(),
        });
        let dispatcher = Dispatcher::open(
            Arc::clone(&store) as _,
            Arc::clone(&issuer) as _,
            Arc::new(MemoryKeyStore::default()),
            Arc::new(SystemClock),
        )
        .await
        .unwrap();
        sqlx::raw_sql("CREATE TABLE run (id integer PRIMARY KEY, minutes integer NOT NULL)")
            .execute(&mut connect(&url).await)
            .await
            .unwrap();
        Some(Self {
            url,
            store,
            issuer,
            dispatcher,
        })
    }

    /// What an application does: its own row and the award, in one transaction.
    async fn record(&self, tx: &mut PgConnection, id: i32, minutes: u32) -> Result<()> {
        sqlx::query("INSERT INTO run (id, minutes) VALUES ($1, $2)")
            .bind(id)
            .bind(i64::from(minutes))
            .execute(&mut *tx)
            .await
            .unwrap();
        let key = format!("run {id}");
        self.store
            .enqueue(tx, &self.dispatcher, &key, &request(minutes))
            .await
            .map(drop)
    }

    async fn runs(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM run")
            .fetch_one(&mut connect(&self.url).await)
            .await
            .unwrap()
    }

    async fn waiting(&self) -> u64 {
        let numbers = self.store.numbers().await.unwrap();
        numbers.awards.iter().map(|count| count.count).sum()
    }
}

fn request(minutes: u32) -> Request {
    Request::new(
        "H".parse().unwrap(),
        minutes,
        "43.72,12.63".parse().unwrap(),
    )
}

#[tokio::test]
async fn the_applications_row_and_the_award_are_committed_together_or_not_at_all() {
    let Some(app) = App::new().await else { return };
    let mut conn = connect(&app.url).await;

    let mut tx = conn.begin().await.unwrap();
    app.record(&mut tx, 1, 30).await.unwrap();
    assert_eq!(app.waiting().await, 0, "nobody sees it yet");
    tx.rollback().await.unwrap();
    assert_eq!((app.runs().await, app.waiting().await), (0, 0));
    assert_eq!(app.dispatcher.run_due(9).await.unwrap(), 0);

    let mut tx = conn.begin().await.unwrap();
    app.record(&mut tx, 1, 30).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((app.runs().await, app.waiting().await), (1, 1));
    assert_eq!(app.dispatcher.run_due(9).await.unwrap(), 1);
    let ticket = app.dispatcher.award("run 1", &request(30)).await.unwrap();
    assert_eq!(ticket.minutes, 30);
    assert_eq!(*app.issuer.verified.lock().unwrap(), [ticket.otc]);
}

#[tokio::test]
async fn the_same_key_is_the_same_award_and_a_refusal_leaves_the_transaction_whole() {
    let Some(app) = App::new().await else { return };
    let mut conn = connect(&app.url).await;
    let mut tx = conn.begin().await.unwrap();
    app.record(&mut tx, 1, 30).await.unwrap();
    for _ in 0..2 {
        let again = app
            .store
            .enqueue(&mut tx, &app.dispatcher, "run 1", &request(30))
            .await;
        again.unwrap();
    }
    let other = app
        .store
        .enqueue(&mut tx, &app.dispatcher, "run 1", &request(31))
        .await
        .unwrap_err();
    assert_eq!(other.kind(), Kind::AwardKeyReused);
    app.record(&mut tx, 2, 5).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((app.runs().await, app.waiting().await), (2, 2));

    // In another transaction as well, and after the dispatcher has taken it on.
    app.dispatcher.run_due(9).await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    for (minutes, fine) in [(30, true), (31, false)] {
        let again = app
            .store
            .enqueue(&mut tx, &app.dispatcher, "run 1", &request(minutes))
            .await;
        assert_eq!(again.is_ok(), fine);
    }
    tx.commit().await.unwrap();
    assert_eq!(app.waiting().await, 2);
    assert_eq!(app.issuer.verified.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn whom_to_deliver_to_is_sealed() {
    let Some(app) = App::new().await else { return };
    let mut conn = connect(&app.url).await;
    let request = request(7).deliver_to(Handle::new("canary").unwrap());
    app.store
        .enqueue(&mut conn, &app.dispatcher, "k", &request)
        .await
        .unwrap();
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM wom.award")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
    let award = app.dispatcher.accept("k", &request).await.unwrap();
    app.dispatcher.bring(award).await.unwrap();
    let claim = app.dispatcher.claim(award).await.unwrap();
    assert_eq!(claim.handle.unwrap().reveal(), "canary");
}

#[tokio::test]
async fn another_data_base_is_refused() {
    let mut others = identity();
    others.source.push('0');
    let (Some(app), Some(other)) = (App::new().await, App::of(others).await) else {
        return;
    };
    let mut elsewhere = connect(&other.url).await;
    let error = app
        .store
        .enqueue(&mut elsewhere, &app.dispatcher, "k", &request(7))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::StoreMismatch, "{error}");
    assert_eq!((app.waiting().await, other.waiting().await), (0, 0));
}

/// The statements for foreign drivers do what our own call does, and each is told of the other's.
#[tokio::test]
async fn plain_statements_do_the_same() {
    let Some(app) = App::new().await else { return };
    let asked = request(30).deliver_to(Handle::new("o'hara\\").unwrap());
    let sql = app
        .store
        .enqueue_sql(&app.dispatcher, "run 1", &asked)
        .unwrap();
    assert!(!format!("{sql:?}").contains("decode"));
    let mut conn = connect(&app.url).await;
    for new in [true, false] {
        let mut tx = conn.begin().await.unwrap();
        let owned: i64 = sqlx::query_scalar(AssertSqlSafe(sql.owned.clone()))
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(owned, 1);
        let accepted = sqlx::query(AssertSqlSafe(sql.accept.clone()))
            .fetch_optional(&mut *tx)
            .await
            .unwrap();
        assert_eq!(accepted.is_some(), new);
        let held: String = sqlx::query_scalar(AssertSqlSafe(sql.held.clone()))
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        EnqueueSql::check_held(&asked, &held).unwrap();
        let other = EnqueueSql::check_held(&request(31), &held).unwrap_err();
        assert_eq!(other.kind(), Kind::AwardKeyReused);
        tx.commit().await.unwrap();
    }
    // Our own call knows it as the same award.
    let mut tx = conn.begin().await.unwrap();
    let key = app
        .store
        .enqueue(&mut tx, &app.dispatcher, "run 1", &asked)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(key, sql.key);
    assert_eq!(
        app.dispatcher.award("run 1", &asked).await.unwrap().minutes,
        30
    );
    let claim = app.dispatcher.claim(key).await.unwrap();
    assert_eq!(claim.handle.unwrap().reveal(), "o'hara\\");
}
