//! Who may open the page, and what a browser must show before anything is done for it.
//!
//! The page gives codes out and takes discounts for given, so no other page in the cashier's browser
//! may use it: it answers to its own names only, which leaves names out that somebody lets lead here;
//! its cookie goes with requests of its own site only; and what changes anything must come from a form
//! that it made, at its own origin. No secret stands in an address: codes and tokens are typed in.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use wom_sdk::{
    Digest, Error, Kind, Result, Timestamp,
    privacy::{KeyStore, Sealer},
    protocol::Otc,
};
use zeroize::Zeroizing;

use crate::{Scope, ServedShop, Service};

/// How long a browser stays signed in, milliseconds: a month, as a till is one device for long.
const LASTS_MS: i64 = 30 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
const COOKIE: &str = "wom_till";
const NAME: &[u8] = b"till-page/session";
/// The longest cookie that anybody may ask us to open.
const LONGEST: usize = 4_096;
/// Wrong codes that are answered within a minute; the code has 40 bits.
const TRIES: u32 = 10;
/// Crockford's digits: none is taken for another.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The page for cashiers, and who may open it: the bearers of tokens that are good for checkouts of
/// the shop's POS, and whoever reads the code on the screen on which the program was started.
pub struct TillPage {
    sealer: Sealer,
    code: Option<Digest>,
    /// Wrong codes, and since when they are counted.
    wrong: Mutex<(u32, Timestamp)>,
}

impl TillPage {
    /// For bearers of tokens. Sessions are sealed with these keys, so they outlive the process.
    pub fn new(keys: Arc<dyn KeyStore>) -> Self {
        Self {
            sealer: Sealer::new(keys, "till-page"),
            code: None,
            wrong: Mutex::new((0, Timestamp::MIN)),
        }
    }

    /// For who reads the code that comes with it, too: of 40 random bits, another one each time. Who
    /// was let in by an earlier one stays so.
    pub fn with_code(keys: Arc<dyn KeyStore>) -> (Self, Zeroizing<String>) {
        let random = Digest::of([b"till-code/1".as_slice(), Otc::random().reveal().as_bytes()]).0;
        let digit = |byte: &u8| char::from(DIGITS[usize::from(byte % 32)]);
        let mut code = Zeroizing::new(random.iter().take(8).map(digit).collect::<String>());
        let page = Self {
            code: Some(digest(&code)),
            ..Self::new(keys)
        };
        code.insert(4, '-');
        (page, code)
    }

    /// Destroys the keys of sessions that are over.
    pub(crate) fn forget(&self, now: Timestamp) -> Result<()> {
        let before = now.plus_millis(-LASTS_MS - DAY_MS);
        self.sealer.forget_before(before).map(drop)
    }

    /// A session for who typed this in; none if it is nothing.
    pub(super) fn let_in(&self, service: &Service, typed: &str) -> Result<Option<Session>> {
        let (now, typed) = (service.0.clock.now(), typed.trim());
        let tokens = service.tokens();
        let by = match tokens.grant(typed) {
            Some(grant) if grant.scopes.contains(&Scope::Checkouts) => Some(token(typed)),
            _ if self.is_code(typed, now)? => None,
            _ => return Ok(None),
        };
        Ok(Some(Session {
            by,
            until: now.plus_millis(LASTS_MS).as_millis(),
            nonce: Otc::random().reveal(),
        }))
    }

    fn is_code(&self, typed: &str, now: Timestamp) -> Result<bool> {
        let Some(code) = &self.code else {
            return Ok(false);
        };
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(wrong.1).unsigned_abs() > 60_000 {
            *wrong = (0, now);
        }
        if wrong.0 >= TRIES {
            return Err(Error::new(Kind::RateLimited, "too many wrong codes")
                .hint("wait a minute, and read the code again"));
        }
        // A digest is compared: how long that takes tells nothing of the code.
        let right = digest(typed) == *code;
        wrong.0 += u32::from(!right);
        Ok(right)
    }

    /// What the browser is to keep.
    pub(super) fn cookie(&self, service: &Service, session: &Session) -> Result<String> {
        let plain = serde_json::to_vec(session)
            .map(Zeroizing::new)
            .map_err(|_| Error::new(Kind::Internal, "a session cannot be written"))?;
        let sealed = self.sealer.seal(NAME, &plain, service.0.clock.now())?;
        let sealed = BASE64_URL_SAFE_NO_PAD.encode(sealed);
        Ok(set_cookie(service, COOKIE, &sealed, LASTS_MS / 1_000))
    }

