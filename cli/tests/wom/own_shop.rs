//! A town's own `wom`, which knows a till system that ours does not.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use wom_catalog::{Catalog, Form, MerchantEntry, Setting};
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Cursor, Info, Proven},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderLine},
    pocket::Pocket,
    registry::{PocketClient, RegistryClient},
};

use crate::{
    service::{code, free_port},
    town::Town,
};

const INFO: Info = Info {
    name: "town.market",
    summary: "The stalls of the market",
    rules: "",
    proven: Proven::Documentation,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    stall: u32,
}

/// The market's own books: each order is 10.00 until a discount is on it.
#[derive(Debug)]
struct Market {
    stall: u32,
    lines: Arc<Mutex<Vec<OrderLine>>>,
}

fn capabilities() -> MerchantCapabilities {
    let mut offers = MerchantCapabilities::NONE;
    (offers.apply, offers.changes_open_orders) = (true, true);
    offers
}

#[async_trait]
impl Merchant for Market {
    fn info(&self) -> Info {
        INFO
    }

    fn capabilities(&self) -> MerchantCapabilities {
        capabilities()
    }

    async fn orders(&self, _: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Err(Error::new(Kind::Unsupported, "it lists no orders"))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        if order.0 != format!("stall {} bill 1", self.stall) {
            return Err(Error::new(Kind::InputInvalid, "no order of this stall"));
        }
        let mut lines = vec![OrderLine {
            text: "olives".to_owned(),
            amount: 1_000,
            reference: None,
        }];
        lines.extend(self.lines.lock().unwrap().clone());
        Ok(Order {
            id: order.clone(),
            version: lines.len().to_string(),
            total: lines.iter().map(|line| line.amount).sum(),
            lines,
            currency: "EUR".to_owned(),
            open: true,
        })
    }

    async fn find(&self, _: &str) -> Result<Option<OrderId>> {
        Ok(None)
    }

    async fn apply(&self, _: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let mut lines = self.lines.lock().unwrap();
        if lines.is_empty() {
            lines.push(OrderLine {
                text: "WOM".to_owned(),
                amount: -discount.of(1_000),
                reference: Some(key.to_owned()),
            });
        }
        Ok(Applied::Applied {
            reference: key.to_owned(),
        })
    }

    async fn revoke(&self, _: &OrderId, _: &str) -> Result<()> {
        Err(Error::new(Kind::Unsupported, "it takes nothing back"))
    }
}

/// Our catalogue with the market in it, whose books are these.
fn catalog(books: &Arc<Mutex<Vec<OrderLine>>>) -> Catalog {
    let books = Arc::clone(books);
    let make = move |Config { stall }| {
        let lines = Arc::clone(&books);
        Ok(Arc::new(Market { stall, lines }) as Arc<dyn Merchant>)
    };
    let settings = vec![Setting::new("stall", Form::Whole, "Which stall").default_is("0")];
    let entry = MerchantEntry::new(INFO, capabilities(), settings, make);
    let mut catalog = Catalog::standard();
    catalog.register_merchant(entry).unwrap();
    catalog
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_of_a_town_is_named_in_the_configuration_and_serves_a_sale() {
    let town = Town::new().await;
    let pos = town.registry.add_pos("Market", "Stall 7").await.unwrap();
    town.write("stall.pem", &pos.key.to_pkcs1_pem());
    let list = format!("name,pos,key_file\nstall,{},stall.pem\n", pos.id);
    town.write("pos.csv", &list);
    let (port, registry) = (free_port(), town.registry.url());
    let served = format!(
        "key_store = \"wom-keys.json\"\n\
         [service]\nlisten = \"127.0.0.1:{port}\"\n\
         [pos]\nregistry = \"{registry}\"\nlist = \"pos.csv\"\nstore = \"pos.db\"\n"
    );
    town.write("shop.toml", &served);
    let add = "token add till --config shop.toml --scope checkouts --pos *";
    let token = town.done(&add.split(' ').collect::<Vec<_>>())[0]["token"].clone();
    let shop = format!(
        "{served}\n[shops.market]\npos = \"stall\"\nmerchant = \"town.market\"\nstall = 7\n\
         [shops.market.offers.olives]\ntitle = \"2.00 off\"\namount = 15\n\
         discount.amount = \"2.00\"\n"
    );
    town.write("shop.toml", &shop);
    assert_eq!(
        town.refused(&["serve", "--config", "shop.toml"]),
        "configuration_invalid",
        "ours does not know the market"
    );

    let books = Arc::default();
    let own = catalog(&books);
    assert!(own.merchants().any(|entry| entry.info == INFO));
    let config = town.path("shop.toml");
    let program = std::thread::spawn(move || {
        let args = ["wom", "--json", "serve", "--config"].map(Into::into);
        wom_cli::run_with(&own, args.into_iter().chain([config.into()]))
    });

    let ticket = town.done(&[
        "award",
        "--registry",
        registry,
        "--source",
        &town.instrument.id.to_string(),
        "--key",
        "local-source.pem",
        "--aim",
        "H",
        "--minutes",
        "20",
        "--at",
        "43.7263,12.6366",
        "--award-key",
        "harvest",
        "--state",
        "awards.db",
    ]);
    let pocket = Pocket::open(town.path("wallet.json")).unwrap();
    let client = PocketClient::new(RegistryClient::new(registry).unwrap());
    let (link, pin) = code(&ticket[0]);
    pocket.redeem(&client, &link, &pin, None).await.unwrap();

    let http = Client::builder().no_proxy().build().unwrap();
    let url = format!("http://127.0.0.1:{port}/shops/market/sales");
    let token = token.as_str().unwrap();
    let ask = async |order: &str| {
        let asked = json!({"order": order, "offer": "olives"});
        loop {
            match http.post(&url).bearer_auth(token).json(&asked).send().await {
                Ok(answer) => return answer.json::<Value>().await.unwrap(),
                // It is about to listen.
                Err(_) if !program.is_finished() => {
                    tokio::time::sleep(Duration::from_millis(50)).await
                }
                Err(error) => panic!("the program ended: {error}"),
            }
        }
    };
    let other = ask("stall 8 bill 1").await;
    assert_eq!(other["code"], "input_invalid", "another stall's: {other}");
    let sale = ask("stall 7 bill 1").await;
    let (link, pin) = code(&sale["code"]);
    pocket.pay(&client, &link, &pin).await.unwrap();
    let one = format!("{url}/{}?wait=30", sale["id"].as_str().unwrap());
    let answer = http.get(one).bearer_auth(token).send().await.unwrap();
    let sale: Value = answer.json().await.unwrap();
    assert_eq!(sale["given"], 200, "{sale}");
    let lines = books.lock().unwrap();
    assert_eq!((lines.len(), lines[0].amount), (1, -200));
}
