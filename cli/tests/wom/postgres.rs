//! A profile whose awards are in PostgreSQL, and one that awards with an API key.

use serde_json::json;
use wom_store::testing::PgServer;

use crate::town::{Town, objects};

const ACTIVITY: &str = r#"[{"participant": "canary-anna", "key": "walk", "activity": "walking",
    "start": "2026-03-01T09:00:00Z", "end": "2026-03-01T09:30:00Z"}]"#;

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_postgresql_and_several_at_once() {
    let Some(server) = PgServer::shared() else {
        return;
    };
    let town = Town::new().await;
    let url = server.database().await;
    town.write("db", &format!("{url}\n"));
    town.configure(
        "store = \"local.db\"",
        "database_url_file = \"db\"\nschema = \"town\"",
    );
    // Who only looks makes nothing.
    for looking in [&["audit"][..], &["outbox", "list"], &["review", "list"]] {
        assert_eq!(town.refused(looking), "input_invalid");
    }
    assert!(!has_schema(&url, "town").await);
    let doctor = town.done(&["doctor"]);
    assert_eq!(doctor[0]["ok"], true, "{doctor:?}");

    town.submit();
    assert!(!town.path("local.db").exists());
    let waiting = town.waiting();
    assert_eq!(waiting.len(), 3);
    // The same file again, by several programs at once: nothing counts twice.
    let again: Vec<_> = (0..3)
        .map(|_| {
            town.wom(&["submit", "activity.csv", "walks.csv"])
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in again {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(town.registry.books().await.unwrap().total.issued, 90);
    let key = waiting[0]["award"]["key"].as_str().unwrap();
    assert_eq!(
        town.done(&["outbox", "show", &key[..8]])[0]["state"],
        "offered"
    );

    let mut steps = String::from("participant,activity,start,end,steps\n");
    for minute in 10..50 {
        let end = minute + 1;
        steps.push_str(&format!(
            "me,stepping,2026-03-04T10:{minute}:00Z,2026-03-04T10:{end}:00Z,117\n"
        ));
    }
    town.write("steps.csv", &steps);
    town.done(&["submit", "activity.csv", "steps.csv"]);
    let held = town.done(&["review", "list"]);
    assert_eq!(held.len(), 1, "{held:?}");
    town.done(&[
        "review",
        "accept",
        held[0]["award"]["key"].as_str().unwrap(),
    ]);
    let exported = town.done(&["outbox", "export", "--to", "codes.csv"]);
    let exported = &exported.last().unwrap()["exported"];
    assert_eq!(
        (&exported["count"], &exported["minutes"]),
        (&json!(4), &json!(130))
    );
    assert!(town.waiting().is_empty());

    town.write("activity.json", ACTIVITY);
    town.done(&["submit", "activity.json", "activity.json"]);
    let kept = objects(&town.told(&["subject", "export", "-"], "canary-anna\n"));
    assert_eq!(kept[0]["epochs"][0]["accounts"][0]["awarded"], 30);
    let erased = objects(&town.told(&["subject", "erase", "-"], "canary-anna\n"));
    assert_eq!(erased[0]["erased"]["codesGivenUp"], 1);

    let audit = town.done(&["audit", "--registry-dir", "registry"]);
    let audit = &audit.last().unwrap()["audit"];
    assert_eq!(audit["sums"]["total"]["minutes"], 160, "{audit}");
    assert_eq!(
        audit["givenUp"], 0,
        "the code was made before it was given up"
    );

    // The URL in the environment stands above the file; what is wrong is told without it.
    town.write("db", "postgres://nobody:canary@127.0.0.1:1/none");
    let output = town.run(&["outbox", "list"]);
    assert!(!output.status.success());
    assert!(!String::from_utf8(output.stderr).unwrap().contains("canary"));
    let mut elsewhere = town.wom(&["outbox", "list"]);
    let output = elsewhere.env("WOM_DATABASE_URL", url).output().unwrap();
    assert!(objects(&output).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_award_without_a_profile_is_remembered_in_postgresql_too() {
    let Some(server) = PgServer::shared() else {
        return;
    };
    let town = Town::new().await;
    town.write("db", &server.database().await);
    let award = |more: &[&str]| {
        let mut args = vec!["award", "--registry", town.registry.url()];
        args.extend(["--source", town.instrument.id.as_str()]);
        args.extend(["--key", "local-source.pem", "--aim", "H", "--minutes", "7"]);
        args.extend(["--at", "43.72,12.63", "--award-key", "run 42"]);
        args.extend(more);
        town.run(&args)
    };
    // The same code again, from another process, until it is collected.
    let place = [
        "--database-url-file",
        "db",
        "--schema",
        "awards",
        "--key-store",
        "award-keys.json",
    ];
    let [first, again] = [award(&place), award(&place)];
    assert!(first.status.success(), "{first:?}");
    assert_eq!(objects(&first), objects(&again));
    assert_eq!(town.registry.books().await.unwrap().total.issued, 7);
    for (more, told) in [
        (&["--database-url-file", "db"][..], "--key-store"),
        (&["--state", "a.db", "--database-url-file", "db"], "--state"),
        (&[], "--state"),
    ] {
        let refused = award(more);
        assert_eq!(refused.status.code(), Some(2));
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains(told),
            "{more:?}"
        );
    }
}

async fn has_schema(url: &str, name: &str) -> bool {
    use sqlx::Connection as _;
    let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(name)
        .fetch_one(&mut conn)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_stands_in_for_the_private_key() {
    let town = Town::new().await;
    let key = town
        .registry
        .registry()
        .add_api_key(&town.instrument.id, "town")
        .await
        .unwrap();
    town.write("api-key", key.reveal());
    std::fs::remove_file(town.path("local-source.pem")).unwrap();
    town.configure(
        "key_file = \"local-source.pem\"",
        "api_key_file = \"api-key\"",
    );
    assert_eq!(town.done(&["doctor"])[0]["ok"], true);
    town.submit();
    assert_eq!(town.waiting().len(), 3);
    assert_eq!(town.registry.books().await.unwrap().total.issued, 90);

    town.configure(
        "api_key_file = \"api-key\"",
        "api_key_file = \"api-key\"\nkey_file = \"local-source.pem\"",
    );
    assert_eq!(town.refused(&["outbox", "list"]), "configuration_invalid");
}
