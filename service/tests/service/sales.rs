//! Sales as other programs ask for them.

use serde_json::{Value, json};
use wom_adapter_pos::Manual;

use crate::{
    cashier::Cashier,
    town::{Answer, BIKES, Town, until},
};

/// An order of the bar, whose till nobody can read.
fn order(cents: i64, name: &str) -> String {
    Manual::order(cents, "EUR", name).unwrap().0
}

async fn offer(town: &Town, offer: &str, order: &str) -> Answer {
    let asked = json!({"order": order, "offer": offer});
    town.post("bar", "/shops/bar/sales", &asked).await
}

fn path(sale: &Value) -> String {
    format!("/shops/bar/sales/{}", sale["id"].as_str().unwrap())
}

#[tokio::test]
async fn an_order_gets_one_discount_and_its_line_for_the_receipt() {
    let town = Town::new().await;
    town.earn("sara", 40).await;
    let bill = order(1_250, "bill1");
    let sale = offer(&town, "coffee", &bill).await.ok(201);
    assert_eq!(
        (
            &sale["state"],
            &sale["turn"],
            &sale["agreed"],
            &sale["amount"]
        ),
        (
            &json!("waiting"),
            &json!("program"),
            &json!(200),
            &json!(15)
        )
    );
    assert_eq!(
        offer(&town, "coffee", &bill).await.ok(201),
        sale,
        "the same code"
    );
    // One discount for an order: the other offer has to wait until this one is called off.
    offer(&town, "tenth", &bill)
        .await
        .refused(400, "input_invalid");
    let unknown = offer(&town, "tea", &bill)
        .await
        .refused(400, "input_invalid");
    assert_eq!(unknown["hint"], "use one of: coffee, tenth");

    let waited = format!("{}?wait=20", path(&sale));
    let (paid, ()) = tokio::join!(town.get("bar", &waited), town.pay("sara", &sale["code"]));
    let paid = paid.ok(200);
    assert_eq!(
        (&paid["state"], &paid["turn"]),
        (&json!("manual"), &json!("person"))
    );
    assert_eq!((paid.get("code"), paid.get("receipt")), (None, None));
    let listed = town
        .get("bar", "/shops/bar/sales?which=for_person")
        .await
        .ok(200);
    assert_eq!(listed, json!([paid]));
    offer(&town, "tenth", &bill)
        .await
        .refused(409, "already_performed");

    let done = town
        .post("bar", &format!("{}/confirm", path(&sale)), &Value::Null)
        .await
        .ok(200);
    assert_eq!(
        (&done["state"], &done["given"]),
        (&json!("redeemed"), &json!(200))
    );
    let line = &done["receipt"];
    assert_eq!(line["amount"], -200);
    let italian = line["it"].as_str().unwrap();
    assert!(
        italian.starts_with("Sconto WOM, 15 minuti (rif. "),
        "{line}"
    );
    let listed = town.get("bar", "/shops/bar/sales?which=open").await.ok(200);
    assert_eq!(listed, json!([]));
    let of_order = town
        .get(
            "bar",
            &format!("/shops/bar/sales?order={}", bill.replace(' ', "%20")),
        )
        .await;
    assert_eq!(of_order.ok(200), json!([done]));

    let asked = "/shops/bar/report?from=2026-01-01&until=2100-12-31&zone=Europe/Rome";
    let report = town.get("bar", asked).await.ok(200);
    assert_eq!(
        (&report["rows"][0]["wom"], &report["rows"][0]["money"]),
        (&json!(15), &json!(200))
    );
    let csv = town
        .get("bar", &format!("{asked}&format=csv"))
        .await
        .ok(200);
    assert!(
        csv.as_str().unwrap().starts_with("line,shop,offer,"),
        "{csv}"
    );
    let few = town
        .get("bar", &format!("{asked}&published=true"))
        .await
        .ok(200);
    assert_eq!(few["rows"], json!([]), "one payment tells of one person");
    town.stop().await;
}

