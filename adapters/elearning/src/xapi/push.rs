//! Statements as an LRS forwards them, or a platform's plugin posts them.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::{
    constant_time,
    digest::{SHA256, digest},
};
use wom_sdk::{
    Digest, Error, Kind, Result, Timestamp,
    instrument::{
        Capabilities, Hint, Info, Input, Instrument, Proven, Received, Reply, Request, Sink, Window,
    },
};

use super::{
    PushConfig,
    credentials::{Credentials as _, Settled},
    evidence::{Profile, Witness},
    read::read,
};
use crate::records::Records;

/// Takes statements by `POST`, with Basic or Bearer authentication.
///
/// | what comes | answer |
/// |---|---|
/// | a body of at most [`Self::LARGEST`] with one of the secrets | 204, once it is kept safe |
/// | the same body again | 204, and nothing is read again |
/// | a version of xAPI that is neither 1.0 nor 2.0, or no text | 400 |
/// | anything else | 401, or 405 if it is no `POST`, or 413 if it is larger |
///
/// What is wrong within the body shows when it is read, as with a file.
pub struct XapiPush {
    witness: Witness,
    limit: usize,
    /// Digests of the headers that open the door, so that comparing tells nothing by its time.
    doors: Vec<[u8; 32]>,
}

impl XapiPush {
    /// What this adapter is.
    pub const INFO: Info = Info {
        name: "elearning.xapi-push",
        summary: "Statements of xAPI as an LRS forwards them or a platform posts them",
        rules: "study-minutes/1",
        proven: Proven::Documentation,
    };

    /// What this adapter offers.
    pub const CAPABILITIES: Capabilities = {
        let mut capabilities = Capabilities::SERVICE;
        capabilities.pull = false;
        capabilities
    };

    /// The longest body, in bytes: 1 MiB. Send more in several.
    pub const LARGEST: usize = 1 << 20;

    /// The adapter with these settings; reads the secrets.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] without a secret, or if one, an authority or a file of durations
    /// cannot be read.
    pub fn new(config: PushConfig) -> Result<Self> {
        let (files, variables) = (&config.secret_files, &config.secret_variables);
        let settled =
            Settled::new(config.username.as_ref(), files, variables).ok_or_else(|| {
                Error::new(
                    Kind::ConfigurationInvalid,
                    "there is no secret, so everything would have to be refused",
                )
                .hint("set secret_files or secret_variables, and username for Basic authentication")
            })?;
        let authorizations = settled.authorizations()?;
        Ok(Self {
            witness: Witness::new(&config.statements, Profile::Any)?,
            limit: config.statements.max_statement_bytes as usize,
            doors: authorizations
                .iter()
                .map(|header| door(header.as_bytes()))
                .collect(),
        })
    }

    fn check<'a>(&self, request: &Request<'a>) -> Result<&'a str, (u16, Error)> {
        let refused = |message: &'static str| Error::new(Kind::WebhookRefused, message);
        if !request.method.eq_ignore_ascii_case("POST") {
            return Err((405, refused("the call is no POST")));
        }
        if request.body.len() > Self::LARGEST {
            return Err((413, refused("the body has more than 1 MiB")));
        }
        let given = door(request.header("authorization").unwrap_or_default());
        // Every door is tried, whichever opens.
        let opens = self.doors.iter().fold(false, |open, door| {
            constant_time::verify_slices_are_equal(door, &given).is_ok() | open
        });
        if !opens {
            return Err((401, refused("the credentials are not accepted")));
        }
        let version = request.header("x-experience-api-version");
        let known = |version: &[u8]| version.starts_with(b"1.0") || version.starts_with(b"2.0");
        if version.is_some_and(|version| !known(version)) {
            return Err((400, refused("the version of xAPI is neither 1.0 nor 2.0")));
        }
        std::str::from_utf8(request.body).map_err(|_| (400, refused("the body is not in UTF-8")))
    }
}

/// What stands for a header `Authorization`.
fn door(header: &[u8]) -> [u8; 32] {
    let mut door = [0; 32];
    door.copy_from_slice(digest(&SHA256, header).as_ref());
    door
}

#[async_trait]
impl Instrument for XapiPush {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> Capabilities {
        Self::CAPABILITIES
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        match self.check(request) {
            Ok(body) => {
                let id = Digest::of(["push", body]).to_hex();
                Received::once(Reply::status(204), id, Hint(body.to_owned()))
            }
            Err((status, error)) => Received::refuse(status, error),
        }
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let Input::Hint(Hint(body)) = input else {
            return Err(Error::new(
                Kind::Unsupported,
                "this adapter reads what was posted and nothing else",
            )
            .hint("elearning.xapi reads the same from a file"));
        };
        let records = Records::new(Window::over(body.into_bytes(), self.limit));
        read(&self.witness, records, self.limit, now, sink).await?;
        Ok(())
    }
}

impl fmt::Debug for XapiPush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "XapiPush({} secrets)", self.doors.len())
    }
}
