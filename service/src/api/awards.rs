//! Awards under keys of the caller's own.

use std::time::Duration;

use axum::{
    Json as Answer,
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wom_sdk::{
    Error, Kind, Timestamp, Zone,
    award::{AwardKey, Handle, Request, State},
    protocol::Aim,
};

use super::{
    Caller, Failure, Json,
    body::IdempotencyKey,
    code::{Code, Reason, reasons},
    id::Id,
    place::Place,
    query,
    wait::Wait,
    whole::Whole,
};
use crate::{Programme, Scope};

/// Minutes to award.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAward {
    /// What the minutes were given to, such as `H` (health) or `0` (a try-out).
    #[schema(example = "H", pattern = "^(0|[A-Z]{1,2})$")]
    aim: String,
    /// How many minutes: as many vouchers.
    #[schema(value_type = u32, minimum = 1, maximum = 10000)]
    minutes: Whole,
    /// Where they were given; the vouchers tell a cell of about 5 km.
    place: Place,
    /// When they were given (RFC 3339); now where it is left out. The vouchers tell the day.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// The zone whose day the vouchers tell, by its IANA name; UTC where it is left out.
    #[schema(example = "Europe/Rome", format = "time-zone")]
    zone: Option<String>,
    /// Tell place and time as they are. Together with other records they can name a person.
    #[serde(default)]
    exact: bool,
    /// A word of your own by which you know whom to hand the award to, 1 to 1,024 bytes; it goes out
    /// with the claim.
    #[schema(min_length = 1, max_length = 1024)]
    handle: Option<String>,
}

impl NewAward {
    fn request(&self) -> Result<Request, Error> {
        let field = |name| move |error: Error| error.with("field", name);
        let aim: Aim = self.aim.parse().map_err(field("aim"))?;
        let place = self.place.position().map_err(field("place"))?;
        let mut request = Request::new(aim, self.minutes.0, place);
        if let Some(at) = &self.at {
            request = request.at(at.parse::<Timestamp>().map_err(field("at"))?);
        }
        if let Some(zone) = &self.zone {
            request = request.in_zone(zone.parse::<Zone>().map_err(field("zone"))?);
        }
        if self.exact {
            request = request.exact();
        }
        if let Some(handle) = &self.handle {
            request = request.deliver_to(Handle::new(handle.clone()).map_err(field("handle"))?);
        }
        Ok(request)
    }
}

/// An award.
#[derive(Serialize, ToSchema)]
pub(crate) struct Award {
    /// Its id.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    id: String,
    /// Where it stands: `accepted`, `creating`, `created`, `verifying`, `verified`, `verify_unknown`,
    /// `offered` (the code is there), `acknowledged` (it is gone), `held` or `parked` (a person has
    /// to look).
    #[schema(example = "offered")]
    state: &'static str,
    /// Why, where it is held or parked: the code of an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Minutes in all.
    minutes: u32,
    reasons: Vec<Reason>,
    /// The code, once it is good, until it is acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

/// Accept an award
///
/// It is durable when this answers. The same `Idempotency-Key` again is the same award, with the
/// same code, however often it is asked for; with other minutes it is `award_key_reused`.
#[utoipa::path(
    post,
    path = "/awards",
    operation_id = "createAward",
    tag = "awards",
    params(Wait, IdempotencyKey),
    request_body = NewAward,
    responses(
        (status = 200, body = Award, description = "The code is there"),
        (status = 202, body = Award, description = "Accepted: the code comes"),
        Failure,
    )
)]
pub(super) async fn create(
    caller: Caller,
    wait: Result<Query<Wait>, QueryRejection>,
    IdempotencyKey { key }: IdempotencyKey,
    Json(new): Json<NewAward>,
) -> Result<(StatusCode, Answer<Award>), Failure> {
    let programme = caller.programme(&[Scope::Awards])?;
    let wait = query(wait)?.duration()?;
    let request = new.request()?;
    let key = programme.dispatcher.accept(&key, &request).await?;
    let award = show_award(programme, key, wait).await?;
    let status = match award.code {
        Some(_) => StatusCode::OK,
        None => StatusCode::ACCEPTED,
    };
    Ok((status, Answer(award)))
}

/// Show an award
///
/// With its code once that is good, until it is acknowledged.
#[utoipa::path(
    get,
    path = "/awards/{id}",
    operation_id = "showAward",
    tag = "awards",
    params(Wait, Id),
    responses(
        (status = 200, body = Award, description = "As it stands"),
        Failure,
    )
)]
pub(super) async fn show(
    caller: Caller,
    Id { id }: Id,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Answer<Award>, Failure> {
    let programme = caller.programme(&[Scope::Awards])?;
    let wait = query(wait)?.duration()?;
    let key = AwardKey::from_hex(&id).ok_or_else(unknown)?;
    show_award(programme, key, wait).await.map(Answer)
}

/// Say that the person has the code
///
/// It is forgotten here then, and never given out again. An award that has no code yet is a conflict
/// (409).
#[utoipa::path(
    post,
    path = "/awards/{id}/acknowledge",
    operation_id = "acknowledgeAward",
    tag = "awards",
    params(Id),
    responses(
        (status = 204, description = "The code is gone"),
        Failure,
    )
)]
pub(super) async fn acknowledge(caller: Caller, Id { id }: Id) -> Result<StatusCode, Failure> {
    let programme = caller.programme(&[Scope::Awards, Scope::Claims])?;
    let key = AwardKey::from_hex(&id).ok_or_else(unknown)?;
    let record = programme.store.award(key).await?;
    record.ok_or_else(unknown)?;
    match programme.dispatcher.acknowledge_key(key).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // The award is there, and has no code yet.
        Err(error) if error.kind() == Kind::InputInvalid => {
            Err(Failure::new(StatusCode::CONFLICT, error))
        }
        Err(error) => Err(error.into()),
    }
}

async fn show_award(
    programme: &Programme,
    key: AwardKey,
    wait: Duration,
) -> Result<Award, Failure> {
    let record = programme.store.award(key).await?.ok_or_else(unknown)?;
    let mut code = None;
    let ready = matches!(record.state, State::Verified | State::Offered);
    if ready || record.state.is_open() && !wait.is_zero() {
        let dispatcher = programme.dispatcher.clone().with_patience(wait);
        match dispatcher.bring(key).await {
            Ok(ticket) => code = Some(Code::of(&ticket)),
            // Its state tells all of that.
            Err(error)
                if matches!(
                    error.kind(),
                    Kind::DeadlineExceeded | Kind::AlreadyDelivered | Kind::AwardHeld
                ) => {}
            Err(error) => {
                tracing::debug!(code = error.code(), "an award has no code yet");
            }
        }
    }
    let record = programme.store.award(key).await?.ok_or_else(unknown)?;
    Ok(Award {
        id: key.to_hex(),
        state: record.state.name(),
        reason: record.state.reason().map(ToOwned::to_owned),
        minutes: record.content.minutes(),
        reasons: reasons(&record.content, &programme.zone),
        code,
    })
}

fn unknown() -> Failure {
    Failure::not_found("there is no award with this id")
}
