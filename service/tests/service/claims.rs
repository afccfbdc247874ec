use std::time::{Duration, Instant};

use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};

use crate::town::{Answer, BIKES, SCHOOL, Town, until, yesterday};

pub(crate) async fn submit(town: &Town, token: &str, body: Vec<u8>) -> Answer {
    let request = town
        .http()
        .post(format!("{}/activities?adapter=activity.json", town.url))
        .bearer_auth(town.token(token))
        .body(body);
    Answer::of(request.send().await.unwrap()).await
}

pub(crate) fn sara() -> Value {
    json!({"namespace": "participant", "id": "sara@example.org"})
}

fn browser() -> Client {
    let browser = Client::builder().no_proxy().redirect(Policy::none());
    browser.build().unwrap()
}

#[tokio::test]
async fn minutes_come_in_and_are_collected_on_tap() {
    let town = Town::new().await;
    let taken = submit(&town, BIKES, yesterday("sara@example.org", 40))
        .await
        .ok(200);
    assert_eq!(
        (&taken["observations"], &taken["waiting"]),
        (&json!(1), &json!(40))
    );
    // Once more changes nothing.
    let again = submit(&town, BIKES, yesterday("sara@example.org", 40))
        .await
        .ok(200);
    assert_eq!(again["waiting"], 40);
    let waiting = town.post(BIKES, "/claims/waiting", &sara()).await.ok(200);
    assert_eq!(waiting, json!({"minutes": 40}));
    let none = town.post(SCHOOL, "/claims/waiting", &sara()).await.ok(200);
    assert_eq!(none, json!({"minutes": 0}), "another instrument's");
    assert_eq!(
        town.registry.books().await.unwrap().total.issued,
        0,
        "nothing until the tap"
    );

    let claims = town.post(BIKES, "/claims", &sara()).await.ok(200);
    assert_eq!(town.post(BIKES, "/claims", &sara()).await.ok(200), claims);
    let claim = &claims["claims"][0];
    assert_eq!(
        (&claim["minutes"], &claim["reasons"][0]["aim"]),
        (&json!(40), &json!("H"))
    );
    assert_eq!(town.redeem("sara", &claim["code"]).await, 40);
    let path = format!("/awards/{}/acknowledge", claim["id"].as_str().unwrap());
    town.post(SCHOOL, &path, &Value::Null)
        .await
        .refused(404, "input_invalid");
    town.post(BIKES, &path, &Value::Null).await.ok(204);
    assert_eq!(
        town.post(BIKES, "/claims", &sara()).await.ok(200),
        json!({"claims": []})
    );
    town.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_the_rest_counts() {
    let town = Town::new().await;
    let mut records: Vec<Value> =
        serde_json::from_slice(&yesterday("sara@example.org", 20)).unwrap();
    records.push(json!({"participant": "sara@example.org", "start": "?", "end": "?"}));
    let taken = submit(&town, BIKES, json!(records).to_string().into_bytes())
        .await
        .ok(200);
    assert_eq!(
        (&taken["refused"], &taken["waiting"]),
        (&json!(1), &json!(20))
    );
    assert!(taken["refusals"][0]["message"].is_string(), "{taken}");
    let unreadable = submit(&town, BIKES, b"[{".to_vec()).await;
    assert!(
        unreadable.status.is_client_error() || unreadable.body["refused"] == 1,
        "{unreadable:?}"
    );
    let request = town
        .http()
        .post(format!("{}/activities?adapter=steps.fti", town.url))
        .bearer_auth(town.token(BIKES));
    let unknown = Answer::of(request.send().await.unwrap())
        .await
        .refused(400, "input_invalid");
    assert!(
        unknown["hint"].as_str().unwrap().contains("steps.fit"),
        "{unknown}"
    );
    town.stop().await;
}

#[tokio::test]
async fn a_person_is_exported_and_erased() {
    let town = Town::new().await;
    submit(&town, BIKES, yesterday("sara@example.org", 15))
        .await
        .ok(200);
    let kept = town.post(BIKES, "/subjects/export", &sara()).await.ok(200);
    assert_eq!(
        kept["epochs"][0]["observations"].as_array().unwrap().len(),
        1
    );
    assert!(!kept.to_string().contains("sara"));
    let other = town.post(SCHOOL, "/subjects/export", &sara()).await.ok(200);
    assert_eq!(other["epochs"], json!([]));
    town.post(BIKES, "/subjects/erase", &sara()).await.ok(200);
    let kept = town.post(BIKES, "/subjects/export", &sara()).await.ok(200);
    assert_eq!(kept["epochs"][0]["observations"], json!([]));
    town.post("bar", "/subjects/export", &sara())
        .await
        .refused(403, "access_denied");
    town.stop().await;
}

#[tokio::test]
async fn a_claim_page_opens_once_and_leads_to_the_code() {
    let town = Town::new().await;
    submit(&town, BIKES, yesterday("sara@example.org", 25))
        .await
        .ok(200);
    let page = town
        .post(BIKES, "/claim-pages", &json!({"subject": sara()}))
        .await
        .ok(201);
    let url = page["url"].as_str().unwrap();
    assert!(!url.contains("sara"));
    let browser = browser();
    // What looks at links before people do, opens nothing.
    let glanced = browser.head(url).send().await.unwrap();
    assert_eq!(glanced.status(), 204);
    let entered = browser.get(url).send().await.unwrap();
    assert_eq!(entered.status(), 303);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(
        browser.get(url).send().await.unwrap().status(),
        410,
        "opened twice"
    );

    let home = format!("{}/claim/{BIKES}", town.url);
    let show = async || {
        let request = browser.get(&home).header("cookie", &cookie);
        Answer::of(request.send().await.unwrap())
            .await
            .ok(200)
            .as_str()
            .unwrap()
            .to_owned()
    };
    let page = show().await;
    assert!(
        page.contains("25 minutes") && !page.contains("/vouchers/"),
        "{page}"
    );
    let whose = "<b>Urbino by bike &amp; on foot</b>";
    assert!(page.contains(whose), "{page}");
    let post = async |what: &str, form: &str| {
        let request = browser
            .post(format!("{home}/{what}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &cookie)
            .body(form.to_owned());
        assert_eq!(request.send().await.unwrap().status(), 303);
    };
    post("collect", "").await;
    let page = show().await;
    assert!(page.contains("/vouchers/"), "{page}");
    let claim = town.post(BIKES, "/claims", &sara()).await.ok(200)["claims"][0].clone();
    assert!(
        page.contains(claim["code"]["link"].as_str().unwrap()),
        "{page}"
    );
    // Only what the person saw is done with.
    post("done", "").await;
    post("done", &format!("code={}", "0".repeat(64))).await;
    assert!(show().await.contains("/vouchers/"));
    let id = claim["id"].as_str().unwrap();
    assert!(page.contains(id), "{page}");
    post("done", &format!("code=x&code={id}")).await;
    assert!(!show().await.contains("/vouchers/"));
    assert_eq!(
        town.post(BIKES, "/claims", &sara()).await.ok(200),
        json!({"claims": []})
    );

    for (path, status) in [
        (format!("/claim/{BIKES}"), 410),
        (format!("/claim/{SCHOOL}"), 410),
        (format!("/claim/{BIKES}/AAAA"), 404),
        (format!("/claim/{BIKES}/{}", "A".repeat(5000)), 404),
        ("/claim/nobody/AAAA".to_owned(), 404),
    ] {
        let answer = browser
            .get(format!("{}{path}", town.url))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    // A visit of one instrument is none of another.
    let request = browser
        .get(format!("{}/claim/{SCHOOL}", town.url))
        .header("cookie", &cookie);
    let stranger = request.send().await.unwrap();
    let text = stranger.text().await.unwrap();
    assert!(!text.contains("25 minutes"), "{text}");
    town.stop().await;
}

/// A Registry that is down keeps nobody waiting, and what was collected then comes once it is back.
#[tokio::test]
async fn who_collects_while_the_registry_is_down_is_told_and_loses_nothing() {
    let mut town = Town::new().await;
    submit(&town, BIKES, yesterday("sara@example.org", 25))
        .await
        .ok(200);
    let page = json!({"subject": sara(), "language": "it"});
    let page = town.post(BIKES, "/claim-pages", &page).await.ok(201);
    let browser = browser();
    let entered = browser.get(page["url"].as_str().unwrap()).send().await;
    let cookie = entered.unwrap().headers()["set-cookie"].clone();
    let home = format!("{}/claim/{BIKES}", town.url);
    let collect = async || {
        let began = Instant::now();
        let request = browser.post(format!("{home}/collect"));
        let answer = request.header("cookie", &cookie).send().await.unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "waited for {took:?}");
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    town.registry.down().await.unwrap();
    // Again and again: also once the Registry is known to be down.
    for _ in 0..2 {
        let (status, text) = collect().await;
        assert_eq!(status, 202, "{text}");
        assert!(text.contains("<html lang=\"it\">"), "{text}");
        assert!(
            text.contains("I tuoi minuti sono in preparazione"),
            "{text}"
        );
        let form = format!("<form method=\"post\" action=\"/claim/{BIKES}/collect\" data-again>");
        assert!(text.contains(&form), "{text}");
    }
    town.registry.up().await.unwrap();
    until(async || (collect().await.0 == 303).then_some(())).await;
    let request = browser.get(&home).header("cookie", &cookie);
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(
        text.contains("25 minuti") && text.contains("/vouchers/"),
        "{text}"
    );
    let claims = town.post(BIKES, "/claims", &sara()).await.ok(200);
    assert_eq!(town.redeem("sara", &claims["claims"][0]["code"]).await, 25);
    assert_eq!(town.registry.books().await.unwrap().total.issued, 25);
    town.stop().await;
}
