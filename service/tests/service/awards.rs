use serde_json::{Value, json};

use crate::town::{BIKES, SCHOOL, Town, until};

fn walk(minutes: u32) -> Value {
    json!({"aim": "H", "minutes": minutes, "place": {"latitude": 43.7263, "longitude": 12.6366}})
}

#[tokio::test]
async fn an_award_is_accepted_brought_and_acknowledged_once() {
    let town = Town::new().await;
    let accepted = town
        .post_as(BIKES, "/awards", Some("ride 7"), &walk(30))
        .await;
    let id = accepted.ok(202)["id"].as_str().unwrap().to_owned();
    let shown = town
        .get(BIKES, &format!("/awards/{id}?wait=20"))
        .await
        .ok(200);
    assert_eq!(
        (&shown["state"], &shown["minutes"]),
        (&json!("offered"), &json!(30))
    );
    // The same key is the same award, with the same code.
    let again = town
        .post_as(BIKES, "/awards?wait=5", Some("ride 7"), &walk(30))
        .await;
    assert_eq!(again.ok(200), shown);
    let other = town
        .post_as(BIKES, "/awards", Some("ride 7"), &walk(31))
        .await;
    assert_eq!(other.refused(422, "award_key_reused")["retry"], "never");
    assert_eq!(town.redeem("sara", &shown["code"]).await, 30);

    let acknowledge = format!("/awards/{id}/acknowledge");
    town.post(BIKES, &acknowledge, &Value::Null).await.ok(204);
    town.post(BIKES, &acknowledge, &Value::Null).await.ok(204);
    let gone = town
        .get(BIKES, &format!("/awards/{id}?wait=1"))
        .await
        .ok(200);
    assert_eq!(
        (&gone["state"], gone.get("code")),
        (&json!("acknowledged"), None)
    );
    let books = town.registry.books().await.unwrap().total;
    assert_eq!((books.issued, books.redeemed), (30, 30));
    town.stop().await;
}

#[tokio::test]
async fn an_award_without_a_code_cannot_be_acknowledged_yet() {
    let town = Town::new().await;
    let mut culture = walk(3);
    culture["aim"] = json!("C");
    // The instrument may not award for it.
    let parked = town.post_as(BIKES, "/awards?wait=20", Some("k"), &culture);
    let parked = parked.await.ok(202);
    assert_eq!(parked["state"], "parked");
    let path = format!("/awards/{}/acknowledge", parked["id"].as_str().unwrap());
    town.post(BIKES, &path, &Value::Null)
        .await
        .refused(409, "input_invalid");
    let path = "/awards/%FF/acknowledge";
    town.post(BIKES, path, &Value::Null)
        .await
        .refused(404, "input_invalid");
    town.stop().await;
}

#[tokio::test]
async fn who_does_not_wait_finds_the_code_later() {
    let town = Town::new().await;
    let accepted = town
        .post_as(BIKES, "/awards", Some("ride 8"), &walk(3))
        .await;
    let id = accepted.ok(202)["id"].as_str().unwrap().to_owned();
    let code = until(async || {
        let award = town.get(BIKES, &format!("/awards/{id}")).await.ok(200);
        award.get("code").cloned()
    })
    .await;
    assert_eq!(town.redeem("sara", &code).await, 3);
    town.stop().await;
}

#[tokio::test]
async fn nothing_of_one_instrument_is_there_for_another() {
    let town = Town::new().await;
    let accepted = town
        .post_as(BIKES, "/awards?wait=20", Some("same key"), &walk(3))
        .await;
    let id = accepted.ok(200)["id"].as_str().unwrap().to_owned();
    // The same key of another instrument is another award.
    let other = town
        .post_as(SCHOOL, "/awards?wait=20", Some("same key"), &walk(4))
        .await;
    assert_ne!(other.ok(200)["id"], json!(id));
    for path in [format!("/awards/{id}"), format!("/awards/{id}?wait=1")] {
        town.get(SCHOOL, &path).await.refused(404, "input_invalid");
    }
    let path = format!("/awards/{id}/acknowledge");
    town.post(SCHOOL, &path, &Value::Null)
        .await
        .refused(404, "input_invalid");
    town.get(BIKES, &format!("/awards/{id}")).await.ok(200);
    town.post_as("bar", "/awards", Some("x"), &walk(3))
        .await
        .refused(403, "access_denied");
    town.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_nothing_is_accepted() {
    let town = Town::new().await;
    let place = json!({"latitude": 43.7, "longitude": 12.6});
    for (body, told) in [
        (json!({}), "missing field `aim`"),
        (
            json!({"aim": "H", "minutes": "30", "place": place}),
            "a value is not of the required form; expected a whole number",
        ),
        (
            json!({"aim": "H", "minutes": 30, "place": place, "sara@example.org": 1}),
            "there is a field that is not known",
        ),
    ] {
        let refused = town.post_as(BIKES, "/awards", Some("k"), &body).await;
        let refused = refused.refused(400, "input_invalid");
        assert!(
            refused["detail"].as_str().unwrap().starts_with(told),
            "{refused}"
        );
        assert!(!refused.to_string().contains("sara"), "{refused}");
    }
    for (body, field) in [
        (json!({"aim": "?", "minutes": 30, "place": place}), "aim"),
        (
            json!({"aim": "H", "minutes": 30, "place": {"latitude": 91, "longitude": 0}}),
            "place",
        ),
        (
            json!({"aim": "H", "minutes": 30, "place": place, "at": "yesterday"}),
            "at",
        ),
        (
            json!({"aim": "H", "minutes": 30, "place": place, "zone": "Mars/Olympus"}),
            "zone",
        ),
        (
            json!({"aim": "H", "minutes": 30, "place": place, "handle": ""}),
            "handle",
        ),
    ] {
        let refused = town.post_as(BIKES, "/awards", Some("k"), &body).await;
        assert_eq!(
            refused.refused(400, "input_invalid")["context"]["field"],
            field
        );
    }
    for minutes in [0, 10_001] {
        town.post_as(BIKES, "/awards", Some("k"), &walk(minutes))
            .await
            .refused(400, "input_invalid");
    }
    town.post_as(BIKES, "/awards", None, &walk(3))
        .await
        .refused(400, "input_invalid");
    town.post_as(BIKES, "/awards?wait=31", Some("k"), &walk(3))
        .await
        .refused(400, "input_invalid");
    town.post_as(BIKES, "/awards?wiat=3", Some("k"), &walk(3))
        .await
        .refused(400, "input_invalid");
    assert_eq!(town.registry.books().await.unwrap().total.issued, 0);
    town.stop().await;
}
