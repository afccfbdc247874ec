//! Claims: what a person collects.

use axum::{Json as Answer, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Caller, Failure, Json,
    code::{Code, Reason, reasons},
    subjects::Person,
};
use crate::{Scope, claim_page, page::Language};

/// A claim.
#[derive(Serialize, ToSchema)]
pub(crate) struct Claim {
    /// Its id: acknowledge it under `/awards/{id}/acknowledge`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    id: String,
    /// Minutes in all.
    minutes: u32,
    reasons: Vec<Reason>,
    code: Code,
}

/// What a person can collect now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Claims {
    /// Usually one; one for each month in which something waits.
    claims: Vec<Claim>,
}

/// Minutes that wait.
#[derive(Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// How many.
    minutes: u64,
}

/// Whose claim page to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPage {
    subject: Person,
    /// The language of the page; the browser's where it is left out.
    language: Option<Language>,
}

/// Where a person collects.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page {
    /// Open it in the person's browser. It works once.
    url: String,
    /// Until when it can be opened (RFC 3339).
    #[schema(format = DateTime)]
    expires: String,
}

/// Collect what waits for a person
///
/// Everything that is settled becomes codes that are good. The same claims again until each is
/// acknowledged.
#[utoipa::path(
    post,
    path = "/claims",
    operation_id = "collectClaims",
    tag = "claims",
    request_body = Person,
    responses(
        (status = 200, body = Claims, description = "Each with its code; none where nothing waits"),
        Failure,
    )
)]
pub(super) async fn collect(
    caller: Caller,
    Json(person): Json<Person>,
) -> Result<Answer<Claims>, Failure> {
    let programme = caller.programme(&[Scope::Claims])?;
    let claims = programme.claims().of(&person.subject()?).await?;
    let told = claims.iter().map(|claim| Claim {
        id: claim.key.to_hex(),
        minutes: claim.ticket.minutes,
        reasons: reasons(&claim.content, &programme.zone),
        code: Code::of(&claim.ticket),
    });
    Ok(Answer(Claims {
        claims: told.collect(),
    }))
}

/// Tell how many minutes wait for a person
///
/// No code is made.
#[utoipa::path(
    post,
    path = "/claims/waiting",
    operation_id = "countWaiting",
    tag = "claims",
    request_body = Person,
    responses(
        (status = 200, body = Waiting, description = "So many, or none"),
        Failure,
    )
)]
pub(super) async fn waiting(
    caller: Caller,
    Json(person): Json<Person>,
) -> Result<Answer<Waiting>, Failure> {
    let programme = caller.programme(&[Scope::Claims])?;
    let minutes = programme.claims().waiting(&person.subject()?).await?;
    Ok(Answer(Waiting { minutes }))
}

/// Make the address of a person's claim page
///
/// The page shows minutes with their reasons, makes the code when the person says so, and leads into
/// the Pocket. The address works once, for 10 minutes.
#[utoipa::path(
    post,
    path = "/claim-pages",
    operation_id = "openClaimPage",
    tag = "claims",
    request_body = NewPage,
    responses(
        (status = 201, body = Page, description = "Open it in the person's browser"),
        Failure,
    )
)]
pub(super) async fn page(
    caller: Caller,
    Json(new): Json<NewPage>,
) -> Result<(StatusCode, Answer<Page>), Failure> {
    let programme = caller.programme(&[Scope::Claims])?;
    let subject = new.subject.subject()?;
    let opened = claim_page::open(caller.service(), programme, &subject, new.language)?;
    Ok((
        StatusCode::CREATED,
        Answer(Page {
            url: opened.url,
            expires: opened.expires.to_string(),
        }),
    ))
}
