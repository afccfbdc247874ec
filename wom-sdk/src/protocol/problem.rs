//! What a Registry answers when it refuses, and what a client makes of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::json::{self, Layer, Limits};
use crate::{Error, Kind};

/// Where the types of WOM problems live; the same text on every server.
const BASE: &str = "https://wom.social/api/problems/";

/// The longest error body that is looked into, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

macro_rules! problem_types {
    ($($(#[doc = $doc:literal])+ $variant:ident, $slug:literal, $status:literal, $title:literal, $kind:ident;)+) => {
        /// The problems that WOM software knows by name.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum ProblemType {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ProblemType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The last part of the type's address.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)+ }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// The usual title.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// The kind of error that a client makes of it.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)+ }
            }
        }
    };
}

problem_types! {
    /// An e-mail address is taken.
    EmailAlreadyRegistered, "email-already-registered", 400, "Email already registered", ParameterRefused;
    /// Enough vouchers, but not enough valid ones.
    InsufficientValidVouchers, "insufficient-valid-vouchers", 400, "Insufficient valid vouchers supplied", VouchersInsufficient;
    /// Redeeming needs the place.
    LocationNotProvided, "location-not-provided", 400, "User location not provided", LocationRequired;
    /// Redeemed, or paid, before.
    OperationAlreadyPerformed, "operation-already-performed", 400, "Operation already performed", AlreadyPerformed;
    /// The code is unknown or was never verified.
    OtcNotValid, "otc-not-valid", 404, "OTC code does not exist", OtcUnknown;
    /// The PIN has not the form required.
    PasswordUnacceptable, "password-unacceptable", 422, "Supplied password is not acceptable", PinUnacceptable;
    /// The payload was not decrypted, not understood, or says other things than the body.
    PayloadVerificationFailure, "payload-verification-failure", 403, "Failed to verify request contents", PayloadRefused;
    /// No such POS.
    PosNotFound, "pos-not-found", 404, "POS with the specified ID does not exist", PosUnknown;
    /// The request was voided.
    RequestVoid, "request-void", 410, "Request instance is void", RequestVoid;
    /// No such source.
    SourceNotFound, "source-not-found", 404, "Source with the specified ID does not exist", SourceUnknown;
    /// A failure inside the server.
    Unexpected, "unexpected", 500, "Unexpected internal error", RegistryFailed;
    /// A user is not who may do this.
    UserNotAdministrator, "user-not-administrator", 403, "User is not an administrator", AccessDenied;
    /// A user does not administer this source.
    UserNotAdministratorOfSource, "user-not-administrator-of-source", 403, "User is not an administrator of the source", AccessDenied;
    /// Nobody is logged in, or the API key is another source's.
    UserNotLoggedIn, "user-not-logged-in", 401, "User is not logged in", AccessDenied;
    /// Unknown name or wrong password of a user.
    UsernameOrPasswordNotValid, "username-or-password-not-valid", 400, "Username or password not valid", AccessDenied;
    /// The number of vouchers is not the payment's amount.
    WrongNumberOfVouchers, "wrong-number-of-vouchers", 400, "Wrong number of vouchers supplied", VouchersInsufficient;
    /// A parameter is refused; the title tells which.
    WrongParameter, "wrong-parameter", 422, "Wrong parameter", ParameterRefused;
    /// The PIN is not the one of the code.
    WrongPassword, "wrong-password", 422, "Wrong password", PinWrong;
}

