//! The page for cashiers: with the keyboard alone, with fingers, in both languages.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use wom_registry::RegistryOptions;
use wom_sdk::{sale::State, store::Which};

use super::{
    Later, pin_in,
    remote::{Browser, Read},
};
use crate::{
    cashier::Cashier,
    town::{Town, until},
};

/// Lets the browser in, as a cashier does.
async fn enter(browser: &mut Browser, town: &Town) {
    assert_eq!(browser.open(&format!("{}/till", town.url)).await, 401);
    browser.keys(&town.code.to_lowercase()).await;
    browser.key("Enter").await;
}

/// What the customer's phone reads off the screen.
async fn code(browser: &mut Browser, page: &Read, name: &str) -> Value {
    json!({"link": browser.scan(name).await, "pin": pin_in(page)})
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the packages of tests/browser: ./test --all has them"]
async fn browser_till_with_the_keyboard_alone() {
    let town = Town::new().await;
    town.earn("sara", 40).await;
    let mut browser = Browser::at_till("en-GB", false);
    browser.open(&format!("{}/till", town.url)).await;
    browser.look("enter").await;
    enter(&mut browser, &town).await;
    let home = browser.read().await;
    assert_eq!(
        (home.language.as_str(), home.title.as_str()),
        ("en", "Bar Ducale · WOM")
    );
    browser.look("offers").await;

    browser.key("1").await;
    browser.keys("12.50").await;
    browser.look("total").await;
    browser.reload().await;
    browser.keys("12.50").await;
    browser.enter().await;
    let page = browser.read().await;
    assert_eq!(page.title, "15 WOM for €2.00 off · WOM");
    let shown = code(&mut browser, &page, "QR code to pay").await;
    browser.look("code").await;
    town.pay("sara", &shown).await;
    browser.says("Take €2.00 off").await;
    let page = browser.read().await;
    assert!(
        !page.tree.contains(
            &shown["pin"]
                .as_str()
                .unwrap()
                .chars()
                .map(|digit| format!("{digit} "))
                .collect::<String>()
        ),
        "{}",
        page.tree
    );
    assert!(
        !page.tree.contains(shown["link"].as_str().unwrap()),
        "{}",
        page.tree
    );
    browser.look("paid").await;
    browser.reload().await;
    browser.enter().await;
    browser.says("€2.00 off: done").await;
    browser.look("done").await;
    browser.reload().await;
    browser.enter().await;
    assert_eq!(browser.read().await.title, "Bar Ducale · WOM");

    // Called off with Escape, and paid all the same: the cashier is told, and settles it.
    browser.key("1").await;
    browser.keys("8").await;
    browser.enter().await;
    let page = browser.read().await;
    let shown = code(&mut browser, &page, "QR code to pay").await;
    browser.key("Escape").await;
    assert_eq!(browser.read().await.title, "Bar Ducale · WOM");
    town.pay("sara", &shown).await;
    // At once, not after the minute that the desk leaves it.
    let bar = town.shops.named("bar").unwrap();
    let lapsed = bar.shop().sales(Which::All, None, 10).await.unwrap();
    let lapsed = lapsed
        .into_iter()
        .find(|sale| sale.state == State::Lapsed)
        .unwrap();
    bar.desk().look(lapsed.checkout).await.unwrap();
    until(async || {
        let sale = bar
            .shop()
            .changed(&lapsed.order.as_ref().unwrap().id)
            .await
            .unwrap()
            .remove(0);
        matches!(sale.state, State::Late(_)).then_some(())
    })
    .await;
    browser.says("These wait for you").await;
    browser.look("late-home").await;
    browser
        .open(&format!(
            "{}/till/bar/sales/{}",
            town.url,
            lapsed.id.to_hex()
        ))
        .await;
    browser.look("late").await;
    browser.go("button", "Note it down").await;
    browser.look("over").await;
    browser.open(&format!("{}/till/bar/sales", town.url)).await;
    browser.look("today").await;
    browser.open(&format!("{}/till/bar/report", town.url)).await;
    browser.look("report").await;
    browser.close(&town.url).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the packages of tests/browser: ./test --all has them"]
async fn browser_till_with_fingers_in_italian() {
    let town = Town::new().await;
    town.earn("sara", 20).await;
    let mut browser = Browser::at_till("it-IT", true);
    browser.open(&format!("{}/till", town.url)).await;
    browser.look("enter-it").await;
    enter(&mut browser, &town).await;
    assert_eq!(browser.read().await.language, "it");
    browser.look("offers-it").await;
    browser
        .open(&format!("{}/till/bar/new/coffee", town.url))
        .await;
    for key in ["1", "9", "Cancella", "2", ",", "5", "0"] {
        browser.tap(key).await;
    }
    browser.look("total-it").await;
    browser.go("button", "Mostra il codice").await;
    let page = browser.read().await;
    assert_eq!(page.title, "15 WOM per 2,00\u{a0}€ in meno · WOM");
    let shown = code(&mut browser, &page, "Codice QR per pagare").await;
    browser.look("code-it").await;
    town.pay("sara", &shown).await;
    browser.says("Da pagare").await;
    let page = browser.read().await;
    assert!(page.tree.contains("10,50"), "{}", page.tree);
    browser.look("paid-it").await;
    browser.go("button", "Fatto: l’ho inserito (Invio)").await;
    let page = browser.read().await;
    assert!(
        page.tree.contains("Sconto WOM, 15 minuti (rif. "),
        "{}",
        page.tree
    );
    browser.look("done-it").await;
    // The other language, where one is.
    browser.go("button", "English").await;
    assert_eq!(browser.read().await.language, "en");
    browser.go("button", "Italiano").await;
    browser.open(&format!("{}/till/bar/report", town.url)).await;
    browser.look("report-it").await;
    browser.close(&town.url).await;
    town.stop().await;
}

/// The countdown ends, the Registry goes away and comes back: the page goes on by itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the packages of tests/browser: ./test --all has them"]
async fn browser_till_goes_on_by_itself() {
    let clock = Arc::new(Later::default());
    let mut town = Town::with(RegistryOptions::new(), clock.clone()).await;
    town.earn("sara", 20).await;
    let mut browser = Browser::at_till("it-IT", false);
    enter(&mut browser, &town).await;
    browser.key("1").await;
    browser.keys("12,50").await;
    browser.enter().await;
    town.registry.down().await.unwrap();
    browser.says("Nessuna connessione al Registry").await;
    browser.look("cut-it").await;
    town.registry.up().await.unwrap();
    // Somebody else calls it off at another browser of the till.
    let cashier = Cashier::let_in(&town).await;
    let bar = town.shops.named("bar").unwrap();
    let sale = bar
        .shop()
        .sales(Which::Open, None, 1)
        .await
        .unwrap()
        .remove(0);
    let path = format!("/till/bar/sales/{}", sale.id.to_hex());
    let page = cashier.see(&path).await;
    cashier.send(&page, &format!("{path}/cancel"), &[]).await;
    browser.says("Annullata").await;
    browser.look("called-off-it").await;
    browser
        .go("button", "Un nuovo codice per questa vendita")
        .await;
    let page = browser.read().await;
    let shown = code(&mut browser, &page, "Codice QR per pagare").await;
    // Its time passes: nothing of the code is left, and nobody touched the page.
    clock.minutes(6);
    browser.says("Non pagata in tempo").await;
    let page = browser.read().await;
    assert!(
        !page.tree.contains(shown["link"].as_str().unwrap()),
        "{}",
        page.tree
    );
    browser.look("ran-out-it").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    browser.close(&town.url).await;
    town.stop().await;
}
