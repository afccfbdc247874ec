//! `activity.webhook`: what it takes, what it answers, and what it reads.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{json, read};
use wom_adapter_activity::{ActivityWebhook, Config, WebhookConfig};
use wom_sdk::{
    Kind, Timestamp,
    instrument::{Hint, Input, Instrument, Request, Verdict},
    webhook::{self, Scheme, Secret},
};

const BODY: &[u8] =
    br#"{"activities":[{"participant":"p","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z"}]}"#;
const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// A call with a message that this secret signed.
struct Call {
    method: &'static str,
    body: Vec<u8>,
    secret: Secret,
    received_at: Timestamp,
}

impl Call {
    fn with(secret: &Secret, body: &[u8]) -> Self {
        Self {
            method: "POST",
            body: body.to_vec(),
            secret: secret.clone(),
            received_at: NOW,
        }
    }

    /// The status, and what becomes of it.
    fn to(&self, adapter: &ActivityWebhook) -> (u16, Verdict) {
        let secrets = [self.secret.clone()];
        let scheme = Scheme::StandardWebhooks;
        let signed = webhook::sign(&scheme, "message-1", NOW, &self.body, &secrets).unwrap();
        let headers: Vec<_> = signed
            .headers()
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();
        let received = adapter.receive(&Request {
            method: self.method,
            query: "",
            headers: &headers,
            body: &self.body,
            received_at: self.received_at,
        });
        (received.reply.status, received.verdict)
    }
}

fn adapter(secrets: &[Secret]) -> ActivityWebhook {
    ActivityWebhook::with_secrets(Config::default(), secrets.to_vec()).unwrap()
}

#[test]
fn a_message_is_known_by_its_id_and_read_as_the_same_file_would_be() {
    let secret = Secret::random();
    let adapter = adapter(std::slice::from_ref(&secret));
    let (status, verdict) = Call::with(&secret, BODY).to(&adapter);
    let Verdict::Once { id, hint } = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!((status, id.as_str()), (204, "message-1"));
    let found = read(&adapter, Input::Hint(hint)).clean();
    assert_eq!(found, json(BODY).clean());
    assert_eq!(found.len(), 1);

    let broken = read(&adapter, Input::Hint(Hint("[{".to_owned())));
    let as_file = json("[{");
    assert_eq!(broken.refusals, as_file.refusals);
    assert_eq!(
        broken.error.map(|error| error.kind()),
        as_file.error.map(|error| error.kind())
    );
    let file = read(&adapter, Input::Bytes(BODY.to_vec()));
    assert_eq!(file.error.unwrap().kind(), Kind::Unsupported);
}

#[test]
fn what_is_not_to_be_believed_gets_its_status_and_leaves_nothing() {
    let (secret, other) = (Secret::random(), Secret::random());
    let adapter = adapter(std::slice::from_ref(&secret));
    let good = || Call::with(&secret, BODY);
    let large = vec![b' '; ActivityWebhook::LARGEST + 1];
    for (call, status, kind) in [
        (Call::with(&other, BODY), 401, Kind::WebhookRefused),
        (
            Call {
                received_at: NOW.plus_millis(301_000),
                ..good()
            },
            401,
            Kind::WebhookRefused,
        ),
        (
            Call {
                received_at: NOW.plus_millis(-301_000),
                ..good()
            },
            401,
            Kind::WebhookRefused,
        ),
        (
            Call {
                method: "GET",
                ..good()
            },
            405,
            Kind::WebhookRefused,
        ),
        (Call::with(&secret, &large), 413, Kind::WebhookRefused),
        // Repeating it would not help, so it is taken; and it is told.
        (
            Call::with(&secret, b"{\"participant\":\"\xe9\"}"),
            204,
            Kind::InputInvalid,
        ),
    ] {
        let (answered, verdict) = call.to(&adapter);
        let Verdict::Refused(error) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!((answered, error.kind()), (status, kind), "{error}");
    }
    let large = vec![b' '; ActivityWebhook::LARGEST];
    assert_eq!(Call::with(&secret, &large).to(&adapter).0, 204);
}

#[test]
fn two_secrets_are_taken_while_they_change_from_files_and_variables() {
    let (old, new) = (Secret::random(), Secret::random());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let old_file = file("old", &format!("{}\n", *old.reveal()));
    let new_file = file("new", &new.reveal());
    let made = |files: &[&std::path::PathBuf], variables: &[&str]| {
        ActivityWebhook::new(WebhookConfig {
            secret_files: files.iter().map(|file| (*file).clone()).collect(),
            secret_variables: variables.iter().map(|&name| name.to_owned()).collect(),
            ..WebhookConfig::default()
        })
    };
    let both = made(&[&old_file, &new_file], &[]).unwrap();
    for secret in [&old, &new] {
        assert_eq!(Call::with(secret, BODY).to(&both).0, 204);
    }
    let after = made(&[&new_file], &[]).unwrap();
    assert_eq!(Call::with(&old, BODY).to(&after).0, 401);
    let shown = format!("{both:?}");
    assert!(!shown.contains(&old.reveal()[6..]), "{shown}");

    let empty = file("empty", "\n");
    let secret_words = file("words", "hunter2-is-not-base64!");
    for (wrong, kind) in [
        (made(&[], &[]), Kind::ConfigurationInvalid),
        (made(&[&empty], &[]), Kind::KeyInvalid),
        (made(&[&new_file, &secret_words], &[]), Kind::KeyInvalid),
        (
            made(&[&folder.path().join("none")], &[]),
            Kind::ConfigurationInvalid,
        ),
        (
            made(&[&new_file], &["WOM_NO_SUCH_VARIABLE"]),
            Kind::ConfigurationInvalid,
        ),
    ] {
        let error = wrong.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
