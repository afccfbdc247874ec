//! Fuzz targets: each takes any bytes and panics where a promise about foreign bytes is broken.
//! A driver calls them with mutated seeds.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Kind, Timestamp,
    protocol::{
        Aim, ApiKey, Otc, Pin, PosId, Position, PrivateKey, Problem, PublicKey, SessionKey,
        SourceId, VoucherId, VoucherSecret, aes, from_response,
        json::{self, Layer, Limits},
        message::{
            AimList, ConfirmAnswer, ConfirmRequest, CreateAnswer, CreateBody, CreateReceived,
            InfoAnswer, InfoRequest, IssueReceived, IssueRequest, RedeemAnswer, RedeemRequest,
            RegisterAnswer, RegisterBody, RegisterRequest, SealedBody, StatusAnswer, StatusBody,
            StatusRequest, VerifyRequest,
        },
        parse_link_or_otc, rsa,
    },
    webhook::{self, Scheme},
};

static KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::generate(2048).expect("2048 bits is a size that is made"));

/// Keys in PEM and DER: nothing but a key or a clear refusal, and a key that is read can be
/// written and read again.
pub fn fuzz_keys(data: &[u8]) {
    if let Ok(key) = PrivateKey::from_bytes(data, None) {
        let again = PrivateKey::from_pem(&key.to_pkcs1_pem(), None);
        assert!(again.is_ok_and(|again| again.public() == key.public()));
    }
    // A passphrase costs work by design: only the refusals before it are of interest here.
    if data.len() < 64 {
        let _ = PrivateKey::from_bytes(data, Some("x"));
    }
    let public = match std::str::from_utf8(data) {
        Ok(text) => PublicKey::from_pem(text),
        Err(_) => PublicKey::from_der(data),
    };
    if let Ok(key) = public {
        assert!(PublicKey::from_pem(&key.to_pem()).is_ok_and(|again| again == key));
    }
}

/// RSA payloads, as base64 text and as blocks: one error for all that is not whole blocks, and no
/// error for blocks, whatever is in them.
pub fn fuzz_rsa_open(data: &[u8]) {
    let opened = std::str::from_utf8(data).map(|text| rsa::open(&KEY, text, 2));
    if let Ok(Err(error)) = opened {
        assert_eq!(error.kind(), Kind::PayloadInvalid);
    }
    let mut block = data.to_vec();
    block.resize(KEY.size_bytes(), 0);
    let payload = STANDARD.encode(&block);
    let first = rsa::open(&KEY, &payload, 1);
    let second = rsa::open(&KEY, &payload, 1);
    assert!(matches!((first, second), (Ok(first), Ok(second)) if first == second));
}

/// Session payloads, as base64 text and as bytes.
pub fn fuzz_aes_open(data: &[u8]) {
    let key = SessionKey::from_base64("ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=")
        .expect("44 characters that carry 32 bytes");
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = aes::open(&key, text);
    }
    if let Err(error) = aes::open(&key, &STANDARD.encode(data)) {
        assert_eq!(error.kind(), Kind::PayloadInvalid);
    }
}

/// The JSON reader on both layers: what the strict reader takes it takes too, and what it read it
/// reads again.
pub fn fuzz_json(data: &[u8]) {
    let limits = Limits::default();
    for layer in [Layer::Outer, Layer::Inner] {
        if let Ok(value) = json::parse(data, layer, limits) {
            let again = json::parse(value.to_string().as_bytes(), layer, limits);
            // What was written in fewer bytes than its plain form may pass the limit now.
            assert!(again.is_ok_and(|again| again == value) || data.len() > limits.bytes / 8);
        }
    }
    if data.len() < 32 && serde_json::from_slice::<serde_json::Value>(data).is_ok() {
        assert!(json::parse(data, Layer::Outer, limits).is_ok());
    }
}

/// Every message, sealed or not: a message that was read is written and read to the same.
pub fn fuzz_messages(data: &[u8]) {
    macro_rules! sealed {
        ($($message:ty),+) => {$(
            if let Ok(message) = <$message>::from_inner(data) {
                let again = <$message>::from_inner(message.to_json().as_bytes());
                assert!(again.is_ok_and(|again| again == message), stringify!($message));
            }
        )+};
    }
    macro_rules! bodies {
        ($($body:ty),+) => {$(
            if let Ok(body) = <$body>::from_outer(data) {
                let again = <$body>::from_outer(body.to_json().as_bytes());
                assert!(again.is_ok_and(|again| again == body), stringify!($body));
            }
        )+};
    }
    sealed!(
        CreateAnswer,
        VerifyRequest,
        RedeemRequest,
        RedeemAnswer,
        RegisterRequest,
        RegisterAnswer,
        InfoRequest,
        InfoAnswer,
        ConfirmRequest,
        ConfirmAnswer,
        StatusRequest,
        StatusAnswer
    );
    bodies!(CreateBody, RegisterBody, StatusBody, SealedBody, AimList);
    if let Ok(received) = CreateReceived::from_inner(data) {
        let _ = received.check();
    }
    if let Ok(answer) = CreateAnswer::from_outer(data) {
        let again = CreateAnswer::from_outer(answer.to_json().as_bytes());
        assert!(again.is_ok_and(|again| again == answer));
    }
    if let Ok(vouchers) = IssueReceived::from_outer(data).and_then(|received| received.check()) {
        let request = IssueRequest::new(vouchers).expect("checked vouchers can be asked for");
        let again = IssueReceived::from_outer(request.to_json().as_bytes());
        let again = again.and_then(|received| received.check());
        assert!(again.is_ok_and(|again| again == request.vouchers()));
    }
}

