//! The pages in a real Chromium.

mod remote;
mod till;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use wom_registry::RegistryOptions;
use wom_sdk::{Clock, SystemClock};

use crate::{
    claims::{sara, submit},
    later::Later,
    town::{BIKES, Town, days_ago, yesterday},
};
use remote::{Browser, Read, address};

/// A town whose Registry gives links of the platform, as the stock Pocket opens them.
async fn on_the_platform(clock: Arc<dyn Clock>) -> Town {
    Town::with(
        RegistryOptions::new().public_url("https://wom.social"),
        clock,
    )
    .await
}

async fn gives(town: &Town, record: Vec<u8>) {
    submit(town, BIKES, record).await.ok(200);
}

/// The PIN as it is read out.
fn pin_in(page: &Read) -> String {
    let spaced = |line: &&str| {
        let digits: Vec<_> = line.split(' ').collect();
        digits.len() == 4 && digits.iter().all(|digit| digit.len() == 1)
    };
    let lines = page.tree.lines();
    let told = lines.map(|line| {
        line.rsplit(": ")
            .next()
            .unwrap_or_default()
            .trim_matches('"')
    });
    let mut pins = told.filter(spaced);
    let pin = pins.next().unwrap_or_else(|| panic!("no PIN in {page:?}"));
    pin.replace(' ', "")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the packages of tests/browser: ./test --all has them"]
async fn browser_a_person_collects_into_the_pocket() {
    let town = on_the_platform(Arc::new(SystemClock)).await;
    gives(&town, yesterday("sara@example.org", 25)).await;
    let url = address(&town, BIKES, json!({"subject": sara()})).await;
    let mut browser = Browser::new("en-GB", true);

    assert_eq!(browser.open(&url).await, 200);
    let page = browser.read().await;
    assert_eq!(page.language, "en");
    assert_eq!(page.title, "25 minutes wait for you · WOM");
    assert!(page.tree.contains("Health and Wellbeing"), "{}", page.tree);
    browser.look("waiting").await;

    browser.go("button", "Collect").await;
    let page = browser.read().await;
    assert_eq!(page.title, "25 minutes for your Pocket · WOM");
    browser.look("code").await;
    let link = browser.href("Open in Pocket").await;
    assert!(link.starts_with("https://wom.social/vouchers/"), "{link}");
    assert_eq!(browser.scan("QR code of the link").await, link);
    let pin = pin_in(&page);
    browser.click("Copy the PIN", "Copied").await;
    assert_eq!(browser.clipboard().await, pin);

    let code = json!({"link": link, "pin": pin});
    assert_eq!(town.redeem("sara", &code).await, 25);
    browser.stays("It is in my Pocket").await;
    browser
        .tick("I see 25 minutes in my Pocket. They need not be shown here any more.")
        .await;
    browser.go("button", "It is in my Pocket").await;
    let page = browser.read().await;
    assert_eq!(page.title, "25 minutes already collected · WOM");
    assert!(!page.tree.contains(&link), "{}", page.tree);
    browser.look("collected").await;
    let claims = town.post(BIKES, "/claims", &sara()).await.ok(200);
    assert_eq!(claims, json!({"claims": []}));

    // More comes, and what was collected stands folded below it.
    gives(&town, days_ago("sara@example.org", 2, 1)).await;
    browser.open(&format!("{}/claim/{BIKES}", town.url)).await;
    let page = browser.read().await;
    assert_eq!(page.title, "1 minute waits for you · WOM");
    assert!(
        page.tree.contains("Already collected: 25 minutes"),
        "{}",
        page.tree
    );
    browser.look("more").await;
    browser.close(&town.url).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the packages of tests/browser: ./test --all has them"]
async fn browser_two_codes_and_a_long_list_in_italian() {
    let town = on_the_platform(Arc::new(SystemClock)).await;
    for day in 1..=9 {
        gives(&town, days_ago("sara@example.org", day, 10 + day)).await;
    }
    let body = json!({"subject": sara(), "language": "it"});
    let url = address(&town, BIKES, body).await;
    let mut browser = Browser::new("en-GB", true);
    browser.open(&url).await;
    let page = browser.read().await;
    assert_eq!(
        (page.language.as_str(), page.title.as_str()),
        ("it", "135 minuti ti aspettano · WOM")
    );
    assert!(
        page.tree.contains("Altri: 4") && page.tree.contains("Totale"),
        "{}",
        page.tree
    );
    browser.look("long-it").await;

    browser.go("button", "Riscuoti").await;
    gives(&town, days_ago("sara@example.org", 1, 30)).await;
    browser.open(&format!("{}/claim/{BIKES}", town.url)).await;
    let page = browser.read().await;
    assert!(
        page.tree.contains("E nel frattempo: 19 minuti"),
        "{}",
        page.tree
    );
    browser.look("code-and-more-it").await;
    browser.go("button", "Riscuoti").await;
    let page = browser.read().await;
    assert_eq!(page.title, "154 minuti per il tuo Pocket · WOM");
    for region in [
        "region \"Codice 1 di 2: 135 minuti\"",
        "region \"Codice 2 di 2: 19 minuti\"",
    ] {
        assert!(page.tree.contains(region), "{}", page.tree);
    }
    browser.look("two-codes-it").await;

    // The other language from now on, and with the keyboard alone.
    browser.go("button", "English").await;
    assert_eq!(browser.read().await.language, "en");
    assert_eq!(browser.tab(2).await, "Open in Pocket");
    let claims = town.post(BIKES, "/claims", &sara()).await.ok(200);
    let claims = claims["claims"].as_array().unwrap();
    let mut redeemed = 0;
    for claim in claims {
        redeemed += town.redeem("sara", &claim["code"]).await;
    }
    assert_eq!((claims.len(), redeemed), (2, 154));
    browser
        .tick("I see 154 minutes in my Pocket. They need not be shown here any more.")
        .await;
    browser.go("button", "It is in my Pocket").await;
    assert_eq!(
        browser.read().await.title,
        "154 minutes already collected · WOM"
    );
    browser.close(&town.url).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the packages of tests/browser: ./test --all has them"]
async fn browser_a_local_registry_and_no_scripts() {
    let town = Town::new().await;
    gives(&town, yesterday("sara@example.org", 40)).await;
    let url = address(&town, BIKES, json!({"subject": sara()})).await;
    let mut browser = Browser::new("it-IT", false);
    browser.open(&url).await;
    assert_eq!(browser.tab(2).await, "Riscuoti");
    browser.enter().await;
    let page = browser.read().await;
    assert_eq!(page.title, "40 minuti per il tuo Pocket · WOM");
    assert!(!page.tree.contains("Apri in Pocket"), "{}", page.tree);
    assert!(
        !page.tree.contains("Copia"),
        "a button that does nothing: {}",
        page.tree
    );
    let command = format!("redeem --registry {}", town.registry.url());
    assert!(page.tree.contains(&command), "{}", page.tree);
    let link = page
        .tree
        .split_whitespace()
        .find(|word| word.contains("/vouchers/"));
    let code = json!({"link": link.unwrap(), "pin": pin_in(&page)});
    assert_eq!(town.redeem("sara", &code).await, 40);
    // What looks needs scripts: the same page in another browser.
    let body = json!({"subject": sara()});
    let mut other = Browser::new("it-IT", true);
    other.open(&address(&town, BIKES, body).await).await;
    other.look("local-it").await;
    other.close(&town.url).await;
    browser
        .tick("Vedo 40 minuti nel mio Pocket. Qui non serve più mostrarli.")
        .await;
    browser.go("button", "È nel mio Pocket").await;
    assert_eq!(browser.read().await.title, "40 minuti già riscossi · WOM");
    browser.close(&town.url).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the packages of tests/browser: ./test --all has them"]
async fn browser_pages_that_cannot_be_shown_say_what_to_do() {
    let clock = Arc::new(Later::default());
    let town = on_the_platform(clock.clone()).await;
    let body: Value = json!({"subject": sara()});
    let url = address(&town, BIKES, body.clone()).await;
    let mut browser = Browser::new("en-GB", true);
    browser.open(&url).await;
    assert_eq!(browser.read().await.title, "Nothing waits yet · WOM");
    browser.look("nothing").await;
    assert_eq!(browser.open(&url).await, 410);
    let page = browser.read().await;
    assert_eq!(page.title, "This address was already opened · WOM");
    browser.look("used").await;

    let home = format!("{}/claim/{BIKES}", town.url);
    assert_eq!(browser.open(&format!("{home}/AAAA")).await, 404);
    browser.look("incomplete").await;
    let unopened = address(&town, BIKES, body).await;
    clock.minutes(29);
    assert_eq!(browser.open(&home).await, 200);
    clock.minutes(1);
    for over in [&home, &unopened] {
        assert_eq!(browser.open(over).await, 410);
        assert_eq!(browser.read().await.title, "This page has expired · WOM");
    }
    browser.look("expired").await;
    browser.close(&town.url).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the packages of tests/browser: ./test --all has them"]
async fn browser_a_registry_that_is_down_is_told() {
    let mut town = on_the_platform(Arc::new(SystemClock)).await;
    gives(&town, yesterday("sara@example.org", 5)).await;
    let url = address(&town, BIKES, json!({"subject": sara()})).await;
    let mut browser = Browser::new("en-GB", true);
    browser.open(&url).await;
    town.registry.down().await.unwrap();
    browser.go("button", "Collect").await;
    let preparing = "Your minutes are being prepared · WOM";
    assert_eq!(browser.read().await.title, preparing);
    browser.look("preparing").await;
    browser.go("button", "Ask again now").await;
    assert_eq!(browser.read().await.title, preparing);
    // Once it is back the page comes to the code by itself.
    town.registry.up().await.unwrap();
    let ends = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let title = browser.read().await.title;
        if title == "5 minutes for your Pocket · WOM" {
            break;
        }
        // It may be asking at this very moment.
        assert!(
            title == preparing || title.starts_with("Loading "),
            "{title}"
        );
        assert!(tokio::time::Instant::now() < ends, "it does not ask again");
    }
    browser.unfold("No Pocket yet?").await;
    browser.look("no-pocket").await;
    browser.close(&town.url).await;
    town.stop().await;
}
