//! `wom serve` over an instrument and a till.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use serde_json::Value;
use wom_sdk::webhook::Secret;

use crate::town::Town;

/// A service that runs until it is dropped.
pub struct Serving {
    pub town: Town,
    pub url: String,
    /// Good for everything that the instrument, and the till and the shop `bar`, can do.
    pub token: String,
    /// Of the webhook that is told of payments.
    pub secret: Secret,
    process: Child,
}

impl Serving {
    /// `listener` is the address of what is told of payments.
    pub async fn new(listener: &str) -> Self {
        let town = Town::new().await;
        let pos = town.registry.add_pos("Bar", "Till").await.unwrap();
        town.write("bar.pem", &pos.key.to_pkcs1_pem());
        town.write(
            "pos.csv",
            &format!("name,pos,key_file\nbar,{},bar.pem\n", pos.id),
        );
        let secret = Secret::random();
        town.write("secret", &secret.reveal());
        let config = fs::read_to_string(town.path("wom.toml")).unwrap();
        let registry = town.registry.url();
        let tables = format!(
            "\n[service]\nlisten = \"127.0.0.1:0\"\n\n[pos]\nregistry = \"{registry}\"\nlist = \"pos.csv\"\n\
             store = \"pos.db\"\n\n[pos.webhook]\nurl = \"{listener}\"\nsecret_files = [\"secret\"]\n\
             danger_allow_private = [\"127.0.0.1\"]\n\n[shops.bar]\npos = \"bar\"\nmerchant = \"pos.manual\"\n\n\
             [shops.bar.offers.coffee]\ntitle = \"2.00 off\"\namount = 15\ndiscount.amount = \"2.00\"\n"
        );
        town.write("wom.toml", &(config + &tables));
        let mut add = vec!["token", "add", "all", "--pos", "bar"];
        for scope in [
            "awards",
            "activities",
            "claims",
            "subjects",
            "checkouts",
            "metrics",
        ] {
            add.extend(["--scope", scope]);
        }
        let token = town.done(&add)[0]["token"].as_str().unwrap().to_owned();
        let mut process = town
            .wom(&["serve"])
            .env("WOM_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        Self {
            url: ready["url"].as_str().unwrap().to_owned(),
            token,
            secret,
            process,
            town,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
