//! The page for cashiers over plain HTTP, as a browser without scripts has it.

use std::{sync::Arc, time::Duration};

use reqwest::StatusCode;
use serde_json::json;
use wom_registry::RegistryOptions;

use crate::{
    cashier::{Cashier, Page},
    later::Later,
    town::{Town, until},
};

#[tokio::test]
async fn a_cashier_takes_a_payment_and_types_the_discount_in() {
    let town = Town::new().await;
    town.earn("sara", 20).await;
    let cashier = Cashier::let_in(&town).await;
    assert_eq!(cashier.see("/till").await.to, "/till/bar");
    let home = cashier.see("/till/bar").await;
    assert!(
        home.text.contains("/till/bar/new/coffee") && home.text.contains("data-key=\"2\""),
        "{home:?}"
    );
    let entry = cashier.see("/till/bar/new/coffee").await;
    let begun = cashier
        .send(&entry, "/till/bar/sales", &[("total", "12,50")])
        .await;
    // Sent twice, it is one sale with one code.
    let twice = cashier
        .send(&entry, "/till/bar/sales", &[("total", "12,50")])
        .await;
    assert_eq!((begun.status, &begun.to), (303, &twice.to));
    let page = cashier.see(&begun.to).await;
    assert!(
        page.text.contains("<h1>15 WOM for €2.00 off</h1>"),
        "{page:?}"
    );
    let code = page.code();
    assert_eq!(cashier.see(&begun.to).await.code(), code);
    town.pay("sara", &code).await;
    let page = cashier.until(&begun.to, "Take €2.00 off").await;
    page.shows_no_secret(&code);
    assert!(
        page.text.contains("€10.50") && page.text.contains("WOM discount, 15 minutes (ref. "),
        "{page:?}"
    );
    assert!(
        cashier
            .see("/till/bar")
            .await
            .text
            .contains("These wait for you")
    );
    let done = format!("{}/done", begun.to);
    let after = cashier.send(&page, &done, &[]).await;
    assert_eq!((after.status, after.to.as_str()), (303, begun.to.as_str()));
    // A second press changes nothing.
    assert_eq!(cashier.send(&page, &done, &[]).await.to, begun.to);
    let page = cashier.see(&begun.to).await;
    assert!(
        page.text.contains("€2.00 off: done") && page.text.contains("Next customer"),
        "{page:?}"
    );
    let today = cashier.see("/till/bar/sales").await;
    assert!(today.text.contains("15 WOM · €2.00"), "{today:?}");
    let csv = cashier.see("/till/bar/report/wom-report.csv").await;
    assert!(csv.text.contains(",1,15,1,EUR,200,200,"), "{csv:?}");
    let published = cashier
        .see("/till/bar/report/wom-report.csv?published=yes")
        .await;
    assert!(!published.text.contains("200"), "{published:?}");
    let report: serde_json::Value =
        serde_json::from_str(&cashier.see("/till/bar/report/wom-report.json").await.text).unwrap();
    assert_eq!(report["rows"][0]["wom"], 15);
    assert!(cashier.see("/till/bar/report").await.text.contains("€2.00"));
    assert_eq!(cashier.see("/till/bar/report?from=2026").await.status, 422);
    town.stop().await;
}

