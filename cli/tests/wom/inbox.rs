//! What came in and could not be read: listed, and gone on with.

use wom_sdk::{
    Digest, Timestamp,
    store::{DeliveryId, DeliveryRecord, DeliveryState, Store as _},
};
use wom_store::SqliteStore;

use crate::town::Town;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_is_listed_with_its_reason_and_gone_on_with_when_its_cause_is_mended() {
    let town = Town::new().await;
    assert_eq!(town.refused(&["inbox", "list"]), "input_invalid");
    town.submit();
    assert!(town.done(&["inbox", "list"]).is_empty());

    let parked = |source: &str, number: u8| DeliveryRecord {
        id: DeliveryId(Digest([number; 16])),
        version: 1,
        source: source.to_owned(),
        state: DeliveryState::Parked("access_denied".to_owned()),
        sealed: None,
        received: Timestamp::from_seconds(i64::from(number)),
        tries: 1,
        due: Timestamp::EPOCH,
    };
    let store = SqliteStore::open(town.path("local.db")).await.unwrap();
    for record in [parked("gate", 2), parked("gate", 1), parked("museum", 3)] {
        assert!(store.put_delivery(&record).await.unwrap());
    }
    store.close().await.unwrap();

    let listed = town.done(&["inbox", "list"]);
    let sources: Vec<_> = listed
        .iter()
        .map(|line| &line["delivery"]["source"])
        .collect();
    assert_eq!(sources, ["gate", "gate", "museum"]);
    assert_eq!(listed[0]["delivery"]["reason"], "access_denied");
    assert_eq!(listed[0]["delivery"]["received"], "1970-01-01T00:00:01Z");
    assert_eq!(town.done(&["inbox", "list", "--source", "museum"]).len(), 1);
    assert_eq!(town.done(&["inbox", "list", "--limit", "2"]).len(), 2);
    let people = town.for_people(&["--lang", "it", "inbox", "list"]);
    let people = String::from_utf8(people.stdout).unwrap();
    assert!(
        people.contains("museum  parked (access_denied)"),
        "{people}"
    );

    let doctor = String::from_utf8(town.for_people(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("0 held, 3 parked") && doctor.contains("wom inbox list"));

    let resumed = town.done(&["inbox", "retry", "--source", "gate"]);
    assert_eq!(resumed[0]["summary"]["resumed"], 2);
    let listed = town.done(&["inbox", "list"]);
    let states: Vec<_> = listed
        .iter()
        .map(|line| &line["delivery"]["state"])
        .collect();
    assert_eq!(states, ["waiting", "waiting", "parked"]);
    assert_eq!(town.done(&["inbox", "retry"])[0]["summary"]["resumed"], 1);
    assert_eq!(town.done(&["inbox", "retry"])[0]["summary"]["resumed"], 0);
}
