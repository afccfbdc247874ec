//! One error for everything, and the one table of its kinds.
//!
//! The table in [`Kind`] is the source of the stable codes that Rust, Python, Node, the `wom`
//! program and the documentation show.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// What every fallible call of the SDK returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and whether trying again is wise.
///
/// An `Error` is cheap to clone. Neither its [`Display`](fmt::Display) nor its
/// [`Debug`](fmt::Debug) form ever holds a key, a PIN, an OTC, a voucher's secret or a person's
/// id: whoever builds one passes only what may be read by anybody.
///
/// ```
/// use wom_sdk::{Error, Kind, Retry};
///
/// let error = Error::new(Kind::PinWrong, "the PIN is not the one of this code")
///     .with("operation", "redeem")
///     .hint("read the four digits again; three wrong ones void the code");
/// assert_eq!(error.code(), "pin_wrong");
/// assert_eq!(error.retry(), Retry::Never);
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    hint: Option<Cow<'static, str>>,
    retry: Retry,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind. `message` says what happened, in one sentence without a full stop.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            hint: None,
            retry: kind.retry(),
            retry_after: None,
            source: None,
        }))
    }

    /// What is wrong with JSON that is not of the required form, in the reader's words but without the
    /// values that it quotes, which may be a person's or a secret. `what` begins the sentence.
    ///
    /// ```
    /// # use wom_sdk::Error;
    /// let wrong = serde_json::from_str::<u32>(r#""sara@example.org""#).unwrap_err();
    /// let error = Error::in_json("the body", &wrong);
    /// assert_eq!(error.message(), "a value is not of the required form; expected u32");
    /// ```
    pub fn in_json(what: &str, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        if text.starts_with("missing field") || text.starts_with("duplicate field") {
            return Self::new(Kind::InputInvalid, text.to_owned());
        }
        let message = match text.split_once(", expected ") {
            Some((wrong, expected)) => {
                let what = match wrong.starts_with("unknown field") {
                    true => "there is a field that is not known",
                    false => "a value is not of the required form",
                };
                format!("{what}; expected {expected}")
            }
            None => format!("{what} cannot be read as JSON of the required form"),
        };
        Self::new(Kind::InputInvalid, message)
    }

    /// Adds where it happened: a file, a line, a field, an operation.
    #[must_use]
    pub fn with(self, name: &'static str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        self.change(|inner| inner.context.push((name, value)))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        let hint = hint.into();
        self.change(|inner| inner.hint = Some(hint))
    }

    /// Keeps the error underneath as the [`source`](std::error::Error::source).
    #[must_use]
    pub fn because(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = source.into();
        self.change(|inner| inner.source = Some(source))
    }

    /// Replaces the advice of the kind where the caller knows better.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        self.change(|inner| inner.retry = retry)
    }

    /// Adds how long the other side asks to wait.
    #[must_use]
    pub fn wait(self, pause: Duration) -> Self {
        self.with("retry_after_seconds", pause.as_secs())
            .change(|inner| inner.retry_after = Some(pause))
    }

    /// How long the other side asks to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The kind: what the caller decides by.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable name of the kind, the same in every language.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// Whether trying again is wise.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// What happened, without context and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it happened, as pairs of a name and a value.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .context
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// What to do about it, where there is something to say.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = match Arc::try_unwrap(self.0) {
            Ok(inner) => inner,
            Err(shared) => Inner {
                kind: shared.kind,
                message: shared.message.clone(),
                context: shared.context.clone(),
                hint: shared.hint.clone(),
                retry: shared.retry,
                retry_after: shared.retry_after,
                source: Some(Box::new(Self(shared))),
            },
        };
        change(&mut inner);
        Self(Arc::new(inner))
    }
}

/// One line: the message, the context in brackets, then the hint.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if !self.0.context.is_empty() {
            f.write_str(" (")?;
            for (index, (name, value)) in self.0.context.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{name} {value}")?;
            }
            f.write_str(")")?;
        }
        match &self.0.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self}", self.code())?;
        if let Some(source) = &self.0.source {
            write!(f, "\n  because: {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

/// Whether an operation that failed may be tried again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Retry {
    /// Trying again gives the same answer: something has to change first.
    Never,
    /// Nothing happened yet: trying again does no harm.
    Safe,
    /// It may have happened: only the same key (the same award, the same OTC) may be tried again.
    SameKey,
}

impl Retry {
    /// The stable name: `never`, `safe` or `same_key`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Safe => "safe",
            Self::SameKey => "same_key",
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident, $code:literal, $retry:ident;)+) => {
        /// The kinds of error, by what the caller should do. New ones may be added.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Kind {
            /// Every kind, in alphabetical order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name, the same in every language.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The usual advice; an [`Error`] may know better.
            pub fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)+ }
            }

            /// One sentence for people.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

