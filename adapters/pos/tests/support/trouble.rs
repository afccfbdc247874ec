//! What goes wrong between us and a shop, on demand.

use std::{io, sync::Mutex};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::stream;

/// How a call goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It is done, and the answer breaks off.
    Lost,
    /// It is done, and the answer has more bytes than any should.
    Huge,
    /// None: so that the next call of its kind is the one.
    None,
    /// It is not done, and this is answered, with this `Retry-After`.
    Status(u16, Option<u32>, &'static str),
    /// It is not done, and nothing is answered.
    Silent,
}

/// What goes wrong next, each once: with the first call whose label has this text.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<Vec<(String, Trouble)>>);

impl Troubles {
    pub(crate) fn next(&self, label: &str, trouble: Trouble) {
        self.0.lock().unwrap().push((label.to_owned(), trouble));
    }

    pub(crate) fn take(&self, label: &str) -> Option<Trouble> {
        let mut waiting = self.0.lock().unwrap();
        let found = waiting.iter().position(|(of, _)| label.contains(of))?;
        Some(waiting.remove(found).1)
    }

    /// Whether all of it happened.
    pub(crate) fn are_over(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

/// Lets a call go wrong before it is done.
pub(crate) async fn before(trouble: Option<&Trouble>) -> Option<Response> {
    match trouble? {
        Trouble::Lost | Trouble::Huge | Trouble::None => None,
        Trouble::Silent => std::future::pending().await,
        Trouble::Status(status, after, words) => {
            let status = StatusCode::from_u16(*status).unwrap();
            let after = after.map(|after| [("retry-after", after.to_string())]);
            Some(match after {
                Some(after) => (status, after, *words).into_response(),
                None => (status, *words).into_response(),
            })
        }
    }
}

/// Lets the answer of a call go wrong that is done.
pub(crate) fn after(trouble: Option<&Trouble>, answer: Response) -> Response {
    match trouble {
        Some(Trouble::Lost) => {
            let broken =
                stream::iter([Ok(Bytes::from_static(b"{")), Err(io::Error::other("lost"))]);
            Response::new(Body::from_stream(broken))
        }
        Some(Trouble::Huge) => Response::new(Body::from(vec![b' '; 17 << 20])),
        _ => answer,
    }
}