#[tokio::test]
async fn what_is_paid_after_it_was_called_off_is_settled_by_the_cashier() {
    let town = Town::new().await;
    town.earn("sara", 60).await;
    let mut cashier = Cashier::let_in(&town).await;
    let mut late = Vec::new();
    for _ in 0..3 {
        let sale = cashier.begin().await;
        let page = cashier.see(&sale).await;
        let code = page.code();
        let off = cashier.send(&page, &format!("{sale}/cancel"), &[]).await;
        assert_eq!(off.to, "/till/bar");
        let page = cashier.see(&sale).await;
        assert!(page.text.contains("Called off"), "{page:?}");
        page.shows_no_secret(&code);
        town.pay("sara", &code).await;
        // Before a new code is shown for the same sale, the old one is looked at once more.
        let again = cashier.send(&page, &format!("{sale}/again"), &[]).await;
        assert_eq!(again.to, sale);
        let page = cashier.until(&sale, "Paid after it was called off").await;
        page.shows_no_secret(&code);
        late.push((sale, page));
    }
    cashier.language = "it";
    let home = cashier.see("/till/bar").await;
    assert!(
        home.text.contains("pagata dopo l’annullamento: decidi"),
        "{home:?}"
    );
    assert!(
        cashier
            .see(&late[0].0)
            .await
            .text
            .contains("Qualcosa per la prossima volta")
    );
    cashier.language = "en";
    let today = cashier.see("/till/bar/sales").await;
    let listed = today.text.matches("paid after it was called off: decide");
    assert_eq!(listed.count(), 3, "{today:?}");
    let [(given, page), (other, another), (none, nothing)] = late.try_into().unwrap();
    let settled = cashier
        .send(
            &page,
            &format!("{given}/resolve"),
            &[("reference", "voucher 17")],
        )
        .await;
    assert_eq!(settled.to, given);
    assert!(
        cashier
            .see(&given)
            .await
            .text
            .contains("something else was given")
    );
    let wrong = cashier
        .send(&another, &format!("{other}/replace"), &[("total", "x")])
        .await;
    assert!(
        wrong.status == 422 && wrong.text.contains("That is no total"),
        "{wrong:?}"
    );
    let replaced = cashier
        .send(&another, &format!("{other}/replace"), &[("total", "9.00")])
        .await;
    assert_eq!(replaced.to, other);
    let page = cashier.until(&other, "Take €2.00 off").await;
    assert!(page.text.contains("€7.00"), "{page:?}");
    let wordy = "x".repeat(501);
    let wordy = [("as", "recorded"), ("note", wordy.as_str())];
    let refused = cashier
        .send(&nothing, &format!("{none}/resolve"), &wordy)
        .await;
    assert_eq!(refused.status, 409, "{refused:?}");
    let page = cashier.see(&none).await;
    assert!(
        page.text.contains("Paid after it was called off"),
        "{page:?}"
    );
    let fields = [("as", "recorded"), ("note", "they <b>left</b> \"late\"")];
    let recorded = cashier
        .send(&nothing, &format!("{none}/resolve"), &fields)
        .await;
    assert_eq!(recorded.to, none);
    let page = cashier.see(&none).await;
    assert!(
        page.text.contains("nothing was given")
            && page
                .text
                .contains("they &lt;b&gt;left&lt;/b&gt; &quot;late&quot;"),
        "{page:?}"
    );
    town.stop().await;
}

#[tokio::test]
async fn a_code_that_ran_out_is_shown_no_more_and_a_new_one_can_be_made() {
    let clock = Arc::new(Later::default());
    let town = Town::with(RegistryOptions::new(), clock.clone()).await;
    let cashier = Cashier::let_in(&town).await;
    let sale = cashier.begin().await;
    let code = cashier.see(&sale).await.code();
    clock.minutes(6);
    cashier.see(&sale).await.shows_no_secret(&code);
    let page = cashier.until(&sale, "Not paid in time").await;
    page.shows_no_secret(&code);
    let again = cashier.send(&page, &format!("{sale}/again"), &[]).await;
    assert_ne!(again.to, sale);
    let new = cashier.see(&again.to).await.code();
    assert_ne!(new["link"], code["link"]);
    // A browser stays signed in for a month.
    clock.minutes(29 * 24 * 60);
    assert_eq!(cashier.see("/till/bar").await.status, 200);
    clock.minutes(24 * 60);
    assert_eq!(cashier.see("/till/bar").await.status, 401);
    town.stop().await;
}

#[tokio::test]
async fn a_sale_that_is_paid_and_does_not_take_place_is_made_good() {
    let town = Town::new().await;
    town.earn("sara", 20).await;
    let cashier = Cashier::let_in(&town).await;
    let sale = cashier.begin().await;
    town.pay("sara", &cashier.see(&sale).await.code()).await;
    let page = cashier.until(&sale, "Take €2.00 off").await;
    cashier.send(&page, &format!("{sale}/off"), &[]).await;
    let page = cashier.see(&sale).await;
    assert!(
        page.text.contains("Paid after it was called off")
            && page.text.contains("WOM cannot be given back"),
        "{page:?}"
    );
    town.stop().await;
}

