use serde_json::{Value, json};

use crate::town::{BIKES, Town, until};

#[tokio::test]
async fn a_payment_is_asked_for_made_and_heard_of() {
    let town = Town::new().await;
    town.earn("sara", 20).await;
    let asked = json!({"amount": 15, "filter": {"aim": "H"}});
    let checkout = town
        .post_as("bar", "/checkouts", Some("bill 1"), &asked)
        .await
        .ok(201);
    assert_eq!(
        (&checkout["state"], &checkout["pos"]),
        (&json!("shown"), &json!("bar"))
    );
    let again = town
        .post_as("bar", "/checkouts", Some("bill 1"), &asked)
        .await
        .ok(201);
    assert_eq!(again, checkout);
    let other = town
        .post_as("bar", "/checkouts", Some("bill 1"), &json!({"amount": 16}))
        .await;
    other.refused(422, "award_key_reused");

    let path = format!("/checkouts/{}?wait=20", checkout["id"].as_str().unwrap());
    let (shown, ()) = tokio::join!(town.get("bar", &path), town.pay("sara", &checkout["code"]));
    let shown = shown.ok(200);
    assert_eq!((&shown["state"], shown.get("code")), (&json!("paid"), None));
    assert!(shown["paid_at"].is_string(), "{shown}");
    let cancel = format!("/checkouts/{}/cancel", checkout["id"].as_str().unwrap());
    town.post("bar", &cancel, &Value::Null)
        .await
        .refused(409, "already_performed");
    town.stop().await;
}

#[tokio::test]
async fn a_till_sees_its_own_payments_only() {
    let town = Town::new().await;
    let asked = json!({"amount": 5});
    let bar = town
        .post_as("bar", "/checkouts", Some("1"), &asked)
        .await
        .ok(201);
    let named = json!({"amount": 5, "pos": "chain/2"});
    let chain = town
        .post_as("chain", "/checkouts", Some("1"), &named)
        .await
        .ok(201);
    assert_ne!(bar["id"], chain["id"]);
    // A chain's token is for several: which is meant has to be said, and a stranger's is not there.
    town.post_as("chain", "/checkouts", Some("2"), &asked)
        .await
        .refused(400, "input_invalid");
    for stranger in ["bar", "chain", "chain/3"] {
        let named = json!({"amount": 5, "pos": stranger});
        let refused = town.post_as("chain", "/checkouts", Some("3"), &named).await;
        refused.refused(404, "input_invalid");
    }
    let path = format!("/checkouts/{}", bar["id"].as_str().unwrap());
    town.get("chain", &path).await.refused(404, "input_invalid");
    town.post("chain", &format!("{path}/cancel"), &Value::Null)
        .await
        .refused(404, "input_invalid");
    town.get(BIKES, &path).await.refused(404, "input_invalid");
    let shown = town.get("bar", &path).await.ok(200);
    assert_eq!(shown["code"], bar["code"]);

    let cancelled = town
        .post("bar", &format!("{path}/cancel"), &Value::Null)
        .await
        .ok(200);
    assert_eq!(
        (&cancelled["state"], cancelled.get("code")),
        (&json!("cancelled"), None)
    );
    // Asked for again it shows how it ended, and gives no code.
    let again = town.post_as("bar", "/checkouts", Some("1"), &asked).await;
    assert_eq!(again.ok(201), cancelled);
    let named = json!({"amount": 5.0, "pos": "bar"});
    let again = town.post_as("bar", "/checkouts", Some("1"), &named).await;
    assert_eq!(again.ok(201), cancelled);
    let corners = |north, south| {
        let place = |latitude, longitude| json!({"latitude": latitude, "longitude": longitude});
        json!({"amount": 5, "filter": {"aim": "H", "bounds": {
            "north_west": place(north, 12.0), "south_east": place(south, 13.0),
        }}})
    };
    let charge = async |body: Value| town.post_as("bar", "/checkouts", Some("4"), &body).await;
    let refused = charge(corners(43.0, 44.0))
        .await
        .refused(400, "input_invalid");
    assert_eq!(refused["context"]["field"], "filter");
    for amount in [0, 1_501] {
        let refused = charge(json!({"amount": amount})).await;
        refused.refused(400, "input_invalid");
    }
    for days in [0, 36_501] {
        let aged = json!({"amount": 5, "filter": {"max_age_days": days}});
        charge(aged).await.refused(400, "input_invalid");
    }
    charge(corners(44.0, 43.0)).await.ok(201);
    for id in ["x", &"0".repeat(64), &format!("+{}", "0".repeat(63))] {
        town.get("bar", &format!("/checkouts/{id}"))
            .await
            .refused(404, "input_invalid");
    }
    town.stop().await;
}

#[tokio::test]
async fn who_waits_is_answered_when_the_service_stops() {
    let town = Town::new().await;
    let checkout = town
        .post_as("bar", "/checkouts", Some("1"), &json!({"amount": 5}))
        .await
        .ok(201);
    let url = format!(
        "{}/checkouts/{}?wait=30",
        town.url,
        checkout["id"].as_str().unwrap()
    );
    let request = town.http().get(url).bearer_auth(town.token("bar"));
    let waiting = tokio::spawn(async move { request.send().await.unwrap().status() });
    // The one that waits, and the one that asks.
    until(async || {
        let numbers = town.get("reader", "/metrics").await.ok(200);
        let both = numbers.as_str().unwrap().contains("wom_http_under_way 2\n");
        both.then_some(())
    })
    .await;
    let began = std::time::Instant::now();
    town.stop().await;
    assert_eq!(waiting.await.unwrap(), 200);
    assert!(
        began.elapsed().as_secs() < 20,
        "it waited for the caller's patience"
    );
}