#[tokio::test]
async fn what_is_paid_after_it_was_called_off_is_for_the_merchant_to_decide() {
    let town = Town::new().await;
    town.earn("sara", 60).await;
    let (first, second) = (order(1_250, "bill1"), order(990, "bill2"));
    let sale = offer(&town, "coffee", &first).await.ok(201);
    let off = town
        .post("bar", &format!("{}/cancel", path(&sale)), &Value::Null)
        .await
        .ok(200);
    assert_eq!((&off["state"], off.get("code")), (&json!("lapsed"), None));
    town.pay("sara", &sale["code"]).await;
    let told = town
        .post("bar", "/shops/bar/orders/changed", &json!({"order": first}))
        .await
        .ok(200);
    let late = match told[0]["state"] == "late" {
        true => told[0].clone(),
        // The Registry is asked by and by.
        false => {
            until(async || {
                // Asking for another code looks once more at the first.
                let refused = offer(&town, "coffee", &first).await;
                assert_eq!(refused.status.as_u16(), 409, "{}", refused.body);
                let now = town.get("bar", &path(&sale)).await.ok(200);
                (now["state"] == "late").then_some(now)
            })
            .await
        }
    };
    assert_eq!(
        (&late["late"], &late["turn"]),
        (&json!("cancel"), &json!("person"))
    );
    assert_eq!(
        late["remedies"],
        json!(["fresh_code", "replacement", "record_only"])
    );
    // This till makes no codes: the cashier does, and says so, or gives it on the next order.
    let note = json!({"note": "the customer is still here"});
    town.post("bar", &format!("{}/grant", path(&sale)), &note)
        .await
        .refused(400, "unsupported");
    let decide = format!("{}/resolve", path(&sale));
    for vague in [Value::Null, json!(""), json!("x".repeat(129))] {
        let vague = json!({"resolution": "granted", "note": "a code", "reference": vague});
        let refused = town
            .post("bar", &decide, &vague)
            .await
            .refused(400, "input_invalid");
        assert_eq!(refused["context"]["field"], "reference");
    }
    for note in ["", " ", &"x".repeat(501)] {
        let wordy = json!({"resolution": "recorded", "note": note});
        let refused = town
            .post("bar", &decide, &wordy)
            .await
            .refused(400, "input_invalid");
        assert_eq!(refused["context"]["field"], "note");
    }
    let wrong = json!({"resolution": "recorded", "reference": "x", "note": "a code"});
    town.post("bar", &decide, &wrong)
        .await
        .refused(400, "input_invalid");
    let replaced = town
        .post(
            "bar",
            &format!("{}/replace", path(&sale)),
            &json!({"order": second}),
        )
        .await
        .ok(200);
    assert_eq!(
        (&replaced["state"], &replaced["order"]),
        (&json!("manual"), &json!(second))
    );

    // Another one is written down.
    let third = order(500, "bill3");
    let sale = offer(&town, "coffee", &third).await.ok(201);
    town.pay("sara", &sale["code"]).await;
    let told = town
        .post(
            "bar",
            "/shops/bar/orders/cancelled",
            &json!({"order": third}),
        )
        .await
        .ok(200);
    assert_eq!(told.as_array().unwrap().len(), 1);
    until(async || {
        let now = town.get("bar", &path(&sale)).await.ok(200);
        let _ = town
            .post(
                "bar",
                "/shops/bar/orders/cancelled",
                &json!({"order": third}),
            )
            .await;
        (now["state"] == "late").then_some(())
    })
    .await;
    let recorded = json!({"resolution": "recorded", "note": "apologised"});
    let decided = town
        .post("bar", &format!("{}/resolve", path(&sale)), &recorded)
        .await
        .ok(200);
    assert_eq!(
        (&decided["state"], &decided["turn"]),
        (&json!("recorded"), &json!("nobody"))
    );
    // Why is read by who opens the sale at the till.
    let at_till = format!("/till/bar/sales/{}", sale["id"].as_str().unwrap());
    let page = Cashier::let_in(&town).await.see(&at_till).await;
    assert!(page.text.contains("apologised"), "{page:?}");
    town.stop().await;
}

#[tokio::test]
async fn a_posters_payments_are_taken_one_by_one() {
    let town = Town::new().await;
    town.earn("sara", 60).await;
    let new = json!({"name": "counter", "offer": "coffee"});
    let poster = town.post("bar", "/shops/bar/posters", &new).await.ok(201);
    let other = json!({"name": "counter", "offer": "tenth"});
    town.post("bar", "/shops/bar/posters", &other)
        .await
        .refused(422, "award_key_reused");
    for _ in 0..3 {
        town.pay("sara", &poster["code"]).await;
    }
    let at = format!("/shops/bar/posters/{}", poster["id"].as_str().unwrap());
    let bill = order(1_250, "bill1");
    let taken = town
        .post("bar", &format!("{at}/take"), &json!({"order": bill}))
        .await
        .ok(200);
    assert_eq!(
        (&taken["state"], &taken["offer"]),
        (&json!("manual"), &json!("counter"))
    );
    let left = town.get("bar", &format!("{at}/payments")).await.ok(200);
    assert_eq!(left.as_array().unwrap().len(), 2);
    assert_eq!(
        (&left[0]["state"], left[0].get("order")),
        (&json!("unclaimed"), None)
    );
    for wrong in [json!("x"), json!("0".repeat(64)), taken["id"].clone()] {
        let taking = json!({"order": order(700, "bill2"), "payment": wrong});
        town.post("bar", &format!("{at}/take"), &taking)
            .await
            .refused(400, "input_invalid");
    }
    // The one that the cashier chose, whatever came before it.
    let newest = left[1]["id"].clone();
    let chosen = json!({"order": order(700, "bill2"), "payment": newest});
    let taken = town
        .post("bar", &format!("{at}/take"), &chosen)
        .await
        .ok(200);
    assert_eq!(taken["id"], newest);
    town.post("bar", &format!("{at}/take"), &chosen)
        .await
        .refused(400, "input_invalid");
    let ended = town
        .post("bar", &format!("{at}/end"), &Value::Null)
        .await
        .ok(200);
    assert!(
        ended["ended_at"].is_string() && ended["payments"] == 3,
        "{ended}"
    );
    let listed = town.get("bar", "/shops/bar/posters").await.ok(200);
    assert_eq!(listed, json!([ended]));
    town.stop().await;
}

