//! `wom serve` on several machines: folders that share nothing but two data bases.

use std::{fs, process::Child};

use serde_json::{Value, json};
use wom_sdk::{
    Clock as _, SystemClock, Zone,
    pocket::Pocket,
    registry::{PocketClient, RegistryClient},
};
use wom_store::testing::PgServer;

use crate::{
    service::{Served, ask_at, code, free_port, serve_by},
    town::Town,
};

const PEOPLE: usize = 12;

/// The second process, ended with the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// Another machine's folder: what an operator brings there, listening at another port.
fn folder(town: &Town, name: &str, ports: (u16, u16)) -> String {
    fs::create_dir(town.path(name)).unwrap();
    for file in ["local-source.pem", "db", "keys-db", "wom-tokens.json"] {
        fs::copy(town.path(file), town.path(&format!("{name}/{file}"))).unwrap();
    }
    let config = fs::read_to_string(town.path("wom.toml")).unwrap();
    let config = config.replace(&ports.0.to_string(), &ports.1.to_string());
    let path = format!("{name}/wom.toml");
    town.write(&path, &config);
    path
}

fn ride(person: usize) -> Value {
    let day = Zone::UTC.day(SystemClock.now().plus_millis(-86_400_000));
    let start = Zone::UTC.start_of(day).plus_millis(9 * 3_600_000);
    let minutes = i64::try_from(person).unwrap() + 10;
    json!([{
        "participant": format!("person {person}"), "activity": "cycling", "recording": "measured",
        "start": start.to_string(), "end": start.plus_millis(minutes * 60_000).to_string(),
    }])
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_share_a_data_base_of_keys_award_once_and_others_are_refused() {
    let Some(server) = PgServer::shared() else {
        return;
    };
    let town = Town::new().await;
    town.write("db", &server.database().await);
    town.write("keys-db", &server.database().await);
    fs::remove_file(town.path("wom-keys.json")).unwrap();
    town.configure("store = \"local.db\"", "database_url_file = \"db\"");
    town.configure(
        "key_store = \"wom-keys.json\"",
        "key_database_url_file = \"keys-db\"",
    );
    let (one, other) = (free_port(), free_port());
    town.configure(
        "[campaign]\n",
        &format!("[service]\nlisten = \"127.0.0.1:{one}\"\n[campaign]\n"),
    );
    let served = Served::over(town, one);
    let town = &served.town;
    let config = folder(town, "second", (one, other));
    let second = Other(serve_by(town, &config));

    // Nobody has a key of this month yet: both make it, at the same time, for the same people.
    let deliver = async |port: u16, person: usize| {
        let path = format!("http://127.0.0.1:{port}/activities?adapter=activity.json");
        let request = served.http.post(path).bearer_auth(&served.app);
        let answer = request.json(&ride(person)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    let wallet = Pocket::open(town.path("wallet.json")).unwrap();
    let client = PocketClient::new(RegistryClient::new(town.registry.url()).unwrap());
    let mut minutes = 0;
    for person in 0..PEOPLE {
        tokio::join!(deliver(one, person), deliver(other, person));
        let who = Some(json!({"namespace": "participant", "id": format!("person {person}")}));
        let (at_one, at_other) = tokio::join!(
            ask_at(&served, one, "/claims", who.clone()),
            ask_at(&served, other, "/claims", who)
        );
        assert_eq!(at_one, at_other, "each machine has a code of its own");
        let [claim] = at_one["claims"].as_array().unwrap().as_slice() else {
            panic!("one claim: {at_one}");
        };
        let (link, pin) = code(&claim["code"]);
        let redeemed = wallet.redeem(&client, &link, &pin, None).await.unwrap();
        minutes += redeemed.vouchers;
    }
    let given: usize = (0..PEOPLE).map(|person| person + 10).sum();
    assert_eq!(minutes as usize, given);
    let books = town.registry.books().await.unwrap().total;
    assert_eq!((books.issued, books.redeemed), (given as u64, given as u64));

    // A machine with keys of its own, in a file or in another data base, is sent away.
    let config = folder(town, "third", (one, free_port()));
    let url = server.database().await;
    town.write("third/keys-db", &url);
    assert_eq!(
        town.refused(&["serve", "--config", &config]),
        "store_mismatch"
    );
    town.done(&["init", "fourth"]);
    fs::remove_file(town.path("fourth/wom.toml")).unwrap();
    let keys = fs::read_to_string(town.path("fourth/wom-keys.json")).unwrap();
    fs::remove_dir_all(town.path("fourth")).unwrap();
    let config = folder(town, "fourth", (one, free_port()));
    town.write("fourth/wom-keys.json", &keys);
    let text = fs::read_to_string(town.path(&config)).unwrap();
    let text = text.replace(
        "key_database_url_file = \"keys-db\"",
        "key_store = \"wom-keys.json\"",
    );
    town.write(&config, &text);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(town.path("fourth/wom-keys.json"), private).unwrap();
    }
    assert_eq!(
        town.refused(&["serve", "--config", &config]),
        "store_mismatch"
    );

    // The awards' own data base takes no keys.
    fs::copy(town.path("second/db"), town.path("second/keys-db")).unwrap();
    drop(second);
    let refused = town.refused(&["serve", "--config", "second/wom.toml"]);
    assert_eq!(refused, "configuration_invalid");
}

/// The keys of codes go by the day, once no award of a store needs them: another store would lose its
/// codes by that.
#[tokio::test(flavor = "multi_thread")]
async fn instruments_with_stores_of_their_own_have_keys_of_their_own() {
    let town = Town::new().await;
    let port = free_port();
    let config = fs::read_to_string(town.path("wom.toml")).unwrap();
    let other = config
        .replace("name = \"my-campaign\"", "name = \"other\"")
        .replace("\"local.db\"", "\"other.db\"");
    town.write("other.toml", &other);
    town.configure(
        "[campaign]\n",
        &format!(
            "[service]\nlisten = \"127.0.0.1:{port}\"\nprogrammes = [\"other.toml\"]\n[campaign]\n"
        ),
    );
    assert_eq!(town.refused(&["serve"]), "configuration_invalid");
    town.done(&["init", "keys"]);
    town.write(
        "other.toml",
        &other.replace("\"wom-keys.json\"", "\"keys/wom-keys.json\""),
    );
    drop(Other(serve_by(&town, "wom.toml")));
}