kinds! {
    /// The caller may not do this: a missing or wrong API key, or no right to it.
    AccessDenied, "access_denied", Never;
    /// The award was collected and acknowledged; its code is not given out again.
    AlreadyDelivered, "already_delivered", Never;
    /// The vouchers were redeemed, or the payment was made, before.
    AlreadyPerformed, "already_performed", Never;
    /// A person has to judge the award first, or has refused it.
    AwardHeld, "award_held", Never;
    /// The award key was used before with other content.
    AwardKeyReused, "award_key_reused", Never;
    /// The caller gave up before the answer came.
    Cancelled, "cancelled", SameKey;
    /// A setting is missing, unknown or contradicts another.
    ConfigurationInvalid, "configuration_invalid", Never;
    /// The total time allowed for the operation ran out.
    DeadlineExceeded, "deadline_exceeded", SameKey;
    /// A receiver did not take claims, or did not say that it has them.
    DeliveryFailed, "delivery_failed", SameKey;
    /// An argument is outside its range or not of the required form.
    InputInvalid, "input_invalid", Never;
    /// A file or message ends before it should.
    InputTruncated, "input_truncated", Never;
    /// Plain http to another host was asked for without saying so by name.
    InsecureTransport, "insecure_transport", Never;
    /// A defect of the SDK itself.
    Internal, "internal", Never;
    /// A key cannot be read, or is of the wrong kind.
    KeyInvalid, "key_invalid", Never;
    /// Something is larger, deeper or longer than the limit set for it.
    LimitExceeded, "limit_exceeded", Never;
    /// The vouchers need the place where they are redeemed.
    LocationRequired, "location_required", Never;
    /// The Registry was not reached; nothing was sent.
    NetworkUnreachable, "network_unreachable", Safe;
    /// The Registry knows no such code, or it was never confirmed.
    OtcUnknown, "otc_unknown", Never;
    /// The request was sent, and no clear answer came.
    OutcomeUnknown, "outcome_unknown", SameKey;
    /// The Registry refused a parameter.
    ParameterRefused, "parameter_refused", Never;
    /// A payload is not what it should be: not for this key, altered, or not understood.
    PayloadInvalid, "payload_invalid", Never;
    /// The Registry could not read the payload: another key, or other contents than announced.
    PayloadRefused, "payload_refused", Never;
    /// The PIN is not of a form that the Registry accepts.
    PinUnacceptable, "pin_unacceptable", Never;
    /// The PIN is not the one of this code.
    PinWrong, "pin_wrong", Never;
    /// The Registry knows no such POS.
    PosUnknown, "pos_unknown", Never;
    /// Too many requests; wait as long as the answer says.
    RateLimited, "rate_limited", Safe;
    /// The Registry failed inside; whether it acted is not known.
    RegistryFailed, "registry_failed", SameKey;
    /// The Registry shows another key than the pinned one.
    RegistryKeyChanged, "registry_key_changed", Never;
    /// The Registry's answer breaks the protocol.
    RegistryMisbehaved, "registry_misbehaved", SameKey;
    /// The code was voided: too many wrong PINs, or withdrawn.
    RequestVoid, "request_void", Never;
    /// The Registry knows no such source (instrument).
    SourceUnknown, "source_unknown", Never;
    /// The store could not write or read.
    StorageFailed, "storage_failed", SameKey;
    /// Another process has the store open.
    StoreLocked, "store_locked", Safe;
    /// The store belongs to another Registry, source or key store, or to a newer version.
    StoreMismatch, "store_mismatch", Never;
    /// This adapter, store or Registry does not offer the operation.
    Unsupported, "unsupported", Never;
    /// Fewer or other vouchers than the payment asks for.
    VouchersInsufficient, "vouchers_insufficient", Never;
    /// A voucher is unknown, spent, or does not pass the payment's filter.
    VouchersRefused, "vouchers_refused", Never;
    /// A webhook's signature or time does not hold.
    WebhookRefused, "webhook_refused", Never;
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn codes_are_unique_sorted_and_explained() {
        let codes: Vec<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        assert!(Kind::ALL.iter().all(|kind| kind.meaning().ends_with('.')));
    }

    #[test]
    fn adding_to_a_shared_error_keeps_the_first_as_its_source() {
        let first = Error::new(Kind::Internal, "first").because(std::fmt::Error);
        let second = first.clone().with("line", 3);
        assert_eq!(second.to_string(), "first (line 3)");
        assert_eq!(
            second.source().map(ToString::to_string),
            Some("first".to_owned())
        );
    }

    #[test]
    fn what_is_wrong_with_json_is_told_without_its_values() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Form {
            #[expect(dead_code, reason = "only read")]
            minutes: u32,
        }
        for (text, told) in [
            ("{}", "missing field `minutes`"),
            (
                r#"{"minutes": "sara@example.org"}"#,
                "a value is not of the required form; expected u32",
            ),
            (
                r#"{"sara": 1}"#,
                "there is a field that is not known; expected `minutes`",
            ),
            (
                r#"{"minutes": 1, "minutes": 2}"#,
                "duplicate field `minutes`",
            ),
            (
                r#"{"minutes": 1"#,
                "the body cannot be read as JSON of the required form",
            ),
        ] {
            let error = serde_json::from_str::<Form>(text).unwrap_err();
            assert_eq!(Error::in_json("the body", &error).message(), told, "{text}");
        }
    }
}