#[tokio::test]
async fn sales_are_listed_in_pages_by_id_and_those_of_one_order_apart() {
    let town = Town::new().await;
    let mut made = Vec::new();
    for bill in ["bill1", "bill2", "bill3"] {
        made.push(offer(&town, "coffee", &order(1_250, bill)).await.ok(201));
    }
    let (mut read, mut after) = (Vec::new(), String::new());
    loop {
        let page = town
            .get("bar", &format!("/shops/bar/sales?limit=1{after}"))
            .await
            .ok(200);
        let [sale] = page.as_array().unwrap().as_slice() else {
            assert_eq!(page, json!([]));
            break;
        };
        after = format!("&after={}", sale["id"].as_str().unwrap());
        read.push(sale.clone());
        assert!(read.len() <= made.len(), "a page comes again");
    }
    let second = made[1].clone();
    made.sort_by_key(|sale| sale["id"].to_string());
    assert_eq!(read, made);
    let bill = second["order"].as_str().unwrap();
    let of_order = town
        .get("bar", &format!("/shops/bar/sales?order={bill}"))
        .await;
    assert_eq!(of_order.ok(200), json!([second]));
    // That order is cancelled: its code is called off with the answer, and no other's.
    let told = town
        .post(
            "bar",
            "/shops/bar/orders/cancelled",
            &json!({"order": bill}),
        )
        .await
        .ok(200);
    assert_eq!(
        (told.as_array().unwrap().len(), &told[0]["state"]),
        (1, &json!("lapsed"))
    );
    let all = town.get("bar", "/shops/bar/sales").await.ok(200);
    let states = all.as_array().unwrap().iter().map(|sale| &sale["state"]);
    assert_eq!(states.filter(|&state| state == "waiting").count(), 2);
    town.stop().await;
}

#[tokio::test]
async fn a_shop_is_there_for_those_of_its_pos_only() {
    let town = Town::new().await;
    let sale = offer(&town, "coffee", &order(1_250, "bill1")).await.ok(201);
    for stranger in ["chain", BIKES] {
        for path in [
            &path(&sale),
            "/shops/bar/sales",
            "/shops/bar/posters",
            "/shops/other/sales",
        ] {
            town.get(stranger, path).await.refused(404, "input_invalid");
        }
    }
    town.get("reader", "/shops/bar/sales")
        .await
        .refused(403, "access_denied");
    for id in [
        "x",
        &"0".repeat(64),
        sale["id"].as_str().unwrap().get(1..).unwrap(),
    ] {
        town.get("bar", &format!("/shops/bar/sales/{id}"))
            .await
            .refused(404, "input_invalid");
        town.get("bar", &format!("/shops/bar/posters/{id}/payments"))
            .await
            .refused(404, "input_invalid");
    }
    for query in ["which=some", "limit=0", "limit=201", "after=x", "unknown=1"] {
        town.get("bar", &format!("/shops/bar/sales?{query}"))
            .await
            .refused(400, "input_invalid");
    }
    town.get("bar", &format!("{}?wait=31", path(&sale)))
        .await
        .refused(400, "input_invalid");
    for wrong in [
        "from=2026-01-01&until=2026-01-01",
        "from=2026-01-02&until=2026-01-01",
        "from=2026-01-01&until=2027-01-01&zone=Europe/Urbino",
        "from=2026-01-01",
    ] {
        town.get("bar", &format!("/shops/bar/report?{wrong}"))
            .await
            .refused(400, "input_invalid");
    }
    // A till that takes no webhooks says so.
    let called = town
        .http()
        .post(format!("{}/shops/bar/in", town.url))
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(called.status(), 404);
    let told: Value = called.json().await.unwrap();
    assert_eq!(told["detail"], "this shop's system calls nobody");
    for name in ["", &"1".repeat(129)] {
        for told in ["cancelled", "changed"] {
            let path = format!("/shops/bar/orders/{told}");
            town.post("bar", &path, &json!({"order": name}))
                .await
                .refused(400, "input_invalid");
        }
    }
    town.stop().await;
}