/// While the Registry is away the page says so and loses nothing, and goes on when it is back.
#[tokio::test]
async fn without_a_connection_the_cashier_is_told_and_nothing_is_lost() {
    let mut town = Town::new().await;
    town.earn("sara", 40).await;
    let cashier = Cashier::let_in(&town).await;
    let shown = cashier.begin().await;
    let code = cashier.see(&shown).await.code();
    town.registry.down().await.unwrap();
    let page = cashier.until(&shown, "No connection to the Registry").await;
    assert_eq!(page.code(), code);
    let entry = cashier.see("/till/bar/new/coffee").await;
    let begun = cashier
        .send(&entry, "/till/bar/sales", &[("total", "5")])
        .await;
    let page = cashier.see(&begun.to).await;
    assert!(page.text.contains("The code is being made"), "{page:?}");
    assert!(page.text.contains("data-again"), "{page:?}");
    town.registry.up().await.unwrap();
    town.pay("sara", &code).await;
    cashier.until(&shown, "Take €2.00 off").await;
    let again = format!("{}/again", begun.to);
    let page = until(async || {
        cashier.send(&page, &again, &[]).await;
        let page = cashier.see(&begun.to).await;
        page.text.contains("Payable for").then_some(page)
    })
    .await;
    assert!(!page.text.contains("No connection"), "{page:?}");
    town.pay("sara", &page.code()).await;
    cashier.until(&begun.to, "Take €2.00 off").await;
    town.stop().await;
}

#[tokio::test]
async fn the_page_answers_to_nobody_else() {
    let town = Town::new().await;
    let mut stranger = Cashier::stranger(&town);
    for path in [
        "/till",
        "/till/bar",
        "/till/bar/report/wom-report.csv",
        "/till/bar/wait",
    ] {
        let page = stranger.see(path).await;
        assert!(
            page.status == 401 && page.text.contains("Who are you?"),
            "{page:?}"
        );
    }
    // A wrong code ten times: then none is looked at for a while.
    assert_eq!(stranger.enter("AAAA-AAAA").await.status, 401);
    assert_eq!(stranger.enter(town.token("reader")).await.status, 401);
    // A token is good for the shops of its POS.
    assert_eq!(stranger.enter(town.token("chain")).await.status, 303);
    let page = stranger.see("/till").await;
    assert!(
        page.text.contains("There is no shop for you here"),
        "{page:?}"
    );
    assert_eq!(stranger.see("/till/bar").await.status, 404);
    let mut bearer = Cashier::stranger(&town);
    bearer.enter(town.token("bar")).await;
    assert_eq!(bearer.see("/till").await.to, "/till/bar");

    let cashier = Cashier::let_in(&town).await;
    let entry = cashier.see("/till/bar/new/coffee").await;
    let fields = entry.fields("/till/bar/sales");
    let fields: Vec<_> = fields
        .into_iter()
        .chain([("total".to_owned(), "9".to_owned())])
        .collect();
    let bar = town.shops.named("bar").unwrap();
    let sales = async || {
        bar.shop()
            .sales(wom_sdk::store::Which::All, None, 10)
            .await
            .unwrap()
            .len()
    };
    // From another page of the same browser: with the cookie, and even with the right mark.
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", ""] {
        let form = cashier
            .form("/till/bar/sales")
            .header("origin", origin)
            .form(&fields);
        assert_eq!(
            form.send().await.unwrap().status(),
            StatusCode::FORBIDDEN,
            "{origin}"
        );
    }
    let no_origin = cashier.form("/till/bar/sales").form(&fields);
    assert_eq!(
        no_origin.send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    // Without the mark, or with that of another session.
    let other = bearer
        .see("/till/bar/new/coffee")
        .await
        .fields("/till/bar/sales");
    for wrong in [&fields[1..], &other[..]] {
        let form = cashier
            .form("/till/bar/sales")
            .header("origin", &town.url)
            .form(wrong);
        assert_eq!(form.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    }
    // By a name that somebody lets lead to this machine.
    let rebound = cashier.with_cookie(cashier.http.get(format!("{}/till/bar", town.url)));
    let rebound = rebound
        .header("host", "evil.example:80")
        .send()
        .await
        .unwrap();
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN);
    assert_eq!(sales().await, 0);
    let form = cashier
        .form("/till/bar/sales")
        .header("origin", &town.url)
        .form(&fields);
    assert_eq!(form.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    assert_eq!(sales().await, 1);

    // A token that was revoked opens nothing any more; neither does a cookie of nonsense.
    town.service.replace(
        wom_service::Tokens::default(),
        None,
        Some(town.shops.clone()),
    );
    assert_eq!(bearer.see("/till/bar").await.status, 401);
    assert_eq!(cashier.see("/till/bar").await.status, 200);
    let mut forged = Cashier::stranger(&town);
    forged.cookie = format!("{}A", cashier.cookie);
    assert_eq!(forged.see("/till/bar").await.status, 401);
    // Another language leads back to where one was, and nowhere else.
    let home = cashier.see("/till/bar").await;
    for (back, to) in [
        ("/till/bar/sales", "/till/bar/sales"),
        ("https://evil.example/till", "/till"),
        ("//evil.example/till", "/till"),
        ("/till\r\nset-cookie: a=b", "/till"),
    ] {
        let form = cashier
            .form("/till/language/it")
            .header("origin", &town.url)
            .form(&[("back", back)]);
        assert_eq!(Page::of(form.send().await.unwrap()).await.to, to);
    }
    // Signed out: the browser is told to forget.
    let form = cashier
        .form("/till/leave")
        .header("origin", &town.url)
        .form(&home.fields("/till/leave"));
    let out = form.send().await.unwrap();
    let cookie = out.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("wom_till=; ") && cookie.contains("Max-Age=0"));
    assert_eq!(out.headers()["location"], "/till");
    for _ in 0..10 {
        forged.enter("AAAA-AAAA").await;
    }
    let blocked = forged.enter(&town.code).await;
    assert!(blocked.text.contains("Too many wrong codes"), "{blocked:?}");
    town.stop().await;
}

