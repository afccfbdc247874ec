//! Bringing activity in.

use axum::{
    Json as Answer,
    body::Body,
    extract::{Query, rejection::QueryRejection},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use wom_sdk::{
    Digest,
    collector::FirstRefusals,
    instrument::{Input, Refusal},
    store::DeliveryId,
};

use super::{
    Caller, Failure,
    body::{header_text, read},
    query,
};
use crate::Scope;

/// Bytes of what is brought in at a time.
const LIMIT: usize = 16 * 1024 * 1024;

/// What the body is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Form {
    /// The adapter that reads it: see `wom adapters`.
    #[param(example = "activity.json")]
    adapter: String,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Taken {
    /// Whether the same delivery was taken in before; nothing was read then.
    repeated: bool,
    /// Observations that were read.
    observations: u64,
    /// Records that were refused.
    refused: u64,
    /// What was wrong with the first hundred of them.
    refusals: Vec<Refused>,
    /// Minutes that are settled and wait to be collected, of the people that this touched.
    waiting: u64,
    /// Awards that were made at once, where the campaign says so.
    awarded: u64,
    /// Awards that a person has to judge first.
    held: u64,
}

/// A record that was refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refused {
    /// A stable name such as `truncated`.
    code: &'static str,
    /// What is wrong, and what to do.
    message: String,
    /// Where: names such as `line`, with their numbers.
    at: BTreeMap<&'static str, u64>,
    /// Which field.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

/// Bring activity in
///
/// The body is a file as the adapter reads it: activity.json, CSV, FIT, Apple Health. What was read
/// is durable when this answers; reading it again changes nothing.
#[utoipa::path(
    post,
    path = "/activities",
    operation_id = "submitActivities",
    tag = "activities",
    params(
        Form,
        (
            "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 512,
            pattern = "^[!-~]([ -~]*[!-~])?$",
            description = "Your own name of this delivery: the same one again is not read again"
        ),
        (
            "WOM-Subject" = Option<String>, Header, min_length = 1, max_length = 256,
            pattern = "^[!-~]([ -~]*[!-~])?$",
            description = "Whose recording it is, where the adapter is told that (FIT, Apple Health)"
        ),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Taken, description = "It is kept"),
        Failure,
    )
)]
pub(super) async fn submit(
    caller: Caller,
    form: Result<Query<Form>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<Taken>, Failure> {
    let programme = caller.programme(&[Scope::Activities])?;
    let adapter = query(form)?.adapter;
    let subject = header_text(&headers, "wom-subject", 256)?;
    let delivery = header_text(&headers, "idempotency-key", 512)?;
    let service = caller.service();
    let adapter = programme.adapter(&service.0.catalog, &adapter, subject)?;
    // So many at a time, as each holds its body.
    let Ok(_place) = service.0.reading.try_acquire() else {
        return Err(Failure::busy());
    };
    let bytes = read(body, LIMIT).await?;
    let delivery = delivery.map(|name| {
        let adapter = adapter.info().name;
        DeliveryId(Digest::of([
            b"activities/1".as_slice(),
            adapter.as_bytes(),
            name.as_bytes(),
        ]))
    });
    let mut refused = FirstRefusals::default();
    let taken = programme
        .collector
        .submit(&*adapter, Input::Bytes(bytes), delivery, &mut refused)
        .await?;
    let sum =
        |count: fn(&wom_sdk::collector::Settled) -> u64| taken.settled.iter().map(count).sum();
    Ok(Answer(Taken {
        repeated: taken.repeated,
        observations: taken.observations,
        refused: taken.refused,
        refusals: refused.0.into_iter().map(Refused::from).collect(),
        waiting: sum(|settled| settled.uncollected),
        awarded: sum(|settled| settled.awarded.len() as u64),
        held: sum(|settled| settled.held.len() as u64),
    }))
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code,
            message: refusal.message.into_owned(),
            at: refusal.at.into_iter().collect(),
            field: refusal.field,
        }
    }
}
