//! Values to store.

use wom_sdk::{
    Timestamp,
    award::{AwardKey, Content, Identity, State, Vouchers},
    protocol::Position,
    store::{AwardRecord, Commit},
};
use wom_store::{DatabaseUrl, PostgresStore, testing::PgServer};

pub(crate) fn identity() -> Identity {
    Identity {
        registry: "http://127.0.0.1:1".into(),
        source: "1".into(),
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_772_000_000 + seconds)
}

pub(crate) fn award(n: u64) -> AwardRecord {
    let vouchers = Vouchers {
        aim: "H".parse().unwrap(),
        minutes: 30,
        place: Position::new(43.725, 12.6366).unwrap(),
        at: at(0),
    };
    AwardRecord {
        key: AwardKey::direct(&identity(), &n.to_string()),
        version: 1,
        participant: None,
        content: Content::new(vec![vouchers]).unwrap(),
        accepted: at(0),
        state: State::Accepted,
        sealed: None,
        tries: 0,
        unclear: false,
        due: at(0),
    }
}

pub(crate) fn accept(n: u64) -> Commit {
    Commit {
        awards: vec![award(n)],
        ..Commit::default()
    }
}

/// A new data base on the server of this test run; `None` where there is no PostgreSQL.
pub(crate) async fn database() -> Option<DatabaseUrl> {
    let server = PgServer::shared()?;
    Some(DatabaseUrl::new(server.database().await).unwrap())
}

pub(crate) async fn open(url: &DatabaseUrl) -> PostgresStore {
    PostgresStore::open(url).await.unwrap()
}

pub(crate) async fn connect(url: &DatabaseUrl) -> sqlx::PgConnection {
    <sqlx::PgConnection as sqlx::Connection>::connect(url.reveal())
        .await
        .unwrap()
}
