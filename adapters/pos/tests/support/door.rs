//! Messages at an adapter's door, as its shop and others send them.

use std::path::{Path, PathBuf};

use wom_sdk::{
    Kind, Timestamp,
    instrument::{Hint, Received, Request, Verdict},
    merchant::Merchant,
    webhook::{self, Scheme},
};

/// Files with these secrets, one each.
pub(crate) fn files(folder: &Path, secrets: &[&str]) -> Vec<PathBuf> {
    let write = |(n, secret): (usize, &&str)| {
        let file = folder.join(n.to_string());
        std::fs::write(&file, secret).unwrap();
        file
    };
    secrets.iter().enumerate().map(write).collect()
}

/// Who sends messages that are signed so.
pub(crate) struct Sender<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) secret: &'a str,
    /// What comes with each, unsigned.
    pub(crate) header: Option<(&'a str, &'a str)>,
}

impl Sender<'_> {
    /// Signs one message, and sends another.
    pub(crate) fn send(&self, adapter: &dyn Merchant, signed: &str, sent: &str) -> Received {
        let secrets = [self.scheme.secret(self.secret).unwrap()];
        let now = Timestamp::from_seconds(1_790_000_000);
        let signed = webhook::sign(&self.scheme, "1", now, signed.as_bytes(), &secrets).unwrap();
        let headers: Vec<_> = signed
            .headers()
            .chain(self.header)
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();
        adapter.receive(&Request {
            method: "POST",
            query: "",
            headers: &headers,
            body: sent.as_bytes(),
            received_at: now,
        })
    }

    /// The message is taken, and is about this order; or about none.
    #[track_caller]
    pub(crate) fn tells(&self, adapter: &dyn Merchant, body: &str, order: Option<&str>) {
        let received = self.send(adapter, body, body);
        assert_eq!(received.reply.status, 200, "{body}");
        match (received.verdict, order) {
            (Verdict::Read(Hint(read)), Some(order)) => assert_eq!(read, order),
            (Verdict::Answered, None) => {}
            (verdict, _) => panic!("{verdict:?}: {body}"),
        }
    }

    /// What was altered on its way is not heard; nor is anybody with another secret, or where none is
    /// known.
    #[track_caller]
    pub(crate) fn is_the_only_one_heard<M: Merchant>(
        &self,
        adapter: impl Fn(&[&str]) -> M,
        body: &str,
        altered: &str,
    ) {
        for (secrets, sent) in [
            (&[self.secret][..], altered),
            (&["another"], body),
            (&[], body),
        ] {
            let received = self.send(&adapter(secrets), body, sent);
            let error = refused(received, 401);
            assert_eq!(error.kind(), Kind::WebhookRefused);
            assert!(!format!("{error:?}").contains(self.secret));
        }
    }

    /// What is signed and no message is refused, and none of it is repeated.
    #[track_caller]
    pub(crate) fn is_not_understood(&self, adapter: &dyn Merchant, bodies: &[&str]) {
        for body in bodies {
            let error = refused(self.send(adapter, body, body), 400);
            assert!(!format!("{error:?}").contains("Sara"), "{body}");
        }
    }
}

#[track_caller]
fn refused(received: Received, status: u16) -> wom_sdk::Error {
    assert_eq!(received.reply.status, status);
    match received.verdict {
        Verdict::Refused(error) => error,
        verdict => panic!("taken: {verdict:?}"),
    }
}