impl ProblemType {
    /// The type with this address; only the last part counts.
    fn from_address(address: &str) -> Option<Self> {
        let slug = address.trim_end_matches('/').rsplit('/').next()?;
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    /// The address of the type.
    pub fn address(self) -> String {
        format!("{BASE}{}", self.slug())
    }
}

/// A refusal as it stands in the body of an answer (RFC 9457).
///
/// Its texts come from the other side: they are for people who look into a problem, and no part of
/// an [`Error`].
///
/// ```
/// use wom_sdk::protocol::{Problem, ProblemType};
///
/// let problem = Problem::new(ProblemType::WrongNumberOfVouchers)
///     .with("required", 10)
///     .with("supplied", 9);
/// let read = Problem::parse(problem.to_json().as_bytes()).unwrap();
/// assert_eq!(read.known(), Some(ProblemType::WrongNumberOfVouchers));
/// assert_eq!(read.number("required"), Some(10));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// The address of the type; empty if there is none.
    pub address: String,
    /// The title.
    pub title: String,
    /// The HTTP status that the body states.
    pub status: Option<u16>,
    /// What happened this time.
    pub detail: Option<String>,
    /// Further members.
    pub extensions: BTreeMap<String, Value>,
}

impl Problem {
    /// A problem with the usual title and status of its type.
    pub fn new(kind: ProblemType) -> Self {
        Self {
            address: kind.address(),
            title: kind.title().to_owned(),
            status: Some(kind.status()),
            detail: None,
            extensions: BTreeMap::new(),
        }
    }

    /// Replaces the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Says what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a number, in a text as all WOM software expects it.
    #[must_use]
    pub fn with(mut self, name: &str, number: i64) -> Self {
        self.extensions
            .insert(name.to_owned(), Value::String(number.to_string()));
        self
    }

    /// The type, if it is one that is known by name.
    pub fn known(&self) -> Option<ProblemType> {
        ProblemType::from_address(&self.address)
    }

    /// A further member as a number, whether it was a number or a text.
    pub fn number(&self, name: &str) -> Option<i64> {
        Layer::Outer.integer(self.extensions.get(name)?).ok()
    }

    /// The body of an answer.
    pub fn to_json(&self) -> String {
        let mut body = Map::new();
        for (name, value) in &self.extensions {
            body.insert(name.clone(), value.clone());
        }
        if let Some(detail) = &self.detail {
            body.insert("detail".to_owned(), detail.as_str().into());
        }
        if let Some(status) = self.status {
            body.insert("status".to_owned(), status.into());
        }
        body.insert("title".to_owned(), self.title.as_str().into());
        body.insert("type".to_owned(), self.address.as_str().into());
        Value::Object(body).to_string()
    }

    /// Reads the body of an answer; none if it is not a JSON object.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let limits = Limits {
            bytes: BODY_LIMIT,
            ..Limits::default()
        };
        let document = json::object(body, Layer::Outer, limits).ok()?;
        let mut problem = Self::default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for (name, value) in document.as_map() {
            match name.to_ascii_lowercase().as_str() {
                "type" => problem.address = text(value),
                "title" => problem.title = text(value),
                "detail" => problem.detail = value.as_str().map(ToOwned::to_owned),
                "status" => {
                    problem.status = Layer::Outer
                        .integer(value)
                        .ok()
                        .and_then(|status| status.try_into().ok());
                }
                _ => {
                    problem.extensions.insert(name.clone(), value.clone());
                }
            }
        }
        Some(problem)
    }
}

/// The error that an answer with this status, content type and body amounts to. The type decides
/// first, then the status. The body may be anything; nothing of it gets into the error but numbers
/// and the name of a known type.
///
/// ```
/// use wom_sdk::{Kind, Retry, protocol::from_response};
///
/// let error = from_response(502, Some("text/html"), b"<html>Bad Gateway</html>");
/// assert_eq!(error.kind(), Kind::OutcomeUnknown);
/// assert_eq!(error.retry(), Retry::SameKey);
/// ```
pub fn from_response(status: u16, content_type: Option<&str>, body: &[u8]) -> Error {
    let may_be_json = content_type.is_none_or(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.contains("json") || kind.starts_with("text/plain")
    });
    let problem = may_be_json.then(|| Problem::parse(body)).flatten();
    let known = problem.as_ref().and_then(Problem::known);
    let Some(known) = known else {
        return by_status(status);
    };
    let refused_vouchers = known == ProblemType::WrongParameter
        && problem
            .as_ref()
            .is_some_and(|problem| problem.title.to_ascii_lowercase().contains("voucher(s)"));
    let kind = match refused_vouchers {
        true => Kind::VouchersRefused,
        false => known.kind(),
    };
    let mut error = Error::new(kind, refusal(kind))
        .with("status", status)
        .with("problem", known.slug());
    for name in ["required", "supplied"] {
        if let Some(number) = problem.as_ref().and_then(|problem| problem.number(name)) {
            error = error.with(name, number);
        }
    }
    match advice(kind) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

