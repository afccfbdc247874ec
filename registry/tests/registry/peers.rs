//! Other people's software against this Registry.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use wom_sdk::protocol::{Otc, Pin, SessionKey};

use crate::common::*;

/// The published Python connector awards and charges, and a wallet redeems and pays: with keys of
/// 4096 bits, as in the field.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the package wom-connector: see tests/peers/python_connector.py"]
async fn peers_python_connector() {
    let python = std::env::var("WOM_PEER_PYTHON")
        .expect("WOM_PEER_PYTHON names a Python with wom-connector");
    let world = World::with(|options| options.key_bits = 4096).await;
    let client = &world.client;
    let given = json!({
        "domain": world.registry.url().trim_start_matches("http://"),
        "sourceId": world.instrument.id,
        "sourceKey": *world.instrument.key.to_pkcs1_pem(),
        "posId": world.pos.id,
        "posKey": *world.pos.key.to_pkcs1_pem(),
    });
    let answer = tokio::task::spawn_blocking(move || run(&python, &given))
        .await
        .unwrap();
    let code = |name: &str| -> (Otc, Pin) {
        let text = |at: usize| answer[name][at].as_str().unwrap();
        (
            text(0).parse().unwrap(),
            Pin::from_registry(text(1)).unwrap(),
        )
    };

    let (otc, pin) = code("vouchers");
    let session = SessionKey::random();
    let purse = redeemed(&session, &client.redeem(&otc, &pin, &session).await).vouchers;
    assert_eq!(purse.len(), 55);
    let (otc, pin) = code("located");
    assert_eq!(pin.reveal(), "4821");
    let answer = client.redeem(&otc, &pin, &session).await;
    assert_eq!(answer.problem(), (400, "location-not-provided".into()));

    let (otc, pin) = code("payment");
    let info = client.info(&otc, &pin).await.unwrap();
    assert_eq!(
        (info.amount, info.filter.unwrap().max_age()),
        (12, Some(14))
    );
    assert_eq!(client.confirm(&otc, &pin, &purse[..12]).await.status, 200);
    assert!(client.status(&world.pos, &otc).await.has_been_performed);
    let total = world.registry.books().await.unwrap().total;
    assert_eq!((total.issued, total.redeemed, total.spent), (58, 55, 12));
}

fn run(python: &str, given: &Value) -> Value {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/peers/python_connector.py"
    );
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(given.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}
