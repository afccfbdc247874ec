//! What a person may ask about themselves.

use axum::Json as Answer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wom_sdk::{Result, Subject};

use super::{Caller, Failure, Json};
use crate::Scope;

/// A person, as the source of their activity names them. It stands in the body, never in an address,
/// as addresses are written to logs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    /// Whose ids these are, 1 to 256 bytes: `participant` for ids of your own.
    #[schema(min_length = 1, max_length = 256, example = "participant")]
    namespace: String,
    /// The id, 1 to 256 bytes.
    #[schema(min_length = 1, max_length = 256)]
    id: String,
}

impl Person {
    pub(crate) fn subject(&self) -> Result<Subject> {
        Subject::new(self.namespace.clone(), self.id.clone())
    }
}

/// What was forgotten.
#[derive(Serialize, ToSchema)]
pub(crate) struct Erased {
    /// Codes that were given up: nobody can redeem their vouchers any more.
    codes: u64,
}

/// Export what is kept about a person
///
/// Observations, accounts and awards, as GDPR, Article 15, asks. Codes are not in it.
#[utoipa::path(
    post,
    path = "/subjects/export",
    operation_id = "exportSubject",
    tag = "subjects",
    request_body = Person,
    responses(
        (status = 200, body = Object, description = "Everything, in the form of the store"),
        Failure,
    )
)]
pub(super) async fn export(
    caller: Caller,
    Json(person): Json<Person>,
) -> Result<Answer<serde_json::Value>, Failure> {
    let programme = caller.programme(&[Scope::Subjects])?;
    let kept = programme.claims().export(&person.subject()?).await?;
    Ok(Answer(kept))
}

/// Forget a person
///
/// Observations, and codes that were not collected. How many minutes were awarded for which day
/// stays under a pseudonym until the month's key is destroyed, so that they do not count again.
#[utoipa::path(
    post,
    path = "/subjects/erase",
    operation_id = "eraseSubject",
    tag = "subjects",
    request_body = Person,
    responses(
        (status = 200, body = Erased, description = "Forgotten"),
        Failure,
    )
)]
pub(super) async fn erase(
    caller: Caller,
    Json(person): Json<Person>,
) -> Result<Answer<Erased>, Failure> {
    let programme = caller.programme(&[Scope::Subjects])?;
    let codes = programme.claims().erase(&person.subject()?).await?;
    Ok(Answer(Erased { codes }))
}