fn by_status(status: u16) -> Error {
    let (kind, hint) = match status {
        300..=399 => (
            Kind::RegistryMisbehaved,
            Some("the answer redirects elsewhere: give the Registry's final address, with https"),
        ),
        401 | 403 => (
            Kind::AccessDenied,
            Some("check the API key, and that the address begins with https"),
        ),
        404 | 405 => (
            Kind::ConfigurationInvalid,
            Some("check the Registry's address, which ends before /api"),
        ),
        // From something in between: the Registry itself has not spoken.
        408 | 502..=504 => (Kind::OutcomeUnknown, None),
        410 => (Kind::RequestVoid, None),
        413 => (Kind::LimitExceeded, None),
        425 | 429 => (Kind::RateLimited, None),
        400..=499 => (Kind::ParameterRefused, None),
        500..=599 => (Kind::RegistryFailed, None),
        _ => (Kind::RegistryMisbehaved, None),
    };
    let error = Error::new(kind, refusal(kind)).with("status", status);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn refusal(kind: Kind) -> &'static str {
    match kind {
        Kind::AccessDenied => "the Registry does not allow this",
        Kind::AlreadyPerformed => "the vouchers were redeemed, or the payment was made, before",
        Kind::ConfigurationInvalid => "there is no such service at this address",
        Kind::LimitExceeded => "the request is too large for the Registry",
        Kind::LocationRequired => "the vouchers need the place where they are redeemed",
        Kind::OtcUnknown => "the Registry knows no such code, or it was never confirmed",
        Kind::OutcomeUnknown => "the Registry did not answer in time",
        Kind::ParameterRefused => "the Registry refused a parameter",
        Kind::PayloadRefused => "the Registry could not read the payload",
        Kind::PinUnacceptable => "the Registry does not accept a PIN of this form",
        Kind::PinWrong => "the PIN is not the one of this code",
        Kind::PosUnknown => "the Registry knows no such POS",
        Kind::RateLimited => "too many requests",
        Kind::RegistryFailed => "the Registry failed inside",
        Kind::RequestVoid => "the code was voided",
        Kind::SourceUnknown => "the Registry knows no such source",
        Kind::VouchersInsufficient => "the number of vouchers is not what the payment asks for",
        Kind::VouchersRefused => "a voucher is unknown, spent, or does not pass the filter",
        _ => "the Registry's answer breaks the protocol",
    }
}