    /// The session that the browser keeps, if it still lasts.
    pub(super) fn session(&self, service: &Service, headers: &HeaderMap) -> Option<Session> {
        let text = cookie(headers, COOKIE).filter(|text| text.len() <= LONGEST)?;
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = self.sealer.open(NAME, &sealed).ok()?;
        let session: Session = serde_json::from_slice(&plain).ok()?;
        let lasts = session.until > service.0.clock.now().as_millis();
        (lasts && session.is_good(service, self)).then_some(session)
    }
}

impl std::fmt::Debug for TillPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TillPage").finish_non_exhaustive()
    }
}

/// A browser that was let in.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Session {
    /// The digest of the token; none where it was the code.
    by: Option<String>,
    /// Milliseconds since 1970.
    until: i64,
    nonce: String,
}

impl Session {
    /// A token that was revoked lets nobody in any more, and neither does a code where none is given.
    fn is_good(&self, service: &Service, page: &TillPage) -> bool {
        match &self.by {
            Some(by) => service
                .tokens()
                .grant_of(by)
                .is_some_and(|grant| grant.scopes.contains(&Scope::Checkouts)),
            None => page.code.is_some(),
        }
    }

    /// Whether it is for this shop.
    pub(super) fn covers(&self, service: &Service, shop: &ServedShop) -> bool {
        self.by.as_ref().is_none_or(|by| {
            let tokens = service.tokens();
            tokens
                .grant_of(by)
                .is_some_and(|grant| grant.covers_pos(shop.pos()))
        })
    }

    /// What every form of this session carries: a page that cannot read ours cannot know it.
    pub(super) fn mark(&self) -> String {
        Digest::of([b"till-form/1".as_slice(), self.nonce.as_bytes()]).to_hex()
    }
}

/// As the tokens are known.
fn token(text: &str) -> String {
    crate::token::digest(text)
}

/// Of a code as people type it: small or large, with or without hyphens, with letters for digits.
fn digest(code: &str) -> Digest {
    let read = |letter: char| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let plain: Zeroizing<String> = code
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric())
        .map(read)
        .collect::<String>()
        .into();
    Digest::of([b"till-code/1".as_slice(), plain.as_bytes()])
}

/// A cookie that goes with requests of this site to this page only, and that no script reads.
pub(super) fn set_cookie(service: &Service, name: &str, value: &str, seconds: i64) -> String {
    let secure = match service.0.public_url.starts_with("https:") {
        true => "; Secure",
        false => "",
    };
    format!("{name}={value}; Path=/till; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Forgets the session.
pub(super) fn leave(service: &Service) -> String {
    set_cookie(service, COOKIE, "", 0)
}

pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Whether the browser calls us by a name of ours. Another name may be one that its owner lets lead to
/// this machine, to read what is here.
pub(super) fn is_called_by_name(service: &Service, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.is_some_and(|host| {
        host.eq_ignore_ascii_case(authority(&service.0.public_url)) || is_loopback(host)
    })
}

/// Whether a request that changes something comes from a page of ours: browsers say so of every form.
pub(super) fn is_from_here(service: &Service, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|it| it.to_str().ok());
    let Some((scheme, named)) = origin.and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    let ours = authority(&service.0.public_url);
    let same = service.0.public_url.split("://").next() == Some(scheme);
    let loopback = is_loopback(ours) && is_loopback(named) && port(ours) == port(named);
    same && (named.eq_ignore_ascii_case(ours) || loopback)
}

/// Host and port of an address.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn port(authority: &str) -> Option<&str> {
    let (_, port) = authority.rsplit_once(':')?;
    (!port.contains(']')).then_some(port)
}

fn is_loopback(authority: &str) -> bool {
    let host = match port(authority) {
        Some(port) => &authority[..authority.len() - port.len() - 1],
        None => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = digest("K7M4-0101");
        for typed in ["k7m4-0101", "K7M4 0101", " k7m4olo1", "K7M4OI0L"] {
            assert_eq!(digest(typed), code, "{typed}");
        }
        assert_ne!(digest("K7M4-0102"), code);
    }

    #[test]
    fn with_tls_the_cookie_goes_with_tls_only() {
        for (url, secure) in [("https://wom.example", true), ("http://127.0.0.1:1", false)] {
            let service = Service::builder(url).build().unwrap();
            let cookie = set_cookie(&service, "a", "b", 1);
            assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for ours in [
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost:8480",
            "[::1]",
            "[::1]:8480",
        ] {
            assert!(is_loopback(ours), "{ours}");
        }
        for other in [
            "",
            "localhost.example",
            "127.0.0.1.example",
            "10.0.0.1",
            "[::2]:1",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
        assert_eq!(authority("https://wom.example:8443/x"), "wom.example:8443");
        assert_eq!(
            (port("[::1]:80"), port("[::1]"), port("a:1")),
            (Some("80"), None, Some("1"))
        );
    }
}
