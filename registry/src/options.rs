//! The settings of a Registry.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use wom_sdk::{Clock, Error, Kind, Result, SystemClock};

/// The settings of a Registry: the defaults are those of a production one.
///
/// They belong to the process that serves, not to the data base: two processes on one directory
/// should be given the same.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegistryOptions {
    /// Size of new RSA key pairs in bits: the Registry's own, and those of instruments and POS.
    /// Wallets and POS apps in the field understand 4096 only; 2048 and 3072 are for tests.
    pub key_bits: usize,
    /// Address of this Registry as wallets and connectors reach it, without `/api` and without a
    /// final slash. `None`: `http://` and the address that [`serve`](crate::serve) listens on.
    pub public_url: Option<String>,
    /// Path before `/v1` and `/v2`, with its slash; may be empty.
    pub base_path: String,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How many wrong PINs make a code void.
    pub pin_attempts: u32,
    /// A payment that may be made many times is not void after that many wrong PINs: that would
    /// close a shop's poster for good. It is closed for this long.
    pub pin_pause: Duration,
    /// How long a redemption is repeated for the same session key, for a wallet that lost the answer.
    pub redeem_replay: Duration,
    /// How long a nonce is remembered: the same nonce with the same contents yields the same code.
    pub nonce_window: Duration,
    /// When a code that was never verified is forgotten.
    pub unverified_expiry: Duration,
    /// When a verified code that nobody redeemed or paid is void. `None`: never, as the protocol has it.
    pub verified_expiry: Option<Duration>,
    /// How many codes one instrument or POS may have unverified at a time. Beyond, those older than
    /// [`unverified_grace`](Self::unverified_grace) make room, or the request has to wait.
    pub unverified_limit: u32,
    /// How long an unverified code is safe from making room.
    pub unverified_grace: Duration,
    /// How many RSA operations run at a time. `None`: as many as the machine has cores.
    pub rsa_workers: Option<NonZeroUsize>,
    /// Whether to be as forgetful as the Registry that others run, to try software against: a
    /// repeated create makes another code, a repeated verify and one of an unknown code answer 500
    /// `unexpected`, and a repeated issue in one call makes another good code.
    pub faithful: bool,
    /// How many requests may wait for an RSA operation before others are sent away with 503.
    pub rsa_queue: usize,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            key_bits: 4096,
            public_url: None,
            base_path: "/api".to_owned(),
            clock: Arc::new(SystemClock),
            pin_attempts: 3,
            pin_pause: Duration::from_secs(HOUR / 4),
            redeem_replay: Duration::from_secs(24 * HOUR),
            nonce_window: Duration::from_secs(24 * HOUR),
            unverified_expiry: Duration::from_secs(24 * HOUR),
            verified_expiry: None,
            unverified_limit: 1000,
            unverified_grace: Duration::from_secs(600),
            rsa_workers: None,
            faithful: false,
            rsa_queue: 1024,
        }
    }
}

impl RegistryOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`key_bits`](Self::key_bits).
    #[must_use]
    pub fn key_bits(mut self, bits: usize) -> Self {
        self.key_bits = bits;
        self
    }

    /// Sets [`public_url`](Self::public_url).
    #[must_use]
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Sets [`clock`](Self::clock).
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets [`faithful`](Self::faithful).
    #[must_use]
    pub fn faithful(mut self, faithful: bool) -> Self {
        self.faithful = faithful;
        self
    }

    /// Refuses what cannot work, and brings addresses into their one form.
    pub(crate) fn checked(mut self) -> Result<Self> {
        if !matches!(self.key_bits, 2048 | 3072 | 4096) {
            return Err(invalid("key_bits", "a key has 2048, 3072 or 4096 bits"));
        }
        if let Some(url) = &mut self.public_url {
            let end = url.trim_end_matches('/').len();
            url.truncate(end);
            if !(url.starts_with("https://") || url.starts_with("http://")) {
                return Err(invalid(
                    "public_url",
                    "the address starts with https:// or http://",
                ));
            }
        }
        let base = self.base_path.trim_matches('/').to_owned();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if !base.bytes().all(plain) {
            return Err(invalid(
                "base_path",
                "the path has letters, digits and slashes only",
            ));
        }
        self.base_path = match base.as_str() {
            "" => base,
            _ => format!("/{base}"),
        };
        Ok(self)
    }
}

fn invalid(setting: &'static str, message: &'static str) -> Error {
    Error::new(Kind::ConfigurationInvalid, message).with("setting", setting)
}
