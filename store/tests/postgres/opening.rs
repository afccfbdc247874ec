//! Opening: by many at a time, and only what is ours.

use sqlx::{AssertSqlSafe, Row as _};
use wom_sdk::{
    Error, Kind, Retry, Timestamp,
    award::Account,
    privacy::Participant,
    store::{Change, Commit, Committed, Store},
};
use wom_store::{DatabaseUrl, PostgresSettings, PostgresStore};

use crate::values::{accept, award, connect, database, open};

async fn refused(url: &DatabaseUrl) -> Error {
    let error = PostgresStore::open(url).await.unwrap_err();
    assert!(error.advice().is_some(), "say what to do: {error}");
    error
}

async fn sql(url: &DatabaseUrl, sql: &str) {
    let mut conn = connect(url).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut conn)
        .await
        .unwrap();
}

/// Everything that is in the schema, and of what kind.
async fn relations(url: &DatabaseUrl) -> Vec<(String, i64)> {
    let rows = sqlx::query(
        "SELECT relname::text, oid::bigint FROM pg_class
         WHERE relnamespace = to_regnamespace('wom') ORDER BY 1",
    )
    .fetch_all(&mut connect(url).await)
    .await
    .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn many_who_open_a_new_store_at_once_make_one() {
    let Some(url) = database().await else { return };
    let opening: Vec<_> = (0..16)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { PostgresStore::open(&url).await.unwrap() })
        })
        .collect();
    let mut stores = Vec::new();
    for one in opening {
        stores.push(one.await.unwrap());
    }
    assert_eq!(stores[0].commit(accept(1)).await.unwrap(), Committed::Done);
    for store in &stores {
        assert_eq!(
            store.award(award(1).key).await.unwrap(),
            Some(award(1)),
            "they share it"
        );
        let again = store.commit(accept(1)).await.unwrap();
        assert_eq!(again, Committed::Conflict);
    }
}

#[tokio::test]
async fn a_newer_store_is_refused_and_left_as_it_is() {
    let Some(url) = database().await else { return };
    let store = open(&url).await;
    store.commit(accept(1)).await.unwrap();
    let before = relations(&url).await;
    sql(
        &url,
        "UPDATE wom.schema_version SET version = 99, serves = 98",
    )
    .await;
    let error = refused(&url).await;
    assert_eq!(error.kind(), Kind::StoreMismatch);
    assert!(error.to_string().contains("version 99, known 4"), "{error}");
    assert_eq!(relations(&url).await, before);

    // One that only has more than we know serves us as well, and is not taken back.
    sql(
        &url,
        "UPDATE wom.schema_version SET version = 5, serves = 2",
    )
    .await;
    assert_eq!(
        open(&url).await.award(award(1).key).await.unwrap(),
        Some(award(1))
    );
    let version: i32 = sqlx::query_scalar("SELECT version FROM wom.schema_version")
        .fetch_one(&mut connect(&url).await)
        .await
        .unwrap();
    assert_eq!(version, 5);
}

#[tokio::test]
async fn a_store_of_version_1_is_brought_on_while_its_workers_go_on() {
    let Some(url) = database().await else { return };
    let version_1 = include_str!("../../src/postgres/schema_1.sql");
    let who = [7; 32];
    sql(
        &url,
        &format!(
            "CREATE SCHEMA wom; SET search_path = wom;
             CREATE TABLE schema_version (one boolean PRIMARY KEY DEFAULT true CHECK (one),
                 version integer NOT NULL, serves integer NOT NULL);
             INSERT INTO schema_version (version, serves) VALUES (1, 1);
             {version_1}
             INSERT INTO participant (name, version) VALUES ('\\x{}', 3);
             INSERT INTO account VALUES (1, 'health', '2026-03-01', 30, 30, 1);",
            "07".repeat(32)
        ),
    )
    .await;
    let store = open(&url).await;
    let account = async || {
        let held = store.participant(Participant(who)).await.unwrap();
        held.accounts.into_iter().next().unwrap()
    };
    let held = account().await;
    assert_eq!((held.awarded, held.refused, held.returned), (30, 0, 0));
    let refused = Account {
        refused: 20,
        returned: 5,
        ..held
    };
    let change = Change {
        accounts: vec![refused.clone()],
        ..Change::of(Participant(who))
    };
    let commit = Commit {
        change: Some(change),
        ..Commit::default()
    };
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    // As a worker of version 1 writes: what it does not know stays.
    sql(
        &url,
        "INSERT INTO wom.account (participant, line, unit, settled, awarded, n)
         SELECT participant, line, unit, 40, 40, 2 FROM wom.account
         ON CONFLICT (participant, line, unit) DO UPDATE SET settled = excluded.settled,
             awarded = excluded.awarded, n = excluded.n",
    )
    .await;
    let paid = Account {
        settled: 40,
        awarded: 40,
        n: 2,
        ..refused
    };
    assert_eq!(account().await, paid);
    // What a later version has brought is there.
    assert_eq!(store.due_sales(Timestamp::MAX, 9).await.unwrap(), []);
    assert_eq!(store.due_posters(Timestamp::MAX, 9).await.unwrap(), []);
}