fn advice(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::LocationRequired => "give the place, as latitude and longitude",
        Kind::OtcUnknown => "read the code again; a new one may not be confirmed yet",
        Kind::PayloadRefused => "check the Registry's key, and that the id belongs to this key",
        Kind::PinWrong => "read the four digits again; three wrong ones void a code to redeem",
        Kind::PosUnknown | Kind::SourceUnknown => "check the id, and that it is of this Registry",
        Kind::VouchersRefused => "choose other vouchers, for the payment's filter",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Retry;

    fn json(status: u16, body: &str) -> Error {
        from_response(
            status,
            Some("application/problem+json; charset=utf-8"),
            body.as_bytes(),
        )
    }

    #[test]
    fn every_type_comes_back_by_its_address() {
        for &kind in ProblemType::ALL {
            let problem = Problem::new(kind);
            assert_eq!(ProblemType::from_address(&kind.address()), Some(kind));
            assert_eq!(
                Problem::parse(problem.to_json().as_bytes()),
                Some(problem.clone())
            );
            let error = json(kind.status(), &problem.to_json());
            assert_eq!(error.kind(), kind.kind());
            assert!(error.context().any(|(_, value)| value == kind.slug()));
        }
        assert_eq!(ProblemType::from_address(""), None);
    }

    #[test]
    fn the_body_is_written_exactly() {
        let problem = Problem::new(ProblemType::WrongNumberOfVouchers)
            .with("required", 10)
            .with("supplied", 9)
            .detail("ten are due");
        assert_eq!(
            problem.to_json(),
            concat!(
                r#"{"detail":"ten are due","required":"10","status":400,"supplied":"9","#,
                r#""title":"Wrong number of vouchers supplied","#,
                r#""type":"https://wom.social/api/problems/wrong-number-of-vouchers"}"#
            )
        );
    }

    #[test]
    fn numbers_are_read_as_texts_and_as_numbers() {
        for body in [
            r#"{"type":"wrong-number-of-vouchers","required":"10","supplied":9}"#,
            r#"{"Type":"https://wom.social/api/problems/wrong-number-of-vouchers/","required":10,"supplied":"9"}"#,
        ] {
            let error = json(400, body);
            assert_eq!(error.kind(), Kind::VouchersInsufficient);
            let context: BTreeMap<_, _> = error.context().collect();
            assert_eq!((context["required"], context["supplied"]), ("10", "9"));
        }
    }

    #[test]
    fn refused_vouchers_are_told_from_other_parameters() {
        for title in ["One or more voucher(s) not found", "Invalid voucher(s)"] {
            let problem = Problem::new(ProblemType::WrongParameter).title(title);
            assert_eq!(json(422, &problem.to_json()).kind(), Kind::VouchersRefused);
        }
        let problem = Problem::new(ProblemType::WrongParameter).title("Session key length");
        assert_eq!(json(422, &problem.to_json()).kind(), Kind::ParameterRefused);
    }

    #[test]
    fn without_a_known_type_the_status_decides() {
        for (status, kind, retry) in [
            (302, Kind::RegistryMisbehaved, Retry::SameKey),
            (400, Kind::ParameterRefused, Retry::Never),
            (401, Kind::AccessDenied, Retry::Never),
            (403, Kind::AccessDenied, Retry::Never),
            (404, Kind::ConfigurationInvalid, Retry::Never),
            (410, Kind::RequestVoid, Retry::Never),
            (413, Kind::LimitExceeded, Retry::Never),
            (425, Kind::RateLimited, Retry::Safe),
            (429, Kind::RateLimited, Retry::Safe),
            (500, Kind::RegistryFailed, Retry::SameKey),
            (502, Kind::OutcomeUnknown, Retry::SameKey),
            (504, Kind::OutcomeUnknown, Retry::SameKey),
            (99, Kind::RegistryMisbehaved, Retry::SameKey),
        ] {
            for body in ["", "<html>", "{", "[]", r#"{"type":"other","title":5}"#] {
                let error = json(status, body);
                assert_eq!(
                    (error.kind(), error.retry()),
                    (kind, retry),
                    "{status} {body}"
                );
            }
        }
        let html = Problem::new(ProblemType::WrongPassword).to_json();
        let error = from_response(502, Some("text/html"), html.as_bytes());
        assert_eq!(error.kind(), Kind::OutcomeUnknown);
    }

    #[test]
    fn nothing_of_the_body_gets_into_the_error() {
        let problem = Problem::new(ProblemType::WrongPassword)
            .title("the PIN is not 4821")
            .detail("4821");
        let body = problem
            .to_json()
            .replace('{', r#"{"required":"4821x","pin":"4821","#);
        assert!(!format!("{:?}", json(422, &body)).contains("4821"));
        let long = format!(
            r#"{{"type":"wrong-password","x":"{}"}}"#,
            "4821".repeat(100_000)
        );
        assert_eq!(json(422, &long).kind(), Kind::ParameterRefused);
    }
}
