//! Who an actor is: the four forms of xAPI, in one.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use wom_sdk::{Digest, Subject, instrument::Refusal};

use super::statement::Actor;
use crate::source::account;

/// The namespace of learners who are known by the SHA-1 of their mailbox.
pub const MBOX_SHA1SUM: &str = "mbox_sha1sum";

/// The namespace of learners who are known by an OpenID.
pub const OPENID: &str = "openid";

/// The learner that an agent stands for. A mailbox becomes its SHA-1 as xAPI defines it, of
/// `mailto:` and the address with its domain in lower case, so that both forms are one person.
pub(super) fn subject(actor: &Actor<'_>) -> Result<Subject, Refusal> {
    let group = actor
        .object_type
        .as_ref()
        .is_some_and(|form| form.as_str() == "Group");
    if group {
        return Err(Refusal::new(
            "group_actor",
            "the statement is about a group, and minutes belong to one person; let the platform name the learner",
        )
        .field("actor"));
    }
    let bad = || {
        Refusal::new(
            "bad_actor",
            "the learner must be named by one of mbox, mbox_sha1sum, openid or account",
        )
        .field("actor")
    };
    let forms = (
        &actor.account,
        &actor.mbox,
        &actor.mbox_sha1sum,
        &actor.openid,
    );
    match forms {
        (Some(known), None, None, None) => account(known.home_page.as_str(), known.name.as_str()),
        (None, Some(mbox), None, None) => {
            let sum = mailbox_sum(mbox.as_str()).ok_or_else(bad)?;
            Subject::new(MBOX_SHA1SUM, sum).map_err(|_| bad())
        }
        (None, None, Some(sum), None) => {
            let sum = sum.as_str();
            if sum.len() != 40 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(bad());
            }
            Subject::new(MBOX_SHA1SUM, sum.to_ascii_lowercase()).map_err(|_| bad())
        }
        (None, None, None, Some(openid)) => {
            let openid = openid.as_str();
            let id = match openid.len() {
                ..=256 => openid.to_owned(),
                _ => format!("digest:{}", Digest::of([openid]).to_hex()),
            };
            Subject::new(OPENID, id).map_err(|_| bad())
        }
        _ => Err(bad()),
    }
}

/// The SHA-1 of a mailbox in lower-case hexadecimal; `None` if it is none.
fn mailbox_sum(mbox: &str) -> Option<String> {
    let (scheme, address) = mbox.split_at_checked("mailto:".len())?;
    if !scheme.eq_ignore_ascii_case("mailto:") {
        return None;
    }
    let (local, domain) = address.rsplit_once('@')?;
    if local.is_empty() || domain.is_empty() {
        return None;
    }
    let text = format!("mailto:{local}@{}", domain.to_lowercase());
    let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let mut hex = String::with_capacity(40);
    for byte in sum.as_ref() {
        for half in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    Some(hex)
}

/// Whose word a statement is, by the platform that took it in.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Authority(Digest);

impl Authority {
    /// The authority of a statement: an agent, or the application of an OAuth group (its first member
    /// is not told apart from the group).
    pub(super) fn of(actor: &Actor<'_>) -> Self {
        match subject(actor) {
            Ok(subject) => Self::named(subject.namespace(), subject.reveal()),
            Err(_) => Self(Digest::of(["authority.other"])),
        }
    }

    fn named(namespace: &str, id: &str) -> Self {
        Self(Digest::of(["authority", namespace, id]))
    }

    /// An authority as settings name it: `mailto:…`, the SHA-1 of a mailbox, an OpenID, or the
    /// address of an account, a blank and its name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((home_page, name)) = text.split_once(' ') {
            let known = account(home_page, name.trim()).ok()?;
            return Some(Self::named(known.namespace(), known.reveal()));
        }
        if let Some(sum) = mailbox_sum(text) {
            return Some(Self::named(MBOX_SHA1SUM, &sum));
        }
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(Self::named(MBOX_SHA1SUM, &text.to_ascii_lowercase()));
        }
        (text.contains("://") && text.len() <= 256).then(|| Self::named(OPENID, text))
    }

    pub(super) fn digest(&self) -> Digest {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Subject, &'static str> {
        subject(&serde_json::from_str(json).unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_mailbox_and_its_sum_are_one_person() {
        // The sum of a mailbox, by `printf mailto:cy@example.org | sha1sum`.
        let sum = "0a5715adbca1b3525e5194f98b1860861e4a76da";
        let by_sum = of(&format!(r#"{{"mbox_sha1sum":"{}"}}"#, sum.to_uppercase())).unwrap();
        assert_eq!(by_sum.reveal(), sum);
        let by_box = of(r#"{"mbox":"mailto:cy@example.org"}"#).unwrap();
        let other_case = of(r#"{"mbox":"MailTo:cy@EXAMPLE.org","objectType":"Agent"}"#).unwrap();
        assert_eq!(by_box, other_case);
        assert_ne!(by_box, of(r#"{"mbox":"mailto:Cy@example.org"}"#).unwrap());
        assert_eq!(by_box.namespace(), by_sum.namespace());
    }

    #[test]
    fn what_names_nobody_or_several_is_refused() {
        for (json, code) in [
            ("{}", "bad_actor"),
            (r#"{"mbox":"cy@example.org"}"#, "bad_actor"),
            (r#"{"mbox":"mailto:cy"}"#, "bad_actor"),
            (r#"{"mbox_sha1sum":"0a57"}"#, "bad_actor"),
            (r#"{"openid":""}"#, "bad_actor"),
            (r#"{"account":{"homePage":"lms","name":"a"}}"#, "bad_actor"),
            (r#"{"mbox":"mailto:a@b","openid":"https://a"}"#, "bad_actor"),
            (
                r#"{"objectType":"Group","mbox":"mailto:a@b"}"#,
                "group_actor",
            ),
        ] {
            assert_eq!(of(json), Err(code), "{json}");
        }
    }

    #[test]
    fn settings_name_authorities_as_statements_do() {
        let of = |json: &str| Authority::of(&serde_json::from_str(json).unwrap());
        for (text, json) in [
            ("mailto:a@B.org", r#"{"mbox":"mailto:a@b.org"}"#),
            (
                "https://lms.example.org platform",
                r#"{"account":{"homePage":"https://lms.example.org","name":"platform"}}"#,
            ),
            (
                "https://id.example.org/x",
                r#"{"openid":"https://id.example.org/x"}"#,
            ),
            (
                "0A5715ADBCA1B3525E5194F98B1860861E4A76DA",
                r#"{"mbox_sha1sum":"0a5715adbca1b3525e5194f98b1860861e4a76da"}"#,
            ),
        ] {
            assert_eq!(Authority::parse(text), Some(of(json)), "{text}");
        }
        assert_eq!(Authority::parse("platform"), None);
        assert_ne!(
            of(r#"{"openid":"https://a"}"#),
            of(r#"{"openid":"https://b"}"#)
        );
    }
}