#[tokio::test]
async fn who_only_looks_makes_no_store_and_brings_none_on() {
    let Some(url) = database().await else { return };
    let settings = || PostgresSettings::new(url.clone());
    for looking in [settings().existing(), settings().read_only()] {
        let error = looking.open().await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid);
        assert!(error.to_string().contains("no store"), "{error}");
    }
    let made: bool = sqlx::query_scalar("SELECT to_regnamespace('wom') IS NOT NULL")
        .fetch_one(&mut connect(&url).await)
        .await
        .unwrap();
    assert!(!made, "not even the schema");

    open(&url).await.commit(accept(1)).await.unwrap();
    let reading = settings().read_only().open().await.unwrap();
    assert_eq!(reading.award(award(1).key).await.unwrap(), Some(award(1)));
    assert!(
        reading.commit(accept(2)).await.is_err(),
        "the server refuses"
    );
    let existing = settings().existing().open().await.unwrap();
    assert_eq!(existing.commit(accept(2)).await.unwrap(), Committed::Done);

    sql(&url, "UPDATE wom.schema_version SET version = 1").await;
    let error = settings().read_only().open().await.unwrap_err();
    assert_eq!(error.kind(), Kind::StoreMismatch);
    assert!(error.to_string().contains("older"), "{error}");
}

#[tokio::test]
async fn other_peoples_tables_are_left_alone() {
    let Some(url) = database().await else { return };
    sql(
        &url,
        "CREATE SCHEMA wom; CREATE TABLE wom.award (theirs text)",
    )
    .await;
    let before = relations(&url).await;
    assert_eq!(refused(&url).await.kind(), Kind::StoreMismatch);
    assert_eq!(relations(&url).await, before);

    let named = |name: &str| PostgresSettings::new(url.clone()).schema(name).open();
    let own = named("wom_own").await.unwrap();
    assert_eq!(own.commit(accept(1)).await.unwrap(), Committed::Done);
    let other = named("order").await.unwrap();
    assert_eq!(other.award(award(1).key).await.unwrap(), None);
    for name in [
        "",
        "Wom",
        "a b",
        "a\"; DROP",
        "1a",
        "pg_wom",
        &"a".repeat(64),
    ] {
        let error = named(name).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ConfigurationInvalid);
    }
}

#[tokio::test]
async fn a_user_without_the_right_to_make_schemas_can_work() {
    let Some(url) = database().await else { return };
    drop(open(&url).await);
    let name = format!("worker_{}", url.reveal().rsplit('/').next().unwrap());
    sql(
        &url,
        &format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'p';
             GRANT USAGE ON SCHEMA wom TO {name};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA wom TO {name}"
        ),
    )
    .await;
    let place = url.reveal().rsplit_once('@').unwrap().1;
    let worker = DatabaseUrl::new(format!("postgres://{name}:p@{place}")).unwrap();
    let store = open(&worker).await;
    assert_eq!(store.commit(accept(1)).await.unwrap(), Committed::Done);
    sql(
        &url,
        &format!("REVOKE ALL ON ALL TABLES IN SCHEMA wom FROM {name}"),
    )
    .await;
    let error = store.award(award(1).key).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    drop(store);
    let error = refused(&worker).await;
    assert_eq!(error.kind(), Kind::AccessDenied);
    sql(&url, &format!("DROP OWNED BY {name}; DROP ROLE {name}")).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_login_is_told_without_the_password() {
    let Some(url) = database().await else { return };
    let (login, place) = url.reveal().rsplit_once('@').unwrap();
    let (user, password) = login.rsplit_once(':').unwrap();
    let (host, name) = place.split_once('/').unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = nobody.local_addr().unwrap();
    drop(nobody);
    for (wrong, kind, retry) in [
        (
            format!("{user}:canary@{place}"),
            Kind::AccessDenied,
            Retry::Never,
        ),
        (
            format!("postgres://canary:{password}@{place}"),
            Kind::AccessDenied,
            Retry::Never,
        ),
        (
            format!("{login}@{host}/canary"),
            Kind::ConfigurationInvalid,
            Retry::Never,
        ),
        (
            format!("{user}:canary@{closed}/{name}"),
            Kind::StorageFailed,
            Retry::Safe,
        ),
    ] {
        let error = refused(&DatabaseUrl::new(wrong).unwrap()).await;
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{error}");
        let said = format!("{error:?}");
        assert!(
            !said.contains("canary") && !said.contains(password),
            "{said}"
        );
    }
}