#[tokio::test]
async fn who_was_let_in_may_no_more_than_the_token_may_now() {
    let town = Town::new().await;
    let mut cashier = Cashier::stranger(&town);
    cashier.enter(town.token("bar")).await;
    let entry = cashier.see("/till/bar/new/coffee").await;
    let begin = async || {
        let begun = cashier.send(&entry, "/till/bar/sales", &[("total", "9")]);
        begun.await.status
    };
    // The token is not good for checkouts any more.
    town.regrant("bar", |grant| grant["scopes"] = json!(["metrics"]));
    assert_eq!(cashier.see("/till/bar").await.status, 401);
    assert_eq!(cashier.see("/till/bar/report").await.status, 401);
    assert_eq!(begin().await, 401);
    // It is, and for another POS.
    town.regrant("bar", |grant| {
        grant["scopes"] = json!(["checkouts"]);
        grant["pos"] = json!(["chain/*"]);
    });
    assert_eq!(cashier.see("/till/bar").await.status, 404);
    assert_eq!(begin().await, 404);
    let bar = town.shops.named("bar").unwrap().shop();
    let sales = bar.sales(wom_sdk::store::Which::All, None, 1).await;
    assert_eq!(sales.unwrap(), []);
    // As it was.
    town.regrant("bar", |grant| grant["pos"] = json!(["bar"]));
    assert_eq!(cashier.see("/till/bar").await.status, 200);
    assert_eq!(begin().await, 303);
    town.stop().await;
}

#[tokio::test]
async fn a_sale_is_on_the_page_of_its_shop_only() {
    let town = Town::with_chain(Arc::new(Later::default())).await;
    let cashier = Cashier::let_in(&town).await;
    let sale = cashier.begin().await;
    let page = cashier.see(&sale).await;
    let elsewhere = sale.replace("/bar/", "/corner/");
    assert_eq!(cashier.see(&elsewhere).await.status, 404);
    for what in ["cancel", "off", "done", "again", "replace", "resolve"] {
        let form = cashier.form(&format!("{elsewhere}/{what}"));
        let form = form.header("origin", &town.url);
        let form = form.form(&page.fields(&format!("{sale}/cancel")));
        let refused = Page::of(form.send().await.unwrap()).await;
        assert!(refused.status >= 400, "{what}: {refused:?}");
    }
    assert_eq!(cashier.see(&sale).await.code(), page.code());
    town.stop().await;
}

/// Who waits hears at once, and what is wrong is refused with what to do.
#[tokio::test]
async fn who_waits_hears_of_a_payment_and_wrong_totals_are_told() {
    let town = Town::new().await;
    town.earn("sara", 20).await;
    let cashier = Cashier::let_in(&town).await;
    let entry = cashier.see("/till/bar/new/coffee").await;
    for total in ["", "x", "0", "1.234,50", "-5", "0.01"] {
        let page = cashier
            .send(&entry, "/till/bar/sales", &[("total", total)])
            .await;
        assert!(
            page.status == 422 && page.text.contains("role=\"alert\""),
            "{total}: {page:?}"
        );
    }
    let sale = cashier.begin().await;
    let page = cashier.see(&sale).await;
    let address = page
        .text
        .split("data-wait=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let address = address.replace("&amp;", "&");
    let paying = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        town.pay("sara", &page.code()).await;
    };
    let (heard, ()) = tokio::join!(cashier.see(&address), paying);
    assert_eq!((heard.status, heard.text.as_str()), (200, "new"));
    for path in [
        "/till/bar/new/no",
        "/till/bar/sales/00",
        "/till/nobody",
        "/till/bar/report/x",
    ] {
        assert_eq!(cashier.see(path).await.status, 404, "{path}");
    }
    town.stop().await;
}