/// Error bodies: any of them makes an error, and nothing of it is shown.
pub fn fuzz_problem(data: &[u8]) {
    let status = data.first().map_or(500, |byte| 300 + u16::from(*byte));
    for kind in [None, Some("application/problem+json"), Some("text/html")] {
        let shown = format!("{:?}", from_response(status, kind, data));
        assert!(shown.len() < 400);
    }
    if let Some(problem) = Problem::parse(data) {
        let _ = problem.number("required");
        assert!(Problem::parse(problem.to_json().as_bytes()).is_some());
    }
}

/// Links, codes, ids and the other short texts: what was read is written and read to the same.
pub fn fuzz_texts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(link) = parse_link_or_otc(text) {
        let again: Result<Otc, _> = link.otc().reveal().parse();
        assert!(again.is_ok_and(|again| again == *link.otc()));
    }
    macro_rules! texts {
        ($($kind:ty),+) => {$(
            if let Ok(read) = text.parse::<$kind>() {
                let again = read.to_string().parse::<$kind>();
                assert!(again.is_ok_and(|again| again == read), stringify!($kind));
            }
        )+};
    }
    texts!(Aim, Position, SourceId, PosId, VoucherId);
    let _ = (
        ApiKey::parse(text),
        Pin::parse(text),
        Pin::from_registry(text),
        VoucherSecret::parse(text),
    );
    let _ = SessionKey::from_base64(text);
}

/// Headers of a webhook as lines, then an empty line and the body, for every scheme: a clear
/// answer, and no message holds that was not signed with the secret. What is signed holds, and does
/// not when its body is another one.
pub fn fuzz_webhook(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = data.split_at(end.unwrap_or(data.len()));
    let body = body.get(2..).unwrap_or_default();
    let headers: Vec<(&str, &[u8])> = head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            Some((std::str::from_utf8(name).ok()?, value))
        })
        .collect();
    let now = Timestamp::from_seconds(1_790_000_000);
    for scheme in schemes() {
        let secrets = [scheme
            .secret("whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY")
            .expect("32 characters that carry 24 bytes")];
        match webhook::verify(&scheme, &headers, body, &secrets, now) {
            Ok(webhook::Verified::Message(message)) => {
                assert!(was_signed(&scheme, &message, head, body, &secrets));
            }
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), Kind::WebhookRefused),
        }
        let signed = webhook::sign(&scheme, "id", now, body, &secrets).expect("a right id");
        let headers: Vec<_> = signed
            .headers()
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();
        assert!(webhook::verify(&scheme, &headers, body, &secrets, now).is_ok());
        let other = [body, b" "].concat();
        let altered = webhook::verify(&scheme, &headers, &other, &secrets, now);
        assert_eq!(altered.is_err(), scheme.signs_body());
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(secret) = webhook::Secret::parse(text)
    {
        assert!(webhook::Secret::parse(&secret.reveal()).is_ok_and(|again| again == secret));
    }
}

/// Whether the signature that the scheme makes is among the headers, in whichever case.
fn was_signed(
    scheme: &Scheme,
    message: &webhook::Message,
    head: &[u8],
    body: &[u8],
    secrets: &[webhook::Secret],
) -> bool {
    let id = match scheme {
        Scheme::StandardWebhooks => message.id.as_deref().unwrap_or_default(),
        _ => "id",
    };
    let at = message.at.unwrap_or(Timestamp::EPOCH);
    webhook::sign(scheme, id, at, body, secrets).is_ok_and(|signed| {
        let value = signed.headers().next().map(|(_, value)| value.to_owned());
        let value = value.unwrap_or_default();
        // Fields may come in any order, beside others.
        value.split(',').all(|field| {
            field.starts_with("t=")
                || head
                    .windows(field.len())
                    .any(|part| part.eq_ignore_ascii_case(field.as_bytes()))
        })
    })
}

fn schemes() -> [Scheme; 12] {
    let url = "https://pos.example.org/hooks/square?shop=7".to_owned();
    [
        Scheme::Clover,
        Scheme::Fitbit,
        Scheme::GITHUB,
        Scheme::LightspeedX,
        Scheme::Loyverse,
        Scheme::Polar,
        Scheme::Shopify,
        Scheme::Square { url },
        Scheme::StandardWebhooks,
        Scheme::Stripe,
        Scheme::TicketTailor,
        Scheme::WooCommerce,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn targets_hold_for_any_bytes(data in any::<Vec<u8>>(), text in r#"[\[\]{}",:0-9a-zA-Z ./-]{0,64}"#) {
            for data in [data.as_slice(), text.as_bytes()] {
                fuzz_keys(data);
                fuzz_rsa_open(data);
                fuzz_aes_open(data);
                fuzz_json(data);
                fuzz_messages(data);
                fuzz_problem(data);
                fuzz_texts(data);
                fuzz_webhook(data);
            }
        }
    }
}
