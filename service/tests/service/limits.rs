use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::town::{Answer, BIKES, Town};

#[tokio::test]
async fn strangers_learn_nothing() {
    let town = Town::new().await;
    for header in [
        None,
        Some("Bearer"),
        Some("Bearer wom_x"),
        Some("Basic d29tOng="),
        Some("Bearer "),
    ] {
        for (method, path) in [
            ("GET", "/metrics"),
            ("GET", "/awards/0"),
            ("POST", "/awards"),
            ("POST", "/checkouts"),
            ("POST", "/claims"),
        ] {
            let method = method.parse().unwrap();
            let mut request = town.http().request(method, format!("{}{path}", town.url));
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = Answer::of(request.send().await.unwrap()).await;
            answer.refused(401, "access_denied");
        }
    }
    for path in ["/", "/in/nobody", "/awards/1/2/3", "/%00"] {
        let request = town.http().post(format!("{}{path}", town.url));
        Answer::of(request.send().await.unwrap())
            .await
            .refused(404, "input_invalid");
    }
    let request = town.http().put(format!("{}/awards", town.url));
    Answer::of(request.send().await.unwrap())
        .await
        .refused(405, "input_invalid");
    town.get(BIKES, "/health").await.ok(200);
    town.stop().await;
}

#[tokio::test]
async fn bodies_are_bounded() {
    let town = Town::new().await;
    let send = async |path: &str, kind: &str, size: usize| {
        let request = town
            .http()
            .post(format!("{}{path}", town.url))
            .bearer_auth(town.token(BIKES))
            .header("idempotency-key", "k")
            .header("content-type", kind)
            .body(vec![b' '; size]);
        Answer::of(request.send().await.unwrap()).await
    };
    let json = "application/json";
    send("/awards", json, 65_537)
        .await
        .refused(413, "limit_exceeded");
    send("/awards", "text/plain", 10)
        .await
        .refused(400, "input_invalid");
    let file = "application/octet-stream";
    let path = "/activities?adapter=activity.json";
    send(path, file, 30 << 20)
        .await
        .refused(413, "limit_exceeded");
    town.stop().await;
}

/// Says so much over a connection of its own, and gives what comes back until it is closed.
async fn say(town: &Town, text: &str) -> String {
    let address = town.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(60), read)
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn who_dawdles_or_talks_nonsense_is_cut_off() {
    let town = Town::new().await;
    let long = format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("GET /health HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100));
    let slow = "POST /awards HTTP/1.1\r\nhost: x\r\n".to_owned();
    for (text, begins) in [
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (long, "HTTP/1.1 431"),
        (many, "HTTP/1.1 431"),
        (slow, ""),
    ] {
        let answer = say(&town, &text).await;
        assert!(answer.starts_with(begins), "{answer}");
    }
    town.get(BIKES, "/health").await.ok(200);
    town.stop().await;
}

#[tokio::test]
async fn the_numbers_tell_states_and_no_names() {
    let town = Town::new().await;
    town.get(BIKES, "/awards/0123")
        .await
        .refused(404, "input_invalid");
    let numbers = town.get("reader", "/metrics").await.ok(200);
    let numbers = numbers.as_str().unwrap();
    assert!(
        numbers.contains("wom_uncollected_minutes{instrument=\"bikes\"} 0\n"),
        "{numbers}"
    );
    let counted =
        "wom_http_answers_total{method=\"GET\",route=\"/awards/{id}\",status=\"404\"} 1\n";
    assert!(numbers.contains(counted), "{numbers}");
    assert!(!numbers.contains("0123"), "{numbers}");
    town.get("bar", "/metrics")
        .await
        .refused(403, "access_denied");
    town.stop().await;
}

#[tokio::test]
async fn a_token_that_was_revoked_is_worth_nothing_at_once() {
    let town = Town::new().await;
    town.get("reader", "/metrics").await.ok(200);
    town.service
        .replace(wom_service::Tokens::default(), None, None);
    town.get("reader", "/metrics")
        .await
        .refused(401, "access_denied");
    town.get("bar", "/checkouts/0")
        .await
        .refused(401, "access_denied");
    town.stop().await;
}
